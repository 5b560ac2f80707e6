"""The judge's ratings as a verdict, for records that nobody reviewed (`judge_fallback = true`)."""

from __future__ import annotations

from curation.labels.ballot import Ballot
from curation.types import Drop, Score, Verdict

LOWEST, HIGHEST = 1.0, 5.0


def judge_verdict(ballot: Ballot) -> Verdict | Drop:
    """Return UltraFeedback's ratings (1 to 5) as scores (0 to 1), of every rated candidate; drops "unrated".

    The verdict has no reviewers, no agreement, and `label_source = "judge"`.
    """
    rated = [candidate for candidate in ballot.candidates if candidate.rating is not None]
    if len(rated) < 2:
        return Drop(id=ballot.record.id, reason="unrated")
    return Verdict(
        record_id=ballot.record.id,
        prompt=ballot.candidate_set.prompt,
        scores=tuple(
            Score(candidate=candidate, score=((candidate.rating or LOWEST) - LOWEST) / (HIGHEST - LOWEST))
            for candidate in rated
        ),
        reviewers=0,
        agreement=None,
        label_source="judge",
        annotations=ballot.annotations,
    )
