"""Starts a request and lets the caller go on, because the server takes most of the time."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(call: Callable[[], T]) -> Future[T]:
    """Run a call in a thread, and return its future result.

    The thread is a daemon, so a server that hangs keeps the program neither from ending with an error nor from Ctrl-C.
    """
    result: Future[T] = Future()
    # The context says where sentences about waiting are printed. A thread only has it if it is copied.
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.set_result(context.run(call))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result raises it again
            result.set_exception(error)

    threading.Thread(target=run, name="records", daemon=True).start()
    return result
