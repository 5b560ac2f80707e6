"""Adjudication: once an adjudicator answered, the verdict and the flags are the adjudicators', and only these."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.types import ReviewRecord, Status
from tests.derive.stores import EVERY, Store, chosen, derived, make_config, make_response, rows_of


@pytest.mark.slow
def test_an_adjudicator_decides_a_draw(tmp_path: Path) -> None:
    store = Store()
    drawn, waiting = store.add("a", "b"), store.add("a", "b")
    store.escalate(drawn, make_response(drawn, "b", "zoe"))
    store.escalate(waiting)
    result = derived(store, tmp_path)
    assert (result.rows("dpo"), dict(result.tally.unresolved)) == (1, {"draw": 1})
    [row] = rows_of(tmp_path)["dpo"]
    assert (row["label_source"], row["reviewers"], row["agreement"]) == ("adjudicated", 1, None)
    assert (row["record_ids"], chosen(row)) == ([drawn.id], ("0: Answer 1.", "0: Answer 0."))
    assert dict(result.tally.label_sources) == {"adjudicated": 1}
    [raw] = [row for row in rows_of(tmp_path)["raw"] if row["record_ids"] == [drawn.id]]
    entries = {(entry["scores"][0], entry["adjudication"], entry["record_id"]) for entry in raw["annotations"]}
    assert entries == {(1.0, False, drawn.id), (0.0, False, drawn.id), (0.0, True, drawn.id)}
    assert (raw["label_source"], raw["reviewers"]) == ("adjudicated", 1)


@pytest.mark.slow
def test_adjudicators_are_kept_out_of_agreement_and_of_the_statistics_of_reviewers(tmp_path: Path) -> None:
    def store_of(*, adjudicated: bool) -> Store:
        store = Store()
        for _ in range(4):
            record = store.add("a", "b")
            answers = [make_response(record, "b", reviewer) for reviewer in ("ann", "zoe")]
            store.escalate(record, *(answers if adjudicated else ()))
        return store

    before = derived(store_of(adjudicated=False), tmp_path / "before")
    after = derived(store_of(adjudicated=True), tmp_path / "after")
    for source in ("human", "simulated"):
        first, second = before.votes[source], after.votes[source]
        assert first.reviewers == second.reviewers
        assert [first.answer.tolist(), first.record.tolist()] == [second.answer.tolist(), second.record.tolist()]
    # ann answered four records as a reviewer; zoe none. Both have pseudonyms, because `raw` names both.
    assert after.reviewers == {"ann": 4, "bob": 4, "zoe": 0}
    assert (before.rows("dpo"), after.rows("dpo")) == (0, 4)


@pytest.mark.slow
@pytest.mark.parametrize("status", ["draft", "discarded"])
def test_a_draft_or_discard_of_an_adjudicator_leaves_everything_as_it_was(tmp_path: Path, status: Status) -> None:
    store = Store()
    record = store.add("a", "a", "b")
    store.escalate(record, make_response(record, "b", "zoe", status=status))
    derived(store, tmp_path)
    [row] = rows_of(tmp_path)["dpo"]
    assert (row["label_source"], row["reviewers"], row["agreement"]) == ("human", 3, pytest.approx(2 / 3))


def test_two_adjudicators_who_do_not_agree_leave_a_draw(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a", "a", "b")
    store.escalate(record, make_response(record, "a", "yan"), make_response(record, "b", "zoe"))
    result = derived(store, tmp_path)
    assert (result.rows("dpo"), dict(result.tally.unresolved)) == (0, {"draw": 1})
    assert [row["dropped"] for row in rows_of(tmp_path)["raw"]] == [["draw"]]


def flagged(store: Store, *flags: str) -> ReviewRecord:
    record = store.add()
    store.responses.append(make_response(record, "a", "ann", flags=flags))
    return record


@pytest.mark.slow
def test_an_adjudicator_lifts_a_flag_or_confirms_it(tmp_path: Path) -> None:
    store = Store()
    lifted, confirmed, left = (flagged(store, "unsafe") for _ in range(3))
    store.escalate(lifted, make_response(lifted, "a", "zoe"))
    store.escalate(confirmed, make_response(confirmed, "a", "zoe", flags=["personal_data"]))
    store.escalate(left, make_response(left, "a", "zoe", status="discarded"))
    result = derived(store, tmp_path)
    assert [row["record_ids"] for row in rows_of(tmp_path)["dpo"]] == [[lifted.id]]
    assert dict(result.tally.dropped["dpo"]) == {"flagged": 2}
    assert dict(result.tally.flags) == {"personal_data": 1, "unsafe": 1}


@pytest.mark.slow
def test_only_edits_of_adjudicators_are_followed(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a", "b", edit="Ann's own.")
    store.escalate(record, make_response(record, "b", "ann", edit="Ann's second."))
    derived(store, tmp_path)
    [raw] = rows_of(tmp_path)["raw"]
    edits = {candidate["text"]: candidate["score"] for candidate in raw["candidates"][2:]}
    assert edits == {"Ann's second.": 1.0, "Ann's own.": None}
    # Each of ann's two responses scores what it wrote, and not what the other did.
    of_ann = {
        entry["adjudication"]: entry["scores"] for entry in raw["annotations"] if entry["scores"][2:] != [None] * 2
    }
    texts = [candidate["text"] for candidate in raw["candidates"]]
    second, first = texts.index("Ann's second."), texts.index("Ann's own.")
    assert (of_ann[True][second], of_ann[True][first]) == (1.0, None)
    assert (of_ann[False][second], of_ann[False][first]) == (None, 1.0)


@pytest.mark.slow
def test_what_adjudicators_decide_weighs_as_much_as_what_people_decide_on_another_record(tmp_path: Path) -> None:
    store = Store()
    three = store.add_set("One.", "Two.", "Three.")
    drawn = store.show(three, 0, 1, answers={"ann": "a", "bob": "b"})
    store.show(three, 1, 2, answers={"ann": "a"})
    store.escalate(drawn, make_response(drawn, "a", "zoe"))
    derived(store, tmp_path, make_config(publish={"formats": EVERY}))
    scores = {candidate["text"]: candidate["score"] for candidate in rows_of(tmp_path)["raw"][0]["candidates"]}
    # "Two." lost against "One." and won against "Three.": a half.
    assert scores == {"One.": 1.0, "Two.": 0.5, "Three.": 0.0}
    # A row that needs both verdicts says that of the two the first reviewers decided.
    assert [row["label_source"] for row in rows_of(tmp_path)["dpo"]] == ["human"]


def test_what_adjudicators_decide_is_compared_with_the_judge_as_peoples(tmp_path: Path) -> None:
    store = Store()
    record = store.add("a", "b", ratings=(2.0, 4.0))
    store.escalate(record, make_response(record, "b", "zoe"))
    result = derived(store, tmp_path)
    assert [choices.tolist() for choices in result.tally.choices["human"]] == [[[-1.0, -1.0]]]
    assert list(result.tally.duels) == [("human", "g0", "g1", -1)]
