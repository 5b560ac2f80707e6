"""What every resolver starts from: who counts for a record, and how a verdict is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from curation import ids
from curation.types import HUMAN_EDIT, SIMULATED_PREFIX, Annotation, Candidate, CandidateSet, ReviewRecord, Score


@dataclass(frozen=True, slots=True)
class Ballot:
    """A record, the candidates it shows in its order, and all that reviewers said of it."""

    record: ReviewRecord
    candidate_set: CandidateSet
    annotations: tuple[Annotation, ...]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The shown candidates, in the order of the record."""
        return tuple(self.candidate_set.candidate(candidate) for candidate in self.record.candidates)

    @property
    def submitted(self) -> tuple[Annotation, ...]:
        """The annotations that count: submitted, by people if any person answered, else by simulated reviewers."""
        submitted = [annotation for annotation in self.annotations if annotation.status == "submitted"]
        people = [annotation for annotation in submitted if not _simulated(annotation)]
        return tuple(sorted(people or submitted, key=lambda annotation: annotation.reviewer))

    @property
    def label_source(self) -> Literal["human", "simulated"]:
        """Whose answers count."""
        return "simulated" if any(map(_simulated, self.submitted)) else "human"


def edit_scores(ballot: Ballot, annotations: Iterable[Annotation]) -> tuple[Score, ...]:
    """Return a score of 1 for each text that a reviewer wrote, unless it says what a shown candidate says already."""
    seen = {ids.normalise(candidate.text) for candidate in ballot.candidates}
    scores = []
    for annotation in annotations:
        if annotation.edit is None or ids.normalise(annotation.edit) in seen:
            continue
        seen.add(ids.normalise(annotation.edit))
        scores.append(Score(candidate=_edit_candidate(ballot, annotation.edit), score=1.0))
    return tuple(scores)


def share(annotations: Sequence[Annotation], agreeing: Sequence[Annotation]) -> float | None:
    """Return the share of reviewers who agree; null with one reviewer, who can agree with nobody."""
    return len(agreeing) / len(annotations) if len(annotations) > 1 else None


def _edit_candidate(ballot: Ballot, text: str) -> Candidate:
    return Candidate(
        id=ids.candidate_id(ballot.record.prompt_id, HUMAN_EDIT, text),
        text=text,
        generator=HUMAN_EDIT,
        model=HUMAN_EDIT,
    )


def _simulated(annotation: Annotation) -> bool:
    return annotation.reviewer.startswith(SIMULATED_PREFIX)
