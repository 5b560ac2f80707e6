"""Work side by side: results in the order of the values, only so many values at a time, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from curation.derive.parallel import WORKERS, running


def slow_if_even(value: int) -> tuple[int, threading.Thread]:
    time.sleep(0.05 * (value % 2 == 0))
    return value, threading.current_thread()


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [1, 3, None])
def test_results_come_in_the_order_of_the_values(ahead: int | None) -> None:
    with running() as run:
        results = list(run(slow_if_even, range(10), ahead=ahead))
        assert list(run(slow_if_even, [], ahead=ahead)) == []
    assert [value for value, _ in results] == list(range(10))
    workers = {worker for _, worker in results}
    assert threading.current_thread() not in workers
    assert len(workers) <= WORKERS
    assert not any(worker.is_alive() for worker in workers)


def test_two_values_are_worked_on_at_once() -> None:
    met = threading.Barrier(WORKERS, timeout=60)
    with running() as run:
        places = list(run(lambda value: met.wait(), range(WORKERS), ahead=None))
    assert sorted(places) == list(range(WORKERS))


@pytest.mark.slow
def test_only_so_many_values_are_taken_ahead_of_what_is_asked_for() -> None:
    taken: list[int] = []

    def values() -> Iterator[int]:
        for value in range(10):
            taken.append(value)
            yield value

    with running() as run:
        results = run(slow_if_even, values(), ahead=3)
        # They begin before the first is asked for.
        assert taken == [0, 1, 2]
        assert next(results)[0] == 0
        assert taken == [0, 1, 2, 3]
        assert [value for value, _ in results] == list(range(1, 10))
        everything = run(slow_if_even, values(), ahead=None)
        assert len(taken) == 20
        assert len(list(everything)) == 10


def test_an_error_is_that_of_the_function() -> None:
    def fail(value: int) -> None:
        raise LookupError(value)

    with pytest.raises(LookupError, match="7"), running() as run:
        list(run(fail, [7, 8], ahead=None))


def test_after_an_interrupt_what_was_begun_ends_and_nothing_new_begins() -> None:
    begun, ended, release = [], [], threading.Event()

    def work(value: int) -> None:
        begun.append(value)
        release.wait(60)
        ended.append(value)

    def interrupted() -> None:
        with running() as run:
            run(work, range(10), ahead=None)
            while len(begun) < WORKERS:
                time.sleep(0.01)
            threading.Timer(0.1, release.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(begun) == sorted(ended) == list(range(WORKERS))
