"""The `unanimous` resolver: there is a verdict only if all reviewers gave the same answer."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Drop, Verdict


class UnanimousResolver(ResolverOptions):
    """`[labels] resolver = "unanimous"`. By default it needs two reviewers: a single one always agrees."""

    resolver: Literal["unanimous"] = "unanimous"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""
    min_reviewers: PositiveInt = 2
    """How many answers a record needs. (A single reviewer is always unanimous.)"""

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the answer that all reviewers gave.

        `agreement` is 1, or null with one reviewer. All edits count. The reasons of drops are "unreviewed",
        "discarded", "too_few_reviewers" and "not_unanimous".
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        answer = voters[0].scores
        if any(voter.scores != answer for voter in voters):
            return Drop(id=ballot.record_id, reason="not_unanimous")
        return verdict(ballot, answer, agreeing=voters, editors=voters)
