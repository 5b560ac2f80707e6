"""What every resolver starts from: who counts for a record, and how a verdict is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Literal, NamedTuple

from curation import ids
from curation.types import SIMULATED_PREFIX, Annotation, Drop, Scores, Verdict

_by_reviewer = attrgetter("reviewer")


class Ballot(NamedTuple):
    """All that is known of a record's shown candidates: what reviewers said, and the judge's `ratings`.

    Ratings (1 to 5) have the order of the record, null where a candidate has none; they are empty without a judge.
    """

    record_id: str
    annotations: tuple[Annotation, ...]
    ratings: tuple[float | None, ...] = ()

    @property
    def submitted(self) -> tuple[Annotation, ...]:
        """The annotations that count, in order of reviewer: by people if any person submitted one, else by programs."""
        submitted = tuple([annotation for annotation in self.annotations if annotation.status == "submitted"])
        if len(submitted) < 2:
            return submitted
        people = [annotation for annotation in submitted if not _simulated(annotation)]
        return tuple(sorted(people or submitted, key=_by_reviewer))

    @property
    def label_source(self) -> Literal["human", "simulated"]:
        """Whose answers count; "human" if nobody answered."""
        submitted = self.submitted
        return "simulated" if submitted and _simulated(submitted[0]) else "human"


def too_few(ballot: Ballot, minimum: int) -> Drop | None:
    """Return why a ballot cannot be resolved, None if enough people answered.

    "unreviewed": nobody answered. "discarded": reviewers looked at the record, and all that they decided is that they
    cannot answer. "too_few_reviewers": some answered.
    """
    answered = len(ballot.submitted)
    if answered >= max(minimum, 1):
        return None
    if answered:
        reason = "too_few_reviewers"
    elif any(annotation.status == "discarded" for annotation in ballot.annotations):
        reason = "discarded"
    else:
        reason = "unreviewed"
    return Drop(id=ballot.record_id, reason=reason)


def verdict(
    ballot: Ballot,
    scores: Scores,
    *,
    agreeing: Sequence[Annotation],
    editors: Iterable[Annotation],
    edit_score: float = 1.0,
) -> Verdict:
    """Return the verdict that gives the shown candidates `scores`, and what the editors wrote `edit_score`.

    Its agreement is the share of `agreeing` reviewers; null with one reviewer, who can agree with nobody.
    """
    voters = len(ballot.submitted)
    return Verdict(
        scores=scores,
        edits=written(editors),
        edit_score=edit_score,
        reviewers=voters,
        agreement=len(agreeing) / voters if voters > 1 else None,
        label_source=ballot.label_source,
    )


def written(editors: Iterable[Annotation]) -> tuple[str, ...]:
    """Return the texts that editors wrote, without the blanks around them, each once in its first reviewer's form."""
    texts: dict[str, str] = {}
    for editor in editors:
        if editor.edit and (text := editor.edit.strip()):
            texts.setdefault(ids.normalise(text), text)
    return tuple(texts.values())


def _simulated(annotation: Annotation) -> bool:
    return annotation.reviewer.startswith(SIMULATED_PREFIX)
