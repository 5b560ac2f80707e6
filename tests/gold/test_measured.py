"""Which answers to gold records count, and in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curation.gold import gold_accuracy, gold_line
from curation.review_statistics import GoldAccuracy, Measure
from curation.types import GoldRecord, Response
from tests.derive.stores import make_config, make_record, make_response, make_snapshot
from tests.rows import make_prompt, make_set

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def gold_record(number: int, *, counts: bool = True, expected: tuple[float, float] = (1.0, 0.0)) -> GoldRecord:
    candidate_set = make_set(make_prompt(f"Gold {number}?"))
    record = make_record(candidate_set)
    return GoldRecord(**dict(record), candidate_set=candidate_set, expected=expected, counts=counts)


def given(record: GoldRecord, preference: str, minutes: int, who: str = "ann") -> Response:
    return make_response(record, preference, who).model_copy(update={"inserted_at": NOON + timedelta(minutes=minutes)})


def test_submitted_answers_to_gold_that_counts_are_measured_and_no_others(tmp_path: Path) -> None:
    gold = [gold_record(0), gold_record(1, expected=(0.5, 0.5)), gold_record(2, counts=False), gold_record(3)]
    other = make_set(make_prompt("Other?"))
    responses = [
        make_response(gold[0], "a"),
        make_response(gold[1], "both_bad"),
        make_response(gold[2], "b"),
        make_response(gold[3], "", status="discarded"),
        make_response(make_record(other), "b"),
        make_response(gold[0], "b", "simulated-bob"),
        make_response(gold[3], "a", "simulated-bob", status="draft"),
    ]
    snapshot = make_snapshot(tmp_path, [[other]], [[make_record(other)]], responses, gold=gold)
    assert len(snapshot.gold_responses) == 6
    ann, bob = gold_accuracy(make_config(), snapshot)
    assert (ann.reviewer, ann.accuracy.value, ann.accuracy.count) == ("ann", 1.0, 2)
    assert (bob.reviewer, bob.accuracy.value, bob.accuracy.count) == ("simulated-bob", 0.0, 1)
    assert gold_accuracy(make_config(), make_snapshot(tmp_path / "none", [[other]])) == ()


@pytest.mark.parametrize("first", ["wrong", "right"])
def test_the_mark_follows_the_order_in_which_answers_were_given(tmp_path: Path, first: str) -> None:
    gold = [gold_record(number) for number in range(30)]
    # 7 wrong answers of the first 10 mark a reviewer, and 7 of 30 do not.
    late = [-number if first == "wrong" else number for number in range(30)]
    responses = [given(record, "b" if place >= 23 else "a", late[place]) for place, record in enumerate(gold)]
    [ann] = gold_accuracy(make_config(), make_snapshot(tmp_path, responses=responses, gold=gold))
    assert ann.accuracy.value == pytest.approx(23 / 30)
    assert ann.marked is (first == "wrong")


def test_a_line_says_the_share_with_its_interval_and_the_mark() -> None:
    accuracy = Measure(value=0.7, low=0.535, high=0.834, count=40)
    line = gold_line(GoldAccuracy(reviewer="ann", accuracy=accuracy, marked=True))
    assert line == (
        "ann is right in 70 % (95 % interval 53.5 % to 83.4 %) of 40 gold answers; marked: too seldom for an honest "
        "reviewer."
    )
    assert "marked" not in gold_line(GoldAccuracy(reviewer="ann", accuracy=accuracy, marked=False))
