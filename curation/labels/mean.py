"""The `mean` resolver: each candidate's score is the mean of the scores that reviewers gave it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Scores, Verdict


class MeanResolver(ResolverOptions):
    """`[labels] resolver = "mean"`."""

    resolver: Literal["mean"] = "mean"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the mean score of each candidate over the answers that count; null if nobody scored the candidate.

        `agreement` is the share of reviewers whose scores have the same order as the means, and only their edits count.
        The reasons of drops are "unreviewed", "discarded" and "too_few_reviewers".
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        means = tuple(_mean(scores) for scores in zip(*(voter.scores for voter in voters), strict=True))
        agreeing = [voter for voter in voters if _order(voter.scores) == _order(_where_given(means, voter.scores))]
        return verdict(ballot, means, agreeing=agreeing, editors=agreeing)


def _mean(scores: Sequence[float | None]) -> float | None:
    """Return the mean of the scores of one candidate, leaving out nulls; null if there is no score."""
    given = [score for score in scores if score is not None]
    return fmean(given) if given else None


def _where_given(means: Scores, scores: Scores) -> Scores:
    """Return the means with null for each candidate that a reviewer did not score."""
    return tuple(None if score is None else mean for mean, score in zip(means, scores, strict=True))


def _order(scores: Scores) -> list[int | None]:
    """Return the rank of each score: (0.2, None, 0.9, 0.2) gives [0, None, 1, 0]."""
    distinct = sorted({score for score in scores if score is not None})
    return [None if score is None else distinct.index(score) for score in scores]
