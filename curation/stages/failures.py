"""What failed in a run: counted by stage, model and reason, with what the service said the first time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from curation.types import Failure, Row


class FailureCount(Row):
    """How often a stage of one generator or judge failed for one reason, and after how many attempts in all.

    `detail` is what happened the first time, mostly in the service's own words.
    """

    stage: str
    generator: str
    reason: str
    count: int
    attempts: int
    detail: str | None = None


class FailureTally:
    """Counts failures by stage, model and reason; of each kind it keeps the first one's detail."""

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
    """Yield the lines of a table of failures; what a service said stands below its row."""
    rows = [("stage", "model", "reason", "count", "attempts")]
    rows += [(one.stage, one.generator, one.reason, f"{one.count:,}", f"{one.attempts:,}") for one in failures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    details = [None, *(one.detail for one in failures)]
    for row, detail in zip(rows, details, strict=True):
        left = "  ".join(text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True))
        right = "  ".join(text.rjust(width) for text, width in zip(row[3:], widths[3:], strict=True))
        yield f"  {left}  {right}"
        if detail is not None:
            yield f"    {detail}"
