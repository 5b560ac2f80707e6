"""Rows are immutable, know their fields and nothing else, and survive JSON."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from curation import published_rows, types
from curation.types import Candidate, CandidateSet, Failure, Judgement, Message, Prompt, Response, Row, Usage

ROWS = {
    row
    for module in (types, published_rows)
    for row in vars(module).values()
    if isinstance(row, type) and issubclass(row, Row) and row is not Row
}
PROMPT = Prompt(id="p", messages=(Message(role="user", content="Why?"),), source="acme/prompts@1")


def answer(number: int) -> Candidate:
    return Candidate(id=f"c{number}", text=f"Because {number}.", generator=f"g{number}", model="m")


@pytest.mark.parametrize("row", sorted(ROWS, key=str), ids=lambda row: row.__name__)
def test_every_row_type_refuses_unknown_fields_and_changes(row: type[Row]) -> None:
    assert row.model_config["extra"] == "forbid"
    assert row.model_config["frozen"] is True
    # A list could be changed after the fact; a dict is only there for values as Argilla gave them.
    assert not [name for name, info in row.model_fields.items() if "list[" in str(info.annotation)]


def test_a_row_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PROMPT.id = "q"  # type: ignore[misc]


def test_a_row_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="margin"):
        Message.model_validate({"role": "user", "content": "x", "margin": 1})


@pytest.mark.parametrize(("count", "most"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_a_set_came_through_if_it_has_as_many_candidates_as_the_task_needs(count: int, most: int) -> None:
    candidate_set = CandidateSet(id="s", prompt=PROMPT, candidates=tuple(map(answer, range(count))), settings="x")
    assert [needed for needed in range(5) if candidate_set.came_through(needed)] == list(range(most + 1))


@pytest.mark.parametrize(
    ("count", "failed", "through"),
    [
        (2, (), True),
        (2, ("generate http_500",), True),
        (2, ("evolve http_500",), True),
        (2, ("rating no_rating", "rating no_rating"), True),
        (2, ("judge http_500",), False),
        (2, ("judge context_too_long",), True),
        (2, ("judge content_filter", "judge timeout"), False),
        (3, ("rating no_rating", "judge http_500"), False),
        (1, (), False),
        (0, ("generate context_too_long", "generate http_500"), False),
    ],
)
def test_a_set_came_through_if_it_has_two_candidates_and_no_judge_may_answer_yet(
    count: int, failed: tuple[str, ...], through: bool
) -> None:
    stages: list[tuple[Any, str]] = [(stage, reason) for stage, _, reason in (text.partition(" ") for text in failed)]
    failures = tuple(Failure(stage=stage, generator="g", reason=reason, attempts=1) for stage, reason in stages)
    candidate_set = CandidateSet(
        id="s", prompt=PROMPT, candidates=tuple(map(answer, range(count))), failures=failures, settings="x"
    )
    assert candidate_set.came_through(2) is through


def test_a_set_finds_its_candidates_by_id() -> None:
    candidate_set = CandidateSet(id="s", prompt=PROMPT, candidates=(answer(1), answer(2)), settings="x")
    assert candidate_set.candidate("c2") == answer(2)
    with pytest.raises(KeyError, match="c3"):
        candidate_set.candidate("c3")


@pytest.mark.parametrize(
    ("reviewer", "simulated"), [("simulated-ann", True), ("ann", False), ("ann-simulated-", False)]
)
def test_a_response_says_whether_a_program_gave_it(reviewer: str, simulated: bool) -> None:
    response = Response(
        record_id="r",
        reviewer=reviewer,
        status="draft",
        values={},
        dataset_id="d",
        server_record_id="d-r",
        server_user_id="u",
    )
    assert response.simulated is simulated


def test_a_candidate_set_survives_json() -> None:
    failure = Failure(stage="rating", generator="g1", reason="no_rating", attempts=2)
    judgement = Judgement(judge="j", aspect="honesty", order=(0,), ratings=(None,), rationales=("So.",))
    usage = Usage(request="r", stage="judge", generator="j", input_tokens=3, output_tokens=None, cost=None)
    candidate_set = CandidateSet(
        id="s",
        prompt=PROMPT,
        candidates=(answer(1),),
        failures=(failure,),
        settings="x",
        judgements=(judgement,),
        usage=(usage,),
    )
    assert CandidateSet.model_validate_json(candidate_set.model_dump_json()) == candidate_set


def test_a_set_that_was_written_before_there_were_judgements_is_read_as_a_set_without_judgements() -> None:
    candidate_set = CandidateSet(id="s", prompt=PROMPT, candidates=(answer(1),), settings="x")
    old = candidate_set.model_dump(exclude={"judgements", "usage"})
    assert CandidateSet.model_validate(old) == candidate_set
