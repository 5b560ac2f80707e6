"""What the candidate sets of a store cost: every request once, however many sets it is in."""

from __future__ import annotations

from collections.abc import Iterable

from curation.types import CandidateSet, Row


class Spending(Row):
    """Answered requests, their tokens, and their cost in US dollars; null if a price or a count is unknown.

    `known_cost` is that of the requests whose cost is known.
    """

    requests: int
    tokens: int
    cost: float | None
    known_cost: float

    def per_row(self, rows: int) -> float | None:
        """Return the cost of one published row, null if the cost is unknown or there is no row."""
        return self.cost / rows if self.cost is not None and rows else None


def spending(sets: Iterable[CandidateSet]) -> Spending:
    """Return what these sets cost together."""
    paid: set[str] = set()
    tokens, cost, unknown = 0, 0.0, False
    for candidate_set in sets:
        for usage in candidate_set.usage:
            if usage.request in paid:
                continue
            paid.add(usage.request)
            tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
            cost += usage.cost or 0.0
            unknown |= usage.cost is None
    return Spending(requests=len(paid), tokens=tokens, cost=None if unknown else cost, known_cost=cost)
