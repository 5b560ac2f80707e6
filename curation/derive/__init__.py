"""Responses to rows: joins of the store's tables, verdicts, scored sets, shards."""

from curation.derive.derivation import Derived, Watch, Wrote, derive, derived_or_refused
from curation.derive.heirs import Decision
from curation.derive.spending import Spending
from curation.derive.tally import Shard, Tally

__all__ = [
    "Decision",
    "Derived",
    "Shard",
    "Spending",
    "Tally",
    "Watch",
    "Wrote",
    "derive",
    "derived_or_refused",
]
