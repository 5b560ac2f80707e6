"""Applies the checks of answers to a candidate set."""

from __future__ import annotations

from collections.abc import Sequence

from curation import ids
from curation.quality.checks import Check, answer_fault
from curation.types import Candidate, CandidateSet, Drop


def with_passing_answers(
    candidate_set: CandidateSet, answers: Sequence[Check], *, prompt_fault: str | None, fewest: int
) -> CandidateSet | Drop:
    """Return the set with only those candidates that pass the `answers` checks, or a Drop if fewer than `fewest` do.

    `prompt_fault` is the name of the check that the prompt does not pass, None if it passes. Of candidates with the
    same text only the first is kept.
    """
    if prompt_fault is not None:
        return Drop(id=candidate_set.id, reason=prompt_fault)
    reason = None
    passing: dict[str, Candidate] = {}
    for candidate in candidate_set.candidates:
        text = ids.normalise(candidate.text)
        fault = "identical" if text in passing else _fault(candidate_set, candidate, answers)
        if fault is None:
            passing[text] = candidate
        reason = reason or fault
    if reason is not None and len(passing) < fewest:
        return Drop(id=candidate_set.id, reason=reason)
    return candidate_set.model_copy(update={"candidates": tuple(passing.values())})


def _fault(candidate_set: CandidateSet, candidate: Candidate, answers: Sequence[Check]) -> str | None:
    return answer_fault(
        answers,
        lambda: candidate_set.prompt.messages,
        answer=candidate.text,
        finish_reason=candidate.finish_reason,
    )
