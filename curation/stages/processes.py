"""The same work on many values: side by side in processes of its own, if there is enough of it."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Protocol

PROCESSES = 2
"""How many values are worked on side by side; a segment of the store takes a few hundred megabytes."""


class Run(Protocol):
    """Calls a function with each value, and yields what it returns in the order of the values."""

    def __call__(self, function: Callable[[Any], Any], values: Iterable[Any], *, ahead: int | None) -> Iterator[Any]:
        """Take only so many values `ahead` of what was asked for; null takes all of them at once."""
        ...


@contextmanager
def running(*, in_processes: bool) -> Iterator[Run]:
    """Give a `Run` that works here, when asked for the next result, or in other processes, from the first call on.

    Those processes are gone afterwards: at once after an error or an interrupt, so that nothing is written any more.
    """
    if not in_processes:
        yield _run_here
        return
    # Not multiprocessing: its workers run the caller's script again unless that is written for it.
    from loky import get_reusable_executor

    # What a segment takes is no leak: loky would start a new process whenever one has grown by 300 MB.
    executor = get_reusable_executor(max_workers=PROCESSES, timeout=60, env={"LOKY_MAX_MEMORY_LEAK_SIZE": "1e12"})
    try:
        yield partial(_run_in_processes, executor)
    except BaseException:
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


def _run_here(function: Callable[[Any], Any], values: Iterable[Any], *, ahead: int | None) -> Iterator[Any]:
    return map(partial(_uncollected, function), values)


def _run_in_processes(
    executor: Any, function: Callable[[Any], Any], values: Iterable[Any], *, ahead: int | None
) -> Iterator[Any]:
    submitted = (executor.submit(_uncollected, function, value) for value in values)
    return _results(deque(islice(submitted, ahead)), submitted)


def _results(waiting: deque[Any], submitted: Iterator[Any]) -> Iterator[Any]:
    while waiting:
        done = waiting.popleft().result()
        waiting.extend(islice(submitted, 1))
        yield done


def _uncollected(function: Callable[[Any], Any], value: Any) -> Any:
    """Call a function that makes millions of small values and no cycles, without the garbage collector.

    It would go through all of them time and again, for a quarter of the time that all else takes.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return function(value)
    finally:
        if collecting:
            gc.enable()
