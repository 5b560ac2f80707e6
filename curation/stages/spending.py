"""What the candidate sets of a store cost: every request once, however many sets it is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from curation.types import Row

FAILURE_COLUMNS = ("failures.list.element.request",)
USAGE_COLUMNS = tuple(f"usage.list.element.{name}" for name in ("request", "input_tokens", "output_tokens", "cost"))


class Spending(Row):
    """Answered requests, their tokens, and their cost in US dollars; null if a price or a count is unknown.

    `known_cost` is that of the requests whose cost is known; `uncounted` came without token counts. Replies that were
    of no use are among them.
    """

    requests: int
    tokens: int
    cost: float | None
    known_cost: float
    uncounted: int = 0

    def per_row(self, rows: int) -> float | None:
        """Return the cost of one published row, null if the cost is unknown or there is no row."""
        return self.cost / rows if self.cost is not None and rows else None


def spending(tables: Iterable[Any]) -> Spending:
    """Return what the sets of these pyarrow.Tables with USAGE_COLUMNS cost together."""
    import numpy as np
    import pyarrow.compute as pc

    columns: list[tuple[Any, Any, Any, Any]] = []
    for table in tables:
        usage = table["usage"].combine_chunks().flatten()
        given, written = usage.field("input_tokens"), usage.field("output_tokens")
        tokens = pc.add(pc.fill_null(given, 0), pc.fill_null(written, 0)).to_numpy()
        counted = pc.and_(given.is_valid(), written.is_valid()).to_numpy(zero_copy_only=False)
        columns.append((_hashes(usage.field("request")), tokens, counted, _costs(usage.field("cost"))))
    if not columns:
        return Spending(requests=0, tokens=0, cost=0.0, known_cost=0.0)
    requests, tokens, counted, costs = (np.concatenate(each) for each in zip(*columns, strict=True))
    _, first = np.unique(requests, return_index=True)
    known = float(np.nansum(costs[first]))
    unknown = bool(np.isnan(costs[first]).any())
    return Spending(
        requests=len(first),
        tokens=int(tokens[first].sum()),
        cost=None if unknown else known,
        known_cost=known,
        uncounted=int((~counted[first]).sum()),
    )


def failed_requests(tables: Iterable[Any]) -> frozenset[str]:
    """Return the requests that failed, of pyarrow.Tables with FAILURE_COLUMNS."""
    failed: set[str] = set()
    for table in tables:
        failures = table["failures"].combine_chunks().flatten()
        failed.update(failures.field("request").drop_null().to_pylist())
    return frozenset(failed)


def _hashes(requests: Any) -> Any:
    """The first 64 bits of each request's hash: eight bytes of memory a request instead of a text."""
    import numpy as np
    import pyarrow.compute as pc

    return np.frombuffer(bytes.fromhex("".join(pc.utf8_slice_codeunits(requests, 0, 16).to_pylist())), dtype=">u8")


def _costs(costs: Any) -> Any:
    import numpy as np
    import pyarrow.compute as pc

    return pc.fill_null(costs, np.nan).to_numpy(zero_copy_only=False)
