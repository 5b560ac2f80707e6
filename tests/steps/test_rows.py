"""Rows of any pipeline as candidate sets, and verdicts as columns: nothing is mislabelled, nothing vanishes."""

from __future__ import annotations

from typing import Any

import pytest

from curation import ids
from curation.steps.rows import candidate_set, positions, review_columns
from curation.types import Annotation, CandidateSet, Drop, Message, ReviewRecord, Verdict


def as_set(row: dict[str, Any]) -> CandidateSet:
    made = candidate_set(row)
    assert isinstance(made, CandidateSet)
    return made


def test_a_row_with_an_instruction_is_the_prompt_that_it_is_everywhere_else() -> None:
    made = as_set({"instruction": "Why?", "generations": ["a", "b"], "model_names": ["m", "n"], "ratings": [5, None]})
    assert made.prompt.id == ids.prompt_id([Message(role="user", content="Why?")])
    assert [candidate.id for candidate in made.candidates] == [
        ids.candidate_id(made.prompt.id, "m", "a"),
        ids.candidate_id(made.prompt.id, "n", "b"),
    ]
    assert [candidate.rating for candidate in made.candidates] == [5.0, None]


def test_a_conversation_counts_instead_of_the_instruction() -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    made = as_set({"instruction": "other", "messages": turns, "generations": ["a"]})
    assert [message.model_dump() for message in made.prompt.messages] == turns


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"generations": ["a", "b"]}, "no_prompt"),
        ({"instruction": " ", "generations": ["a", "b"]}, "no_prompt"),
        ({"messages": [{"role": "assistant", "content": "Hi"}], "generations": ["a"]}, "no_prompt"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}], "generations": ["a"]}, "no_prompt"),
        ({"messages": ["Why?"], "generations": ["a"]}, "no_prompt"),
        ({"instruction": "Why?", "generations": None}, "no_generations"),
        ({"instruction": "Why?", "generations": [None, " "]}, "no_generations"),
    ],
)
def test_a_row_that_cannot_be_shown_says_why(row: dict[str, Any], reason: str) -> None:
    made = candidate_set(row)
    assert isinstance(made, Drop)
    assert made.reason == reason


def test_positions_are_those_of_the_generations_whatever_is_missing_between_them() -> None:
    row = {"instruction": "Why?", "generations": [None, "same", "same", "b"], "model_names": [None, "m", "m", "n"]}
    made = as_set(row)
    assert len(made.candidates) == 2
    shown = tuple(candidate.id for candidate in reversed(made.candidates))
    record = ReviewRecord(id="r", task="pairwise", prompt_id=made.prompt.id, set_id=made.id, candidates=shown)
    assert positions(row, made, record) == [3, 1]


def verdict(*scores: float | None, edits: tuple[str, ...] = (), agreement: float | None = None) -> Verdict:
    return Verdict(scores=scores, edits=edits, reviewers=2, agreement=agreement, label_source="human")


def test_scores_of_a_record_go_to_the_generations_that_it_shows() -> None:
    columns = review_columns({"generations": ["a", "b", "c"]}, [([2, 0], verdict(1.0, 0.0, agreement=0.75))], [])
    assert columns == {
        "scores": [0.0, None, 1.0],
        "chosen": "c",
        "rejected": "a",
        "edits": [],
        "reviewers": 2,
        "agreement": 0.75,
        "label_source": "human",
        "flags": [],
        "unresolved": None,
    }


def test_scores_of_several_records_are_of_one_row_and_what_is_missing_is_named() -> None:
    outcomes: list[tuple[list[int], Verdict | Drop]] = [
        ([0], verdict(1.0)),
        ([1], verdict(0.0, agreement=0.5)),
        ([2], Drop(id="r", reason="unreviewed")),
    ]
    columns = review_columns({"generations": ["a", "b", "c"]}, outcomes, [])
    assert (columns["scores"], columns["chosen"], columns["rejected"]) == ([1.0, 0.0, None], "a", "b")
    assert (columns["agreement"], columns["unresolved"]) == (0.5, "unreviewed")


def test_two_equal_answers_are_no_pair_but_a_better_text_and_one_of_them_are() -> None:
    row = {"generations": ["a", "b"]}
    equal = review_columns(row, [([0, 1], verdict(1.0, 1.0))], [])
    assert (equal["scores"], equal["chosen"], equal["rejected"]) == ([1.0, 1.0], None, None)
    edited = review_columns(row, [([0, 1], verdict(1.0, 0.0, edits=("better",)))], [])
    assert (edited["chosen"], edited["rejected"], edited["edits"]) == ("better", "b", ["better"])


def test_a_flagged_row_is_no_pair() -> None:
    flagged = Annotation(reviewer="ann", status="submitted", scores=(1.0, 0.0), flags=("unsafe",))
    columns = review_columns({"generations": ["a", "b"]}, [([0, 1], verdict(1.0, 0.0))], [flagged])
    assert (columns["chosen"], columns["rejected"], columns["unresolved"]) == (None, None, "flagged")
    assert (columns["flags"], columns["scores"]) == (["unsafe"], [1.0, 0.0])
