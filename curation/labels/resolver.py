"""What all resolvers share: their common options, and what one can do once it is fitted."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, PositiveInt

from curation.labels.ballot import Ballot
from curation.types import Drop, Verdict


class ResolverOptions(BaseModel):
    """The keys of `[labels]` that every resolver has; a resolver adds `resolver`, its own options and `fit(votes)`.

    `ties` says what becomes of candidates with equal scores: nothing at all, or rows of the `kto` config only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_reviewers: PositiveInt = 1
    judge_fallback: bool = False
    ties: Literal["drop", "kto-only"] = "kto-only"


class FittedResolver(Protocol):
    """What `fit(votes)` of a resolver gives: a picklable value that resolves one record at a time."""

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the verdict of a record, or why there is none."""
        ...
