"""The bound on what reading may take is one of the system, for each step anew, and gone between the steps."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from curation.errors import DataError
from curation.files import bounded_memory, in_bounded_memory
from curation.files.memory import MOST_MEMORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")

TOO_MUCH = 8 * MOST_MEMORY
"""More than what other tests left free may hold besides."""


def limit() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_DATA)


def arrays(sizes: list[int]) -> Iterator[int]:
    for size in sizes:
        yield len(np.zeros(size, np.int8))


def test_a_step_that_exceeds_the_limit_is_an_error_and_the_limit_is_lifted_after_it() -> None:
    before = limit()
    steps = in_bounded_memory(arrays([1, TOO_MUCH]), "mine.parquet")
    assert next(steps) == 1
    assert limit() == before
    with pytest.raises(DataError, match=r"^mine\.parquet needs more than 512 MB of memory to be read: it is not read"):
        next(steps)
    assert limit() == before
    assert len(np.zeros(TOO_MUCH, np.int8)) == TOO_MUCH


def test_each_step_may_take_the_whole_limit_whatever_earlier_steps_still_hold() -> None:
    kept = []
    for size in in_bounded_memory(iter([MOST_MEMORY // 2] * 4), "mine.parquet"):
        kept.append(np.zeros(size, np.int8))
    with bounded_memory("mine.parquet"):
        kept.append(np.zeros(MOST_MEMORY // 2, np.int8))
    assert sum(map(len, kept)) == MOST_MEMORY * 5 // 2


def test_a_lower_limit_that_the_process_already_has_is_kept() -> None:
    before = limit()
    lower = 16 << 30
    resource.setrlimit(resource.RLIMIT_DATA, (lower, before[1]))
    try:
        with bounded_memory("mine.parquet"):
            assert limit()[0] < lower
        assert limit() == (lower, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def test_threads_that_read_at_the_same_time_leave_no_limit_behind() -> None:
    before = limit()
    with ThreadPoolExecutor(8) as threads:
        steps = [list(threads.map(lambda _: list(in_bounded_memory(arrays([1000] * 50), "mine")), range(16)))]
    assert steps == [[[1000] * 50] * 16]
    assert limit() == before
