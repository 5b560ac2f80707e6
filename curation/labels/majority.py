"""The `majority` resolver: the most frequent answer is the verdict. If several are most frequent there is none."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Verdict


class MajorityResolver(ResolverOptions):
    """`[labels] resolver = "majority"`."""

    resolver: Literal["majority"] = "majority"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the most frequent of the answers that count.

        `agreement` is the share of reviewers who gave that answer, and only their edits count. The reasons of drops are
        "unreviewed", "discarded", "too_few_reviewers" and "draw".
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
