"""Starts a request while the caller goes on: the server takes most of the time."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(call: Callable[[], T]) -> Future[T]:
    """Run a call in a thread, which keeps neither an error nor Ctrl-C waiting for a server that hangs."""
    result: Future[T] = Future()
    # A thread does not see the context by itself, which says where sentences about waiting go.
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.set_result(context.run(call))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result raises it again
            result.set_exception(error)

    threading.Thread(target=run, name="records", daemon=True).start()
    return result
