"""The `mean` resolver: each candidate's mean score over the reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Literal, Self

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Scores, Verdict

if TYPE_CHECKING:
    from curation.labels.votes import Votes


class MeanResolver(ResolverOptions):
    """`[labels] resolver = "mean"`."""

    resolver: Literal["mean"] = "mean"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""

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
        means = tuple(_mean(scores) for scores in zip(*(voter.scores for voter in voters), strict=True))
        agreeing = [voter for voter in voters if _order(voter.scores) == _order(_where_given(means, voter.scores))]
        return verdict(ballot, means, agreeing=agreeing, editors=agreeing)


def _mean(scores: Sequence[float | None]) -> float | None:
    """The mean of the scores that reviewers gave, null if none did."""
    given = [score for score in scores if score is not None]
    return fmean(given) if given else None


def _where_given(means: Scores, scores: Scores) -> Scores:
    """The means of those candidates that a reviewer scored."""
    return tuple(None if score is None else mean for mean, score in zip(means, scores, strict=True))


def _order(scores: Scores) -> list[int | None]:
    """The rank of each score: equal scores have equal ranks, a missing one has none."""
    distinct = sorted({score for score in scores if score is not None})
    return [None if score is None else distinct.index(score) for score in scores]
