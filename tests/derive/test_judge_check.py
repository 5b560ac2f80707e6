"""What is counted of the judge against people, from a store: criteria, suggestions, and the sample of what is left."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from curation.labels import Compared
from curation.types import Judgement, ReviewRecord
from tests.derive.stores import Store, chosen, derived, make_config, make_record, make_response, published
from tests.rows import make_judgement

pytestmark = pytest.mark.slow


def overall(counter: Counter[Any]) -> dict[tuple[int, int], int]:
    """Return the records by the ways of judge and people, of the ratings as a whole."""
    return {key[1][3:]: count for key, count in counter.items() if key[1][:2] == ("", "")}


def add(
    store: Store,
    *answers: str,
    ratings: tuple[float, float] = (5, 1),
    judgements: tuple[Judgement, ...] = (),
    suggested: bool = False,
    sampled: bool = False,
) -> ReviewRecord:
    """Add a set with a record that has these marks, and on which reviewers gave these answers."""
    record = store.add(*answers, ratings=ratings)
    store.sets[-1] = store.sets[-1].model_copy(update={"judgements": judgements})
    store.records[-1] = record.model_copy(update={"suggested": suggested, "sampled": sampled})
    return store.records[-1]


def test_the_ways_of_judge_and_people_are_counted_with_those_of_neither_side(tmp_path: Path) -> None:
    store = Store()
    add(store, "a")
    add(store, "b")
    add(store, "both_good")
    add(store, "a", ratings=(3, 3))
    add(store)
    result = derived(store, tmp_path)
    assert overall(result.tally.judged) == {(1, 1): 1, (1, -1): 1, (1, 0): 1, (0, 1): 1}
    check = result.judge_check
    assert check is not None
    assert check.kappa.count == 4
    assert (check.suggestions, check.disagreement, check.left_to_judge) == (None, None, 0)


def test_each_criterion_is_compared_by_the_mean_of_both_orders_on_its_own_scale(tmp_path: Path) -> None:
    store = Store()
    judgements = (
        make_judgement(5, 1, judge="j", aspect="tone"),
        make_judgement(3, 1, judge="j", aspect="tone", order=(1, 0)),
        # Both orders together give 6 and 6 of 10.
        make_judgement(9, 3, judge="j", aspect="depth", scale=10),
        make_judgement(3, 9, judge="j", aspect="depth", scale=10, order=(1, 0)),
        # One of the two cannot be read, so nothing is known.
        make_judgement(5, 1, judge="k", aspect="tone"),
        make_judgement(None, 1, judge="k", aspect="tone", order=(1, 0)),
    )
    add(store, "b", judgements=judgements)
    result = derived(store, tmp_path)
    assert {key[1]: count for key, count in result.tally.judged.items()} == {
        Compared("", "", False, 1, -1): 1,
        Compared("j", "tone", False, 1, -1): 1,
        Compared("j", "depth", False, 0, -1): 1,
    }


def test_a_criterion_is_held_to_the_aspect_of_its_name_if_people_were_asked(tmp_path: Path) -> None:
    store = Store()
    judgement = make_judgement(5, 1, judge="j", aspect="instruction-following")
    record = add(store, judgements=(judgement,))
    for reviewer, choice in (("ann", "b"), ("bob", "b"), ("eve", "a")):
        response = make_response(record, "a", reviewer)
        values = {**response.values, "aspect_instruction_following": choice}
        store.responses.append(response.model_copy(update={"values": values}))
    result = derived(store, tmp_path)
    of_criterion = [key[1] for key in result.tally.judged if key[1].criterion]
    assert sorted(of_criterion) == [
        Compared("j", "instruction-following", False, 1, 1),
        Compared("j", "instruction-following", True, 1, -1),
    ]


def test_of_a_single_answer_good_and_bad_are_the_two_sides(tmp_path: Path) -> None:
    store = Store()
    for rating, quality in ((5, "good"), (2, "good"), (3, "bad")):
        candidate_set = store.add_set("One.", "Two.", ratings=(rating, 4))
        store.records.append(make_record(candidate_set, 0, task="binary"))
        store.responses.append(make_response(store.records[-1], quality))
    result = derived(store, tmp_path, make_config(review={"task": "binary"}))
    assert overall(result.tally.judged) == {(1, 1): 1, (-1, 1): 1, (0, -1): 1}


def test_records_that_show_what_the_judge_says_are_an_arm_of_their_own(tmp_path: Path) -> None:
    store = Store()
    add(store, "a", suggested=True)
    add(store, "both_good", suggested=True)
    add(store, "a")
    add(store, "b")
    # The judge prefers neither: there is nothing to follow.
    add(store, "a", ratings=(3, 3))
    result = derived(store, tmp_path)
    assert dict(result.tally.followed) == {
        ("human", (True, True)): 1,
        ("human", (True, False)): 1,
        ("human", (False, True)): 1,
        ("human", (False, False)): 1,
    }
    # What people were told does not count for how far the judge agrees with them.
    assert overall(result.tally.judged) == {(1, 1): 1, (1, -1): 1, (0, 1): 1}
    check = result.judge_check
    assert check is not None
    assert check.suggestions is not None
    assert (check.suggestions.shown.value, check.suggestions.difference.value) == (0.5, 0)


def test_only_programs_are_measured_where_no_person_answered(tmp_path: Path) -> None:
    store = Store()
    record = add(store)
    store.responses.append(make_response(record, "b", "simulated-one"))
    check = derived(store, tmp_path).judge_check
    assert check is not None
    assert check.kappa.count == 1
    add(store, "a")
    check = derived(store, tmp_path / "people").judge_check
    assert check is not None
    assert (check.kappa.count, check.kappa.reason) == (1, "the judge and people always said the same of every record")


def test_without_ratings_nothing_is_known_of_the_judge(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    assert derived(store, tmp_path).judge_check is None


@pytest.mark.parametrize("sampled", [True, False])
def test_the_sample_is_counted_by_whether_people_agree(tmp_path: Path, sampled: bool) -> None:
    store = Store()
    add(store, "a", sampled=sampled)
    add(store, "both_bad", sampled=sampled)
    add(store, sampled=sampled)
    check = derived(store, tmp_path).judge_check
    assert check is not None
    measured = check.disagreement
    assert (None if measured is None else (measured.value, measured.count)) == ((0.5, 2) if sampled else None)


def test_what_is_left_to_the_judge_gives_rows_of_the_judge_and_counts_as_not_shown(tmp_path: Path) -> None:
    store = Store()
    store.add("a", ratings=(5, 4), texts=["Good.", "Bad."])
    left = store.add(ratings=(1, 5), texts=["Left one.", "Left two."])
    unanswered = store.add(ratings=(5, 1))
    store.leave_to_judge(left)
    judge = {"type": "ultrafeedback", "model_id": "j"}
    config = make_config(publish={"formats": ["dpo", "raw"], "test_size": 0}, judge=judge)
    result = derived(store, tmp_path, config)
    assert result.tally.label_sources == {"human": 1, "judge": 1}
    assert result.tally.unresolved == {"unreviewed": 1}
    assert result.tally.unshown == {"judge_sure": 1}
    assert result.tally.reached["shown"] == 2
    [row] = [row for row in published(tmp_path / "out", "dpo") if row["label_source"] == "judge"]
    assert (*chosen(row), row["record_ids"], row["reviewers"]) == ("Left two.", "Left one.", [left.id], 0)
    raw = {row["set_id"]: row for row in published(tmp_path / "out", "raw")}
    assert raw[left.set_id]["label_source"] == "judge"
    assert raw[unanswered.set_id]["dropped"] == ["unreviewed"]
    check = result.judge_check
    assert check is not None
    assert check.left_to_judge == 1


def test_a_set_that_was_shown_since_is_left_to_nobody(tmp_path: Path) -> None:
    store = Store()
    record = store.add(ratings=(1, 5))
    store.left.append(record)
    result = derived(store, tmp_path)
    assert (result.records, result.tally.unresolved) == (1, {"unreviewed": 1})
