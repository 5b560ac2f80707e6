"""The options that all resolvers share, and what a resolver does."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import PositiveInt, StringConstraints

from curation.labels.ballot import Ballot
from curation.section import FILTER_NAME, Section
from curation.types import Drop, Verdict


class ResolverOptions(Section):
    """The keys of `[labels]` that every resolver has. A resolver adds the key `resolver` and options of its own.

    `ties` says what becomes of candidates with equal scores: no rows at all, or rows of the `kto` config only.
    """

    min_reviewers: PositiveInt = 1
    """How many answers a record needs. Set `min_submitted` to at least this number."""
    judge_fallback: bool = False
    """`true`: where nobody answered, the judge's ratings decide."""
    accept_roles: bool = False
    """`true`: where neither people nor a judge decided, the `role` of the generators does."""
    accept_imported: bool = False
    """`true`: where neither people nor a judge decided, the labels of `type = "preferences"` do."""
    ties: Literal["drop", "kto-only"] = "kto-only"
    """`"drop"`: answers with equal scores give no rows of `kto` either."""
    ignored_flags: tuple[Annotated[str, StringConstraints(pattern=FILTER_NAME)], ...] = ()
    """Flags that keep no record out of the datasets, such as `["wrong_language"]`."""

    @property
    def decides_without_people(self) -> bool:
        """Whether something else decides a record that nobody answered."""
        return self.judge_fallback or self.accept_imported or self.accept_roles


class Resolver(Protocol):
    """Resolves one record at a time. It can be pickled.

    The options `majority`, `mean` and `unanimous` are resolvers themselves. The options of `dawid-skene` are not:
    `fitted(options, votes)` makes a resolver of them, which knows how the reviewers err.
    """

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the verdict of a record, or the reason why it has none."""
        ...
