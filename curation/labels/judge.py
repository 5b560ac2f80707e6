"""Makes a verdict of the judge's ratings, for records that nobody reviewed (`judge_fallback = true`)."""

from __future__ import annotations

from curation.labels.ballot import Ballot
from curation.types import Drop, Verdict

LOWEST, HIGHEST = 1.0, 5.0


def judge_verdict(ballot: Ballot) -> Verdict | Drop:
    """Return UltraFeedback's ratings (1 to 5) as scores (0 to 1): a rating of 4 is a score of 0.75.

    A candidate without a rating has no score. The verdict has no reviewers, no agreement and no edits, and its
    `label_source` is "judge". The reason of a drop is "unrated": fewer than two of several candidates have a rating.
    """
    # A candidate that is shown alone needs one rating.
    if sum(rating is not None for rating in ballot.ratings) < min(2, max(1, len(ballot.ratings))):
        return Drop(id=ballot.record_id, reason="unrated")
    return Verdict(
        scores=tuple(map(_score, ballot.ratings)),
        reviewers=0,
        agreement=None,
        label_source="judge",
    )


def _score(rating: float | None) -> float | None:
    return None if rating is None else (rating - LOWEST) / (HIGHEST - LOWEST)
