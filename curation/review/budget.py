"""The review budget: which candidate sets are left to the judge, and in which order people are shown the others.

The judge is sure of a candidate set if its ratings of what reviewers would see are far apart. Chance chooses some of
these sets to be reviewed all the same, which shows how often people disagree with the judge there. The choice follows
from the id of a set alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from curation import ids
from curation.section import Section
from curation.types import CandidateSet, ReviewRecord

SAMPLE = 0.05
"""Of the sets that the judge is sure of, the share that people review all the same."""
MIDDLE = 3.0
"""The middle of a judge's ratings, from 1 to 5."""

Priority = Literal["uncertain", "random"]


class SkipIf(Section):
    """`[review] skip_if = { judge_gap = 2.0 }`: which candidate sets are left to the judge."""

    judge_gap: Annotated[float, Field(gt=0, le=4)]
    """How far apart, above 0 and up to 4, the judge's best and worst rating of what would be shown must be."""

    def skips(self, candidate_set: CandidateSet, records: Sequence[ReviewRecord]) -> bool:
        """Whether the judge is sure of a set whose `records` these would be."""
        ratings = _ratings(candidate_set, records)
        return len(ratings) > 1 and None not in ratings and _gap(ratings) >= self.judge_gap


def is_sampled(set_id: str) -> bool:
    """Whether people review a set although the judge is sure of it."""
    return ids.unit_interval("sample of the judge", set_id) < SAMPLE


def as_sample(records: Sequence[ReviewRecord]) -> tuple[ReviewRecord, ...]:
    """Return the records of a sampled set, marked. They never show what the judge says, because they measure it."""
    return tuple(record.model_copy(update={"sampled": True, "suggested": False}) for record in records)


@dataclass(frozen=True, slots=True)
class Shown:
    """The records of a candidate set, and how sure the judge is of it.

    `certainty` is the gap of its ratings, or the distance of a single rating from the middle; 0 if a rating is missing.
    """

    set_id: str
    certainty: float
    records: Sequence[ReviewRecord]


def as_shown(candidate_set: CandidateSet, records: Sequence[ReviewRecord]) -> Shown:
    """Return what is known of the records of a set after the set is out of memory."""
    return Shown(candidate_set.id, _certainty(candidate_set, records), records)


def in_order(priority: Priority | None, shown: Sequence[Shown]) -> list[Sequence[ReviewRecord]]:
    """Return the records of each set in the order in which they are pushed; without a priority in the order given.

    - "uncertain": sets whose ratings are close together come first, and sets without ratings. Sampled sets are mixed in
      at random, because by their ratings all of them would come last.
    - "random": an order that is drawn once and stays
    """
    if priority is None:
        return [of_set.records for of_set in shown]
    place = {of_set.set_id: ids.unit_interval("priority", of_set.set_id) for of_set in shown}
    if priority == "uncertain":
        drawn = [of_set for of_set in shown if not _is_sample(of_set.records)]
        drawn.sort(key=lambda of_set: (of_set.certainty, place[of_set.set_id]))
        place |= {of_set.set_id: (rank + 0.5) / len(drawn) for rank, of_set in enumerate(drawn)}
    return [of_set.records for of_set in sorted(shown, key=lambda of_set: place[of_set.set_id])]


def _is_sample(records: Sequence[ReviewRecord]) -> bool:
    return any(record.sampled for record in records)


def _certainty(candidate_set: CandidateSet, records: Sequence[ReviewRecord]) -> float:
    ratings = _ratings(candidate_set, records)
    if None in ratings or not ratings:
        return 0.0
    return _gap(ratings) if len(ratings) > 1 else abs((ratings[0] or MIDDLE) - MIDDLE)


def _ratings(candidate_set: CandidateSet, records: Sequence[ReviewRecord]) -> list[float | None]:
    """Return the judge's ratings of all that the records show; empty if they show another set with the same answers."""
    rating = {candidate.id: candidate.rating for candidate in candidate_set.candidates}
    return [rating.get(candidate) for record in records for candidate in record.candidates]


def _gap(ratings: Sequence[float | None]) -> float:
    known_ratings = [rating for rating in ratings if rating is not None]
    return max(known_ratings) - min(known_ratings)
