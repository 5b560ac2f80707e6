"""Which records show reviewers what the judge would answer, and what that answer is.

Whether a record shows it follows from the record's id alone. So all reviewers see the same suggestions, and a second
push decides the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from curation import ids
from curation.review.records import shown_candidates
from curation.types import CandidateSet, ReviewRecord, Scores


class Suggesting(Protocol):
    """What a review task says about suggestions."""

    @property
    def show_suggestions(self) -> bool | float:
        """Whether records show what the judge would answer, or what share of them does."""
        ...

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return the scores of the answer that the judge would have given, null if its ratings do not tell."""
        ...

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores."""
        ...

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer, by question; empty if it does not tell."""
        ...


def with_suggestions(
    task: Suggesting, candidate_set: CandidateSet, records: Sequence[ReviewRecord]
) -> tuple[ReviewRecord, ...]:
    """Return the records of a set, marked where the page shows what the judge would answer."""
    return tuple(
        record.model_copy(update={"suggested": True})
        if ids.unit_interval("suggestion", record.id) < task.show_suggestions and task.suggestion(candidate_set, record)
        else record
        for record in records
    )


def judged_values(task: Suggesting, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
    """Return the answer to the task that follows from the judge's ratings; empty if they do not tell.

    Raises DataError if `record` is not of this set.
    """
    scores = task.judge_scores([candidate.rating for candidate in shown_candidates(candidate_set, record)])
    return {} if scores is None else task.values(scores)
