"""The `majority` resolver: the most frequent answer; a draw between answers gives no verdict."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, Self

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Verdict

if TYPE_CHECKING:
    from curation.labels.votes import Votes


class MajorityResolver(ResolverOptions):
    """`[labels] resolver = "majority"`."""

    resolver: Literal["majority"] = "majority"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""

    def fit(self, votes: Votes) -> Self:
        """Return this: a majority needs to know nothing of other records."""
        return self

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the most frequent answer among those that count.

        Drops "unreviewed", "discarded", "too_few_reviewers" and "draw".
        `agreement` is the share of reviewers who gave that answer. Only their edits count.
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        if len(voters) == 1:
            return verdict(ballot, voters[0].scores, agreeing=voters, editors=voters)
        counts = Counter([voter.scores for voter in voters])
        most = max(counts.values())
        answer, *others = (answer for answer, count in counts.items() if count == most)
        if others:
            return Drop(id=ballot.record_id, reason="draw")
        winners = [voter for voter in voters if voter.scores == answer]
        return verdict(ballot, answer, agreeing=winners, editors=winners)
