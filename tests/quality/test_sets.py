"""Which candidates people may be asked about."""

from __future__ import annotations

from curation.quality import Quality, answer_checks, with_passing_answers
from curation.types import CandidateSet, Drop
from tests.rows import make_candidate, make_prompt, make_set

PROMPT = make_prompt()
REFUSAL = "I'm sorry, but I can't help with that."
CHECKS = answer_checks(Quality(refusals=True))


def candidate_set(*texts: str) -> CandidateSet:
    candidates = tuple(make_candidate(PROMPT, text, generator=f"g{number}") for number, text in enumerate(texts))
    return make_set(PROMPT).model_copy(update={"candidates": candidates})


def kept(*texts: str) -> list[str] | str:
    result = with_passing_answers(candidate_set(*texts), CHECKS, prompt_fault=None, fewest=2)
    return result.reason if isinstance(result, Drop) else [candidate.text for candidate in result.candidates]


def test_a_set_without_faults_comes_back_as_it_is() -> None:
    assert kept("One.", "Two.", "Three.") == ["One.", "Two.", "Three."]


def test_candidates_at_fault_are_left_out_while_two_are_left() -> None:
    assert kept("One.", REFUSAL, "Three.") == ["One.", "Three."]


def test_with_fewer_than_two_left_the_first_fault_is_the_reason() -> None:
    assert kept("One.", REFUSAL) == "refusal"
    assert kept(" ", REFUSAL, "Three.") == "empty"


def test_of_equal_texts_the_first_stays() -> None:
    assert kept("One.", " One.\r\n", "Three.") == ["One.", "Three."]
    assert kept("One.", "One.") == "identical"


def test_a_set_that_never_had_two_candidates_is_not_dropped_here() -> None:
    assert kept("One.") == ["One."]


def test_the_prompts_fault_comes_first() -> None:
    assert with_passing_answers(candidate_set(REFUSAL, REFUSAL), CHECKS, prompt_fault="pii", fewest=2) == Drop(
        id=candidate_set(REFUSAL, REFUSAL).id, reason="pii"
    )
