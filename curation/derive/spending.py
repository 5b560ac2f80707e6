"""What the candidate sets of a store cost: every request once, however many sets it is in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from curation.frames import pl
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


def usage_frame(usage: pa.ChunkedArray) -> pl.DataFrame:
    """Return the requests in a column of lists of {request, input_tokens, ...}: request, tokens, counted, cost.

    `request` is the first 64 bits of the request's hash, which take an eighth of the memory; `tokens` are those of the
    request and the reply, `counted` is whether both are known.
    """
    structs = usage.combine_chunks().flatten()
    # Column by column: Polars would keep all of them, with the texts, in memory as long as one of them is in use.
    names = ("request", "input_tokens", "output_tokens", "cost")
    return pl.DataFrame([pl.Series(name, structs.field(name)) for name in names]).select(
        pl.col("request").str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64),
        "cost",
        tokens=pl.sum_horizontal("input_tokens", "output_tokens", ignore_nulls=True),
        counted=pl.col("input_tokens").is_not_null() & pl.col("output_tokens").is_not_null(),
    )


def spending(frames: Iterable[pl.DataFrame]) -> Spending:
    """Return what the requests in these frames of `usage_frame` cost together."""
    parts = list(frames)
    if not parts:
        return Spending(requests=0, tokens=0, cost=0.0, known_cost=0.0)
    requests = pl.concat(parts)
    requests = requests.filter(requests["request"].is_first_distinct()).drop("request")
    known = float(requests["cost"].sum())
    return Spending(
        requests=requests.height,
        tokens=int(requests["tokens"].sum()),
        cost=None if requests["cost"].null_count() else known,
        known_cost=known,
        uncounted=int((~requests["counted"]).sum()),
    )


def failed_requests(tables: Iterable[Any]) -> frozenset[str]:
    """Return the requests that failed, of pyarrow.Tables with FAILURE_COLUMNS."""
    failed: set[str] = set()
    for table in tables:
        failures = table["failures"].combine_chunks().flatten()
        failed.update(failures.field("request").drop_null().to_pylist())
    return frozenset(failed)
