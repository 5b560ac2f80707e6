"""Which records go to adjudicators: flagged ones, draws, and those on which reviewers agree too little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.config import Config
from curation.derive.escalation import reason_to_escalate, records_to_escalate
from curation.labels import MajorityResolver, MeanResolver, Resolver, UnanimousResolver
from curation.types import Annotation, EscalatedRecord, Scores
from tests.derive.stores import Store, as_version, make_config, make_response
from tests.labels.crowd import GOOD, A, B
from tests.rows import make_annotation, make_ballot

MAJORITY = MajorityResolver()


def reason(
    *answers: Scores, resolver: Resolver = MAJORITY, more: tuple[Annotation, ...] = (), **options: Any
) -> str | None:
    annotations = [make_annotation(f"r{number}", *answer) for number, answer in enumerate(answers)]
    defaults = {"below": 0.7, "min_submitted": len(answers)}
    return reason_to_escalate(make_ballot(*annotations, *more), resolver, **(defaults | options))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [((A, A, A), None), ((A, A, B), "low_agreement"), ((A, A, A, B), None), ((A, B), "draw"), ((A, B, GOOD), "draw")],
)
def test_agreement_below_the_bound_and_draws_are_escalated(answers: tuple[Scores, ...], expected: str | None) -> None:
    # Agreements of 2/3 and 3/4, against a bound of 0.7.
    assert reason(*answers) == expected


@pytest.mark.parametrize(("below", "expected"), [(0.75, None), (0.76, "low_agreement"), (1.0, "low_agreement")])
def test_an_agreement_at_the_bound_is_enough(below: float, expected: str | None) -> None:
    assert reason(A, A, A, B, below=below) == expected


def test_every_resolver_has_its_own_draws() -> None:
    assert reason(A, A, A, B, resolver=UnanimousResolver()) == "not_unanimous"
    # The mean of A and B is a tie, whose order is that of no reviewer.
    assert reason(A, B, resolver=MeanResolver()) == "low_agreement"


def test_a_record_waits_until_all_first_reviewers_answered() -> None:
    assert reason(A, B, min_submitted=3) is None
    assert reason(A, B, B, min_submitted=3) == "low_agreement"


def test_one_reviewer_alone_disagrees_with_nobody() -> None:
    assert reason(A, below=1.0) is None
    assert reason(GOOD, GOOD, below=1.0) is None


def test_programs_do_not_draw_against_people() -> None:
    program = make_annotation("simulated-a", *B)
    assert reason(A, more=(program,), min_submitted=2) is None


def test_a_flag_is_enough_whoever_answered() -> None:
    flagged = make_annotation("zoe", status="discarded").model_copy(update={"flags": ("unsafe",)})
    assert reason(more=(flagged,), min_submitted=3) == "flagged"
    assert reason(more=(flagged,), min_submitted=3, ignored_flags=("unsafe",)) is None


def test_what_adjudicators_said_escalates_nothing() -> None:
    said = {"adjudication": True, "flags": ("unsafe",)}
    assert reason(A, A, more=(make_annotation("zoe", *B).model_copy(update=said),)) is None


def escalating(**labels: Any) -> Config:
    return make_config(review={"escalate_below": 0.8, "min_submitted": 2}, labels=labels)


def test_records_are_escalated_once_in_the_order_of_the_store(tmp_path: Path) -> None:
    store = Store()
    before, drawn, flagged, _ = (store.add(*answers) for answers in (("a", "b"), ("b", "a"), ("a", "a"), ("b", "b")))
    store.responses.append(make_response(flagged, "a", "kim", flags=["unsafe"]))
    # Since it was escalated, later answers agree: it stays escalated, and is not escalated again.
    store.escalate(before)
    store.responses += [make_response(before, "a", name) for name in ("eva", "kim", "leo")]
    snapshot = store.written(tmp_path)
    assert records_to_escalate(escalating(), snapshot) == [
        EscalatedRecord(id=ids.adjudication_id(drawn.id), record_id=drawn.id, task="pairwise", reason="draw"),
        EscalatedRecord(id=ids.adjudication_id(flagged.id), record_id=flagged.id, task="pairwise", reason="flagged"),
    ]
    assert records_to_escalate(make_config(review={"min_submitted": 2}), snapshot) == []
    # The records of another task are in another dataset.
    assert records_to_escalate(make_config(review={"task": "rating", "escalate_below": 0.8}), snapshot) == []


def test_a_store_knows_what_adjudicators_answered(tmp_path: Path) -> None:
    store = Store()
    decided, drafted, taken_back, waiting = (store.add("a", "b") for _ in range(4))
    store.escalate(decided, make_response(decided, "a", "yan", status="draft"), make_response(decided, "a", "zoe"))
    store.escalate(drafted, make_response(drafted, "a", "zoe", status="discarded"))
    store.escalate(taken_back, make_response(taken_back, "a", "zoe"))
    store.responses.append(as_version(store.responses[-1], ended="withdrawn"))
    store.escalate(waiting)
    assert store.written(tmp_path).adjudicated == {
        ids.adjudication_id(decided.id): True,
        ids.adjudication_id(drafted.id): False,
    }
    assert Store().written(tmp_path / "none").adjudicated == {}


def test_with_too_little_to_learn_from_the_majority_says_what_is_a_draw(tmp_path: Path) -> None:
    store = Store()
    drawn = store.add("a", "b")
    escalated = records_to_escalate(escalating(resolver="dawid-skene"), store.written(tmp_path))
    assert [row.record_id for row in escalated] == [drawn.id]
