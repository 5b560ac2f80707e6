"""The `mean` resolver: each candidate's mean score over the reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal, Self

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.labels.votes import Votes
from curation.types import Drop, Verdict


class MeanResolver(ResolverOptions):
    """`[labels] resolver = "mean"`."""

    resolver: Literal["mean"] = "mean"
    """What makes one verdict of several answers: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""

    def fit(self, votes: Votes) -> Self:
        """Return this: a mean needs to know nothing of other records."""
        return self

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the mean per candidate over the answers that count.

        Drops "unreviewed", "discarded" and "too_few_reviewers".
        `agreement` is the share of reviewers who order the candidates as the means do. Only their edits count.
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        means = [fmean(scores) for scores in zip(*(voter.scores for voter in voters), strict=True)]
        order = _order(means)
        agreeing = [voter for voter in voters if _order(voter.scores) == order]
        return verdict(ballot, means, agreeing=agreeing, editors=agreeing)


def _order(scores: Sequence[float]) -> list[int]:
    """The rank of each score: equal scores have equal ranks."""
    distinct = sorted(set(scores))
    return [distinct.index(score) for score in scores]
