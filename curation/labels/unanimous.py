"""The `unanimous` resolver: the answer that everybody gave, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import PositiveInt

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Verdict

if TYPE_CHECKING:
    from curation.labels.votes import Votes


class UnanimousResolver(ResolverOptions):
    """`[labels] resolver = "unanimous"`: two reviewers unless told, for one is always of one mind."""

    resolver: Literal["unanimous"] = "unanimous"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""
    min_reviewers: PositiveInt = 2
    """How many answers a record needs. (A single reviewer is always unanimous.)"""

    def fit(self, votes: Votes) -> Self:
        """Return this: whether all agree on a record needs no other records."""
        return self

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the answer that all gave; drops "unreviewed", "discarded", "too_few_reviewers" and "not_unanimous".

        `agreement` is 1, null with one reviewer. Every edit counts.
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        answer = voters[0].scores
        if any(voter.scores != answer for voter in voters):
            return Drop(id=ballot.record_id, reason="not_unanimous")
        return verdict(ballot, answer, agreeing=voters, editors=voters)
