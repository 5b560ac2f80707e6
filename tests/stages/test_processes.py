"""Work side by side: results in the order of the values, only so many values at a time, and nothing left behind."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator

import pytest

from curation.stages.processes import PROCESSES, running


def slow_if_even(value: int) -> tuple[int, int, bool]:
    time.sleep(0.05 * (value % 2 == 0))
    return value, os.getpid(), gc.isenabled()


def fail(value: int) -> None:
    raise LookupError(value)


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [1, 3, None])
@pytest.mark.parametrize("in_processes", [False, True])
def test_results_come_in_the_order_of_the_values(*, in_processes: bool, ahead: int | None) -> None:
    with running(in_processes=in_processes) as run:
        found = list(run(slow_if_even, range(10), ahead=ahead))
        assert list(run(slow_if_even, [], ahead=ahead)) == []
    assert [value for value, _, _ in found] == list(range(10))
    processes = {process for _, process, _ in found}
    assert (os.getpid() in processes) != in_processes
    assert len(processes) <= PROCESSES
    # The garbage collector is off in the meantime, and on again.
    assert not any(collecting for _, _, collecting in found)
    assert gc.isenabled()
    for process in processes - {os.getpid()}:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.slow
def test_only_so_many_values_are_taken_ahead_of_what_is_asked_for() -> None:
    taken: list[int] = []

    def values() -> Iterator[int]:
        for value in range(10):
            taken.append(value)
            yield value

    with running(in_processes=True) as run:
        results = run(slow_if_even, values(), ahead=3)
        # They begin before the first is asked for.
        assert taken == [0, 1, 2]
        assert next(results)[0] == 0
        assert taken == [0, 1, 2, 3]
        assert [value for value, _, _ in results] == list(range(1, 10))
        everything = run(slow_if_even, values(), ahead=None)
        assert len(taken) == 20
        assert len(list(everything)) == 10


@pytest.mark.slow
@pytest.mark.parametrize("in_processes", [False, True])
def test_an_error_is_that_of_the_function(*, in_processes: bool) -> None:
    with pytest.raises(LookupError, match="7"), running(in_processes=in_processes) as run:
        list(run(fail, [7, 8], ahead=None))
    assert gc.isenabled()
