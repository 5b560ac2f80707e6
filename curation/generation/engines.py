"""The engines that run a distilabel pipeline: our streaming runner, distilabel's own, and Ray.

All three give the same rows for the same replies. They differ in speed and in what they need.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import queue
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from typing import Any

from distilabel.pipeline import Pipeline
from distilabel.steps.tasks.base import _Task

from curation.errors import ConfigError, DataError
from curation.generation.dedicated import awake
from curation.generation.options import Engine
from curation.generation.runner import FailedRow, Row, stream

HAND_OVER_SECONDS = 0.05

ROWS_WAITING = 512
"""When so many finished rows wait to be taken, the runner starts no new ones."""

COLLECTED_EVERY = 50_000
"""While rows are in flight, Python looks for garbage in cycles after so many new objects instead of after 700."""


def run(
    pipeline: Pipeline, *, engine: Engine = "streaming", room: Callable[[int], bool] = lambda in_flight: True
) -> Generator[Row | FailedRow, None, None]:
    """Yield the rows of a pipeline's last step: with "streaming" as they finish, else when all are done.

    Dedicated endpoints that sleep are woken, and put back at the end. `room` (streaming only) says whether another row
    may be begun while so many are in flight. Raises ConfigError if the engine cannot run the pipeline or is not
    installed.
    """
    names = [step.llm.endpoint_name for step in _tasks(pipeline) if getattr(step.llm, "endpoint_name", None)]
    with awake(names):
        yield from streamed(pipeline, room) if engine == "streaming" else _batched(pipeline, engine)


def _tasks(pipeline: Pipeline) -> list[Any]:
    steps = (pipeline.dag.get_step(name)["step"] for name in pipeline.dag)
    return [step for step in steps if isinstance(step, _Task)]


def streamed(pipeline: Pipeline, room: Callable[[int], bool]) -> Generator[Row | FailedRow, None, None]:
    """Run the loop in a thread of its own, so that requests go on while the caller stores the rows."""
    loop = _LoopThread(lambda: stream(pipeline, room=room))
    with _seldom_collected():
        loop.start()
        try:
            while (rows := loop.finished.get()) is not None:
                for row in rows:
                    yield row
                    loop.taken += 1
        finally:
            loop.stop()
    if loop.error is not None:
        raise loop.error


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Make Python's garbage collector run less often inside the block.

    Some ten thousand objects belong to the rows in flight. They are not garbage, and nearly all are freed without the
    collector, which by default would spend a quarter of a run's processor time on looking at them again and again.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], COLLECTED_EVERY) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _LoopThread(threading.Thread):
    """Runs an asynchronous generator. The queue `finished` gets lists of the rows it yields, and None at the end."""

    def __init__(self, rows: Callable[[], AsyncGenerator[Row | FailedRow, None]]) -> None:
        super().__init__(name="generation", daemon=True)
        self.finished: queue.SimpleQueue[list[Row | FailedRow] | None] = queue.SimpleQueue()
        self.taken = 0
        self.error: BaseException | None = None
        self._rows = rows
        self._given = 0
        self._batch: list[Row | FailedRow] = []
        self._loop = asyncio.new_event_loop()
        # The task is made before the thread starts, so that `stop` can cancel it at any time.
        self._task = self._loop.create_task(self._produce())

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the rows are taken
            self.error = error
        finally:
            self._hand_over()
            self.finished.put(None)

    def stop(self) -> None:
        """Cancel what still runs, and close the loop."""
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _produce(self) -> None:
        async with aclosing(self._rows()) as rows:
            async for row in rows:
                while self._given - self.taken >= ROWS_WAITING:
                    await asyncio.sleep(HAND_OVER_SECONDS)
                self._given += 1
                self._batch.append(row)
                if len(self._batch) == 1:
                    # Rows are passed on in lists, because waking the other thread for every row would slow down both.
                    self._loop.call_later(HAND_OVER_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        if self._batch:
            self.finished.put(self._batch)
            self._batch = []


def _batched(pipeline: Pipeline, engine: Engine) -> Iterator[Row]:
    runnable = _ray(pipeline) if engine == "ray" else pipeline
    # It writes "INFO" about every batch; whoever wants that sets the variable.
    os.environ.setdefault("DISTILABEL_LOG_LEVEL", "WARNING")
    with _undone():
        # distilabel's own cache is not used: it returns stale rows, no rows, or hangs (distilabel 1.5.3).
        distiset = runnable.run(use_cache=False)
    if len(distiset) != 1:
        raise DataError(f"The pipeline gave {len(distiset)} datasets ({', '.join(sorted(distiset))}), not one.")
    [splits] = distiset.values()
    yield from splits["train"]


def _ray(pipeline: Pipeline) -> Any:
    """Return the pipeline on the Ray cluster of RAY_ADDRESS, or on a new cluster on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not os.environ.get("RAY_ADDRESS"):
        # Without this variable Ray replaces 127.0.0.1 by an address that other machines can reach.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            'engine = "ray" needs the package ray, which is not installed.',
            remedy="Install curation with its extra: pip install 'curation[ray]'",
        ) from error
    return pipeline.ray(ray_init_kwargs={"include_dashboard": False, "log_to_driver": False})


@contextmanager
def _undone() -> Iterator[None]:
    """Remove what distilabel 1.5.3 leaves behind: a root log handler on a closed queue, and its SIGINT handler."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
