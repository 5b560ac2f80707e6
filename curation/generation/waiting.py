"""Runs code that knows nothing of asyncio so that it can wait for something in the event loop (with greenlets).

This is what SQLAlchemy does to run its synchronous core over asynchronous drivers. For example, a distilabel task calls
`llm.generate`, which calls `wait_for`. Then `Begun.end` awaits the reply, and the task goes on with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial
from typing import Any, NamedTuple, TypeVar

import greenlet

ResultT = TypeVar("ResultT")


class Begun:
    """A call of a function that may call `wait_for` somewhere inside, as far as it comes without waiting."""

    __slots__ = ("_given", "_worker", "_workers", "error", "is_done")

    def __init__(self, function: Callable[[], Any], workers: list[greenlet.greenlet]) -> None:
        """Call the function until it waits, or is done, or fails.

        `workers` are greenlets without work. One of them calls the function, or a new one, and comes back to the list.
        """
        self._worker = workers.pop() if workers else greenlet.greenlet(_work)
        self._workers = workers
        self._given: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        """Whether it returned or failed."""

        self._take(self._worker.switch(function))

    def _take(self, given: Any) -> None:
        """Take what the worker gives: what it waits for, or at the end a result or an error."""
        if isinstance(given, _Done):
            self.is_done = True
            self._given, self.error = given
            self._workers.append(self._worker)
        else:
            self._given = given

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self._given

    async def end(self) -> Any:
        """Run the function to its end, and return its result."""
        while not self.is_done:
            try:
                value = await self._given()
            except BaseException as error:  # noqa: BLE001 - cancellation too has to reach the code that waits
                self._take(self._worker.throw(error))
            else:
                self._take(self._worker.switch(value))
        return self.result()


class _Done(NamedTuple):
    """The end of a function: its result, or the error that it raised."""

    result: Any
    error: BaseException | None


def _work(function: Callable[[], Any]) -> None:
    """Call functions, one after the other. A new greenlet for each would need new memory from the system each time."""
    parent = greenlet.getcurrent().parent
    assert parent is not None
    while True:
        try:
            done = _Done(Context().run(function), None)
        except greenlet.GreenletExit:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
            done = _Done(None, error)
        del function
        function = parent.switch(done)
        del done


def dismiss(workers: list[greenlet.greenlet]) -> None:
    """End the greenlets. Only the thread that made them can do that."""
    while workers:
        workers.pop().throw()


async def awaited_from(function: Callable[..., ResultT], *arguments: Any) -> ResultT:
    """Run a function that may call `wait_for`."""
    workers: list[greenlet.greenlet] = []
    try:
        return await Begun(partial(function, *arguments), workers).end()  # type: ignore[no-any-return]
    finally:
        dismiss(workers)


def wait_for(function: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Make the event loop await what `function` returns, and return the result. Only inside of a `Begun` function."""
    parent = greenlet.getcurrent().parent
    assert parent is not None
    return parent.switch(function)  # type: ignore[no-any-return]
