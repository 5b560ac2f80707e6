"""What all resolvers share: their common options, and what one can do once it is fitted."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import PositiveInt

from curation.labels.ballot import Ballot
from curation.section import Section
from curation.types import Drop, Verdict


class ResolverOptions(Section):
    """The keys of `[labels]` that every resolver has; a resolver adds `resolver`, its own options and `fit(votes)`.

    `ties` says what becomes of candidates with equal scores: nothing at all, or rows of the `kto` config only.
    """

    min_reviewers: PositiveInt = 1
    """How many answers a record needs. Set `min_submitted` to at least this number."""
    judge_fallback: bool = False
    """`true`: where nobody answered, the judge's ratings decide."""
    ties: Literal["drop", "kto-only"] = "kto-only"
    """`"drop"`: answers with equal scores give no rows of `kto` either."""


class FittedResolver(Protocol):
    """What `fit(votes)` of a resolver gives: a picklable value that resolves one record at a time."""

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the verdict of a record, or why there is none."""
        ...
