"""Code that knows nothing of asyncio waits in the event loop, in greenlets that are used again."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import partial

import greenlet
import pytest

from curation.generation.waiting import Begun, awaited_from, dismiss, wait_for


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def sum_of_doubles(*numbers: int) -> int:
    return sum(wait_for(partial(double, number)) for number in numbers)


def test_a_function_waits_as_often_as_it_wants() -> None:
    assert asyncio.run(awaited_from(sum_of_doubles, 1, 2, 3)) == 12
    assert asyncio.run(awaited_from(sum_of_doubles)) == 0


def test_functions_that_wait_at_the_same_time_have_greenlets_of_their_own_and_later_ones_use_them_again() -> None:
    workers: list[greenlet.greenlet] = []

    async def run() -> list[int]:
        first = [Begun(partial(sum_of_doubles, number, 1), workers) for number in range(3)]
        assert workers == []
        results = list(await asyncio.gather(*(begun.end() for begun in first)))
        idle = set(workers)
        assert len(idle) == 3
        results.append(await Begun(partial(sum_of_doubles, 10), workers).end())
        assert set(workers) == idle
        dismiss(workers)
        assert all(worker.dead for worker in idle)
        return results

    assert asyncio.run(run()) == [2, 4, 6, 20]
    assert workers == []


def test_an_error_is_raised_where_the_result_is_taken_and_the_greenlet_goes_on() -> None:
    workers: list[greenlet.greenlet] = []

    async def fail() -> int:
        raise ValueError("no such number")

    async def run() -> None:
        with pytest.raises(ValueError, match="no such number"):
            await Begun(partial(wait_for, fail), workers).end()
        begun = Begun(partial(int, "x"), workers)
        assert begun.is_done
        with pytest.raises(ValueError, match="invalid literal"):
            begun.result()
        assert await Begun(partial(sum_of_doubles, 4), workers).end() == 8
        assert len(workers) == 1
        dismiss(workers)

    asyncio.run(run())


def test_a_function_that_waits_is_told_that_it_is_cancelled() -> None:
    workers: list[greenlet.greenlet] = []
    told: list[str] = []

    def wait() -> None:
        try:
            wait_for(partial(asyncio.sleep, 600))
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def run() -> None:
        task = asyncio.create_task(Begun(wait, workers).end())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        dismiss(workers)

    asyncio.run(run())
    assert told == ["cancelled"]


def test_what_one_function_sets_in_its_context_the_next_does_not_see() -> None:
    workers: list[greenlet.greenlet] = []
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    Begun(partial(variable.set, "by the first"), workers)
    assert Begun(variable.get, workers).result() == "unset"
    dismiss(workers)
