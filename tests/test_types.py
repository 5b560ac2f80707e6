"""Rows are immutable, know their fields and nothing else, and survive JSON."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from curation import types
from curation.types import Candidate, CandidateSet, Failure, Message, Prompt, Response, Row

ROWS = [row for row in vars(types).values() if isinstance(row, type) and issubclass(row, Row) and row is not Row]
PROMPT = Prompt(id="p", messages=(Message(role="user", content="Why?"),), source="acme/prompts@1")


def answer(number: int) -> Candidate:
    return Candidate(id=f"c{number}", text=f"Because {number}.", generator=f"g{number}", model="m")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_every_row_refuses_unknown_fields_and_changes(row: type[Row]) -> None:
    assert row.model_config["extra"] == "forbid"
    assert row.model_config["frozen"] is True
    # A list could be changed after the fact; a dict is only there for values as Argilla gave them.
    assert not [name for name, info in row.model_fields.items() if "list[" in str(info.annotation)]


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PROMPT.id = "q"  # type: ignore[misc]


def test_a_row_with_a_field_too_many_is_refused() -> None:
    with pytest.raises(ValidationError, match="margin"):
        Message.model_validate({"role": "user", "content": "x", "margin": 1})


@pytest.mark.parametrize(("count", "reviewable"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_set_is_reviewable_from_two_candidates(count: int, reviewable: bool) -> None:
    made = CandidateSet(id="s", prompt=PROMPT, candidates=tuple(map(answer, range(count))), settings="x")
    assert made.reviewable is reviewable


def test_a_set_finds_its_candidates_by_id() -> None:
    made = CandidateSet(id="s", prompt=PROMPT, candidates=(answer(1), answer(2)), settings="x")
    assert made.candidate("c2") == answer(2)
    with pytest.raises(KeyError, match="c3"):
        made.candidate("c3")


@pytest.mark.parametrize(
    ("reviewer", "simulated"), [("simulated-ann", True), ("ann", False), ("ann-simulated-", False)]
)
def test_a_response_says_whether_a_program_gave_it(reviewer: str, simulated: bool) -> None:
    response = Response(record_id="r", reviewer=reviewer, status="draft", values={}, dataset_id="d")
    assert response.simulated is simulated


def test_a_candidate_set_survives_json() -> None:
    failure = Failure(stage="judge", generator="g1", reason="no_rating", attempts=1)
    made = CandidateSet(id="s", prompt=PROMPT, candidates=(answer(1),), failures=(failure,), settings="x")
    assert CandidateSet.model_validate_json(made.model_dump_json()) == made
