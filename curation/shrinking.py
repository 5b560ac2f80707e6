"""How much a sync or a publish may remove without `--allow-shrink`: `max_shrink`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """The number of published rows of a config that would be removed and not replaced, and of their prompts."""

    removed: int
    prompts: int


def shrinkage(*, before: Iterable[str], now: Iterable[str]) -> Shrinkage:
    """Return how many of the published rows of a config would be removed and not replaced.

    `before` has the prompt of each row that is published, `now` that of each row that would be published. Rows that are
    in both may be left out. A new row of a prompt replaces an old one: if reviewers change their minds, another answer
    is chosen, and nothing shrinks.
    """
    fewer = Counter(before) - Counter(now)
    return Shrinkage(removed=fewer.total(), prompts=len(fewer))


def exceeds(removed: int, total: int, *, max_shrink: float, things: int) -> bool:
    """Return whether more is removed than `max_shrink`, a share of `total`, allows.

    One thing may always go, whatever the share: one response from the store, the rows of one prompt from what is
    published. Otherwise nobody could take an answer back in a small dataset, where one of 8 is more than 5 %.
    """
    return things > 1 and removed > max_shrink * total
