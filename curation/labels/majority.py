"""The `majority` resolver: the most frequent answer; a draw between answers gives no verdict."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

from curation.labels.ballot import Ballot, too_few, verdict
from curation.types import Drop, Verdict


class MajorityResolver(BaseModel):
    """`[labels] resolver = "majority"`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resolver: Literal["majority"] = "majority"
    min_reviewers: PositiveInt = 1
    judge_fallback: bool = False

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the most frequent answer among those that count; drops "unreviewed", "too_few_reviewers", "draw".

        `agreement` is the share of reviewers who gave that answer. Only their edits become candidates.
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        ranking = Counter(voter.scores for voter in voters).most_common(2)
        if len(ranking) == 2 and ranking[0][1] == ranking[1][1]:
            return Drop(id=ballot.record.id, reason="draw")
        answer = ranking[0][0]
        winners = [voter for voter in voters if voter.scores == answer]
        return verdict(ballot, answer, agreeing=winners, editors=winners)
