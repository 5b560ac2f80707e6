"""The same work on many values, two at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Protocol, TypeVar

WORKERS = 2
"""How many values are worked on side by side; a segment of the store takes a few hundred megabytes."""

Value = TypeVar("Value")
Result = TypeVar("Result")


class Run(Protocol):
    """Calls a function with each value, and yields what it returns in the order of the values."""

    def __call__(
        self, function: Callable[[Value], Result], values: Iterable[Value], *, ahead: int | None
    ) -> Iterator[Result]:
        """Work on the values. `ahead` of them are begun before the first result is asked for; null begins all."""
        ...


@contextmanager
def running() -> Iterator[Run]:
    """Give a `Run` whose work goes on in two threads.

    Threads are enough to keep two processors busy: Polars, Arrow and zstd let others run while they compute. After an
    error or an interrupt nothing new is begun, and what was begun ends before the error is raised.
    """
    with ThreadPoolExecutor(WORKERS) as executor:

        def run(function: Callable[[Value], Result], values: Iterable[Value], *, ahead: int | None) -> Iterator[Result]:
            submitted = (executor.submit(function, value) for value in values)
            return _results(deque(islice(submitted, ahead)), submitted)

        try:
            yield run
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _results(waiting: deque[Future[Result]], submitted: Iterator[Future[Result]]) -> Iterator[Result]:
    while waiting:
        done = waiting.popleft().result()
        waiting.extend(islice(submitted, 1))
        yield done
