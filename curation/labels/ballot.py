"""What every resolver starts from: who counts for a record, and how a verdict is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from curation import ids
from curation.types import (
    HUMAN_EDIT,
    SIMULATED_PREFIX,
    Annotation,
    Candidate,
    CandidateSet,
    Drop,
    ReviewRecord,
    Score,
    Verdict,
)


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


def too_few(ballot: Ballot, minimum: int) -> Drop | None:
    """Return why a ballot cannot be resolved: "unreviewed", "too_few_reviewers"; None if enough people answered."""
    if not ballot.submitted:
        return Drop(id=ballot.record.id, reason="unreviewed")
    if len(ballot.submitted) < minimum:
        return Drop(id=ballot.record.id, reason="too_few_reviewers")
    return None


def verdict(
    ballot: Ballot, scores: Sequence[float], *, agreeing: Sequence[Annotation], editors: Sequence[Annotation]
) -> Verdict:
    """Return the verdict that gives the shown candidates `scores`, and each text that an editor wrote a score of 1.

    Its agreement is the share of `agreeing` reviewers; null with one reviewer, who can agree with nobody.
    """
    voters = ballot.submitted
    shown = tuple(Score(candidate=c, score=s) for c, s in zip(ballot.candidates, scores, strict=True))
    return Verdict(
        record_id=ballot.record.id,
        prompt=ballot.candidate_set.prompt,
        scores=shown + _edit_scores(ballot, editors),
        reviewers=len(voters),
        agreement=len(agreeing) / len(voters) if len(voters) > 1 else None,
        label_source=ballot.label_source,
        annotations=ballot.annotations,
    )


def _edit_scores(ballot: Ballot, editors: Iterable[Annotation]) -> tuple[Score, ...]:
    """A score of 1 for each text that a reviewer wrote, unless it says what a shown candidate says already."""
    seen = {ids.normalise(candidate.text) for candidate in ballot.candidates}
    scores = []
    for editor in editors:
        if editor.edit is None or ids.normalise(editor.edit) in seen:
            continue
        seen.add(ids.normalise(editor.edit))
        scores.append(Score(candidate=_edit_candidate(ballot, editor.edit), score=1.0))
    return tuple(scores)


def _edit_candidate(ballot: Ballot, text: str) -> Candidate:
    return Candidate(
        id=ids.candidate_id(ballot.record.prompt_id, HUMAN_EDIT, text),
        text=text,
        generator=HUMAN_EDIT,
        model=HUMAN_EDIT,
    )


def _simulated(annotation: Annotation) -> bool:
    return annotation.reviewer.startswith(SIMULATED_PREFIX)
