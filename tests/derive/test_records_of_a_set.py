"""The unit is the candidate set: all records that show its candidates count together, whoever answered them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.types import HUMAN_EDIT, ReviewRecord
from tests.derive.stores import (
    EVERY,
    Store,
    chosen,
    derived,
    make_config,
    make_response,
    published,
    rows_of,
)

pytestmark = pytest.mark.slow

JUDGE = {"type": "ultrafeedback", "model_id": "j"}


def labels_of(folder: Path) -> dict[str, bool]:
    """Return the label of each completion in kto, which no completion has twice."""
    rows = published(folder / "out", "kto")
    labels = {row["completion"][0]["content"]: row["label"] for row in rows}
    assert len(labels) == len(rows)
    return labels


def two_records() -> tuple[Store, ReviewRecord, ReviewRecord]:
    """Return a store with a set of three answers: ann prefers One to Two, and bob Three to One."""
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.")
    first = store.show(candidate_set, 0, 1, answers={"ann": "a"})
    second = store.show(candidate_set, 0, 2, answers={"bob": "b"})
    return store, first, second


def test_an_answer_that_two_records_show_has_one_score_and_one_label(tmp_path: Path) -> None:
    store, first, second = two_records()
    result = derived(store, tmp_path)
    assert labels_of(tmp_path) == {"Two.": False, "Three.": True}
    assert dict(result.tally.dropped["kto"]) == {"undecided": 1}
    [pair] = published(tmp_path / "out", "dpo")
    assert (chosen(pair), pair["score_gap"]) == (("Three.", "Two."), 1.0)
    assert sorted(pair["record_ids"]) == sorted([first.id, second.id])
    assert (pair["reviewers"], pair["agreement"], pair["label_source"]) == (2, None, "human")
    [candidate_set] = store.sets
    _, two, three = (candidate.id for candidate in candidate_set.candidates)
    assert pair["id"] == ids.row_id("dpo", candidate_set.prompt.id, three, two)
    # Each reviewer saw one of the two answers of the pair: what they say of the other is not known.
    assert sorted((entry["scores"] for entry in pair["annotations"]), key=str) == [[1.0, None], [None, 0.0]]


def test_pairs_are_made_within_the_set_also_between_two_records(tmp_path: Path) -> None:
    store, first, second = two_records()
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "pairs": "all"}))
    rows = {chosen(row): row for row in published(tmp_path / "out", "dpo")}
    assert {pair: row["score_gap"] for pair, row in rows.items()} == {
        ("Three.", "Two."): 1.0,
        ("Three.", "One."): 0.5,
        ("One.", "Two."): 0.5,
    }
    assert {tuple(sorted(row["record_ids"])) for row in rows.values()} == {tuple(sorted((first.id, second.id)))}


def test_raw_has_one_row_for_a_set_with_all_that_was_answered_to_its_records(tmp_path: Path) -> None:
    store, first, second = two_records()
    store.responses.append(make_response(second, "a", "eva", status="discarded"))
    derived(store, tmp_path)
    rows = rows_of(tmp_path)
    [raw] = rows["raw"]
    [candidate_set] = store.sets
    assert (raw["set_id"], raw["settings"]) == (candidate_set.id, candidate_set.settings)
    assert sorted(raw["record_ids"]) == sorted([first.id, second.id])
    assert [(answer["text"], answer["score"]) for answer in raw["candidates"]] == [
        ("One.", 0.5),
        ("Two.", 0.0),
        ("Three.", 1.0),
    ]
    entries = {(entry["record_id"], entry["status"]): entry["scores"] for entry in raw["annotations"]}
    assert entries == {
        (first.id, "submitted"): [1.0, 0.0, None],
        (second.id, "submitted"): [0.0, None, 1.0],
        (second.id, "discarded"): [None, None, None],
    }
    assert {(entry["labels"], tuple(entry["flags"])) for entry in raw["annotations"]} == {("{}", ())}
    assert raw["reviewers"] == 2
    assert sorted(raw["rows"]) == sorted(row["id"] for name in EVERY[:-1] for row in rows[name])
    assert raw["dropped"] == ["kto:undecided"]


def test_a_score_of_more_reviewers_weighs_more(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.")
    store.show(candidate_set, 0, 1, answers={"ann": "a", "bob": "a", "eva": "a"})
    store.show(candidate_set, 0, 2, answers={"kim": "b"})
    derived(store, tmp_path)
    [row] = [row for row in published(tmp_path / "out", "kto") if row["completion"][0]["content"] == "One."]
    # Three reviewers say 1, one says 0; the three agree with each other, and one alone with nobody.
    assert (row["label"], row["score"], row["reviewers"], row["agreement"]) == (True, 0.75, 4, 1.0)


def test_people_count_before_programs_in_their_place_and_those_before_the_judge(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.", "Four.", ratings=(1.0, None, None, 5.0))
    by_ann = store.show(candidate_set, 0, 1, answers={"ann": "a"})
    by_program = store.show(candidate_set, 0, 2, answers={"simulated-x": "b"})
    by_judge = store.show(candidate_set, 0, 3)
    config = make_config(publish={"formats": EVERY, "pairs": "all"}, labels={"judge_fallback": True}, judge=JUDGE)
    result = derived(store, tmp_path, config)
    assert result.tally.label_sources == {"human": 1, "simulated": 1, "judge": 1}
    rows = {row["completion"][0]["content"]: row for row in published(tmp_path / "out", "kto")}
    # The program and the judge prefer another answer to One; what ann says of it alone counts.
    assert {
        text: (row["label"], row["score"], row["label_source"], row["record_ids"]) for text, row in rows.items()
    } == {
        "One.": (True, 1.0, "human", [by_ann.id]),
        "Two.": (False, 0.0, "human", [by_ann.id]),
        "Three.": (True, 1.0, "simulated", [by_program.id]),
        "Four.": (True, 1.0, "judge", [by_judge.id]),
    }
    # A pair is no better than the worse of its sources.
    pairs = {chosen(row): row["label_source"] for row in published(tmp_path / "out", "dpo")}
    assert pairs == {
        ("One.", "Two."): "human",
        ("Three.", "Two."): "simulated",
        ("Four.", "Two."): "judge",
    }


def test_without_people_programs_count_before_the_judge(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.", ratings=(1.0, 5.0, 5.0))
    store.show(candidate_set, 0, 1, answers={"simulated-x": "a"})
    store.show(candidate_set, 0, 2)
    derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"judge_fallback": True}, judge=JUDGE))
    assert labels_of(tmp_path) == {"One.": True, "Two.": False, "Three.": True}


def test_a_record_without_a_verdict_leaves_what_the_others_say(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.")
    store.show(candidate_set, 0, 1, answers={"ann": "a"})
    store.show(candidate_set, 0, 2, answers={"ann": "a", "bob": "b"})
    store.show(candidate_set, 1, 2)
    result = derived(store, tmp_path)
    assert (result.tally.verdicts, result.tally.unresolved) == (1, {"draw": 1, "unreviewed": 1})
    assert labels_of(tmp_path) == {"One.": True, "Two.": False}
    [raw] = published(tmp_path / "out", "raw")
    assert sorted(raw["dropped"]) == ["draw", "unreviewed"]
    assert [answer["score"] for answer in raw["candidates"]] == [1.0, 0.0, None]


def test_thumbs_on_single_completions_give_pairs_between_records(tmp_path: Path, thumbs: str) -> None:
    store = Store()
    candidate_set = store.add_set("Good.", "Bad.", "Not answered.")
    good = store.show(candidate_set, 0, task=thumbs, answers={"ann": "good"})
    bad = store.show(candidate_set, 1, task=thumbs, answers={"bob": "bad"})
    store.show(candidate_set, 2, task=thumbs)
    result = derived(store, tmp_path)
    [dpo], [sft] = (published(tmp_path / "out", name) for name in ("dpo", "sft"))
    assert (chosen(dpo), sorted(dpo["record_ids"])) == (("Good.", "Bad."), sorted([good.id, bad.id]))
    assert (sft["messages"][-1]["content"], sft["record_ids"]) == ("Good.", [good.id])
    assert labels_of(tmp_path) == {"Good.": True, "Bad.": False}
    assert (result.records, result.tally.verdicts, result.tally.unresolved) == (3, 2, {"unreviewed": 1})


@pytest.mark.parametrize("ties", ["drop", "kto-only"])
def test_what_was_shown_one_by_one_is_no_tie_though_all_of_it_is_good(tmp_path: Path, thumbs: str, ties: str) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.")
    for place in (0, 1):
        store.show(candidate_set, place, task=thumbs, answers={"ann": "good"})
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"ties": ties}))
    assert labels_of(tmp_path) == {"One.": True, "Two.": True}
    # No answer is better than the other, so there is no pair.
    assert {name: dict(result.tally.dropped[name]) for name in EVERY[:-1]} == {
        "dpo": {"tie": 1},
        "reward": {"tie": 1},
        "sft": {"tie": 1},
        "kto": {},
    }


@pytest.mark.parametrize("ties", ["drop", "kto-only"])
def test_one_answer_with_a_score_is_a_row_of_kto_and_the_reason_for_no_pair(
    tmp_path: Path, thumbs: str, ties: str
) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.")
    store.show(candidate_set, 0, task=thumbs, answers={"ann": "good"})
    store.show(candidate_set, 1, task=thumbs)
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"ties": ties}))
    assert labels_of(tmp_path) == {"One.": True}
    assert {name: dict(result.tally.dropped[name]) for name in EVERY[:-1]} == {
        "dpo": {"one_score": 1},
        "reward": {"one_score": 1},
        "sft": {"one_score": 1},
        "kto": {},
    }


def test_two_records_that_prefer_one_answer_each_make_a_tie(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.")
    first = store.show(candidate_set, answers={"ann": "a"})
    second = first.model_copy(update={"id": "another-record"})
    store.records.append(second)
    store.responses.append(make_response(second, "b", "bob"))
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"ties": "drop"}))
    assert {name: dict(result.tally.dropped[name]) for name in ("dpo", "kto")} == {"dpo": {"tie": 1}, "kto": {"tie": 1}}


def test_an_edit_in_two_records_is_one_answer_of_both(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Three.")
    first = store.show(candidate_set, 0, 1, answers={"ann": "a"}, edit="One!")
    second = store.show(candidate_set, 0, 2, answers={"bob": "a"}, edit="One!")
    derived(store, tmp_path)
    rows = rows_of(tmp_path)
    assert labels_of(tmp_path) == {"One.": True, "One!": True, "Two.": False, "Three.": False}
    [sft] = rows["sft"]
    assert (sft["messages"][-1]["content"], sft["model"], sft["reviewers"]) == ("One!", HUMAN_EDIT, 2)
    assert sorted(sft["record_ids"]) == sorted([first.id, second.id])
    assert [entry["scores"] for entry in sft["annotations"]] == [[1.0], [1.0]]
    [raw] = rows["raw"]
    [edit] = [answer for answer in raw["candidates"] if answer["model"] == HUMAN_EDIT]
    assert (edit["text"], edit["score"], edit["edit_of"]) == ("One!", 1.0, candidate_set.candidates[0].id)
    assert len(raw["candidates"]) == 4


def test_a_record_of_another_task_than_the_configured_one_is_read_by_its_own(tmp_path: Path, thumbs: str) -> None:
    store = Store()
    config = make_config(publish={"formats": EVERY})
    assert config.review.task == "pairwise"
    older = store.add_set("Good.", "Bad.")
    store.show(older, 0, task=thumbs, answers={"ann": "good"})
    store.show(older, 1, task=thumbs, answers={"ann": "bad"})
    newer = store.add_set("Better.", "Worse.")
    store.show(newer, answers={"ann": "a"})
    # The same set was shown with both tasks: all answers count together.
    both = store.add_set("First.", "Second.")
    store.show(both, 0, 1, answers={"ann": "a"})
    store.show(both, 1, task=thumbs, answers={"bob": "good"})
    result = derived(store, tmp_path, config)
    rows: dict[tuple[str, str], Any] = {chosen(row): row["score_gap"] for row in published(tmp_path / "out", "dpo")}
    assert rows == {("Good.", "Bad."): 1.0, ("Better.", "Worse."): 1.0, ("First.", "Second."): 0.5}
    assert (result.tally.verdicts, result.reviewers) == (5, {"ann": 4, "bob": 1})
