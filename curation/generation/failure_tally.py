"""Counts the failures of a run by stage, model and reason, with the service's first message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from curation.types import Failure, Row


class FailureCount(Row):
    """How often one generator or judge failed for one reason, and the attempts of all these failures together.

    `detail` is a sentence about the first of them, mostly the service's own.
    """

    stage: str
    generator: str
    reason: str
    count: int
    attempts: int
    detail: str | None = None


class FailureTally:
    """Counts failures by stage, model and reason, and keeps the detail of the first failure of each kind."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._details: dict[tuple[str, str, str], str] = {}

    def add(self, failures: Iterable[Failure]) -> None:
        """Count the failures of one candidate set."""
        for failure in failures:
            key = (failure.stage, failure.generator, failure.reason)
            self._counts[key] += 1
            self._attempts[key] += failure.attempts
            if failure.detail is not None:
                self._details.setdefault(key, failure.detail)

    def counts(self) -> tuple[FailureCount, ...]:
        """Return the counts, the most frequent first."""
        return tuple(
            FailureCount(
                stage=stage,
                generator=generator,
                reason=reason,
                count=count,
                attempts=self._attempts[key],
                detail=self._details.get(key),
            )
            for key, count in self._counts.most_common()
            for stage, generator, reason in (key,)
        )


def failure_table(failures: tuple[FailureCount, ...]) -> Iterator[str]:
    """Yield the lines of a table of failures. The service's message is on the line below its row."""
    rows = [("stage", "model", "reason", "count", "attempts")]
    rows += [
        (failure.stage, failure.generator, failure.reason, f"{failure.count:,}", f"{failure.attempts:,}")
        for failure in failures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    details = [None, *(failure.detail for failure in failures)]
    for row, detail in zip(rows, details, strict=True):
        left = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True))
        right = "  ".join(text.rjust(width) for text, width in zip(row[3:], widths[3:], strict=True))
        yield f"  {left}  {right}"
        if detail is not None:
            yield f"    {detail}"
