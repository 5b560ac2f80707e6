"""Background jobs without a Redis server: a fake inside this process holds the queues, and one thread runs the jobs.

Waiting jobs are lost when the server stops, as with a Redis that writes nothing to disk.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import fakeredis
import redis
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.timeouts import TimerDeathPenalty

from .points import point  # noqa: TID252

POLL_SECONDS = 1

_LOGGER = logging.getLogger("argilla")


class ThreadWorker(SimpleWorker):  # type: ignore[misc]  # not installed where types are checked
    """A worker that can run in a thread. Its time limit is a timer, because signals reach only the main thread."""

    death_penalty_class = TimerDeathPenalty


@contextlib.contextmanager
def redis_in_process() -> Iterator[Any]:
    """Import argilla_server inside this block: `redis.from_url` returns a fake there, which is also yielded."""
    fake = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    original = redis.from_url
    redis.from_url = lambda *_args, **_kwargs: fake
    try:
        yield fake
    finally:
        redis.from_url = original


def start_worker(connection: Any) -> None:
    """Run the jobs of Argilla's queues in a daemon thread. `connection` must be the fake that argilla_server uses."""
    if point("argilla_server.jobs.queues.REDIS_CONNECTION") is not connection:
        raise SystemExit("argilla-server changed: argilla_server.jobs.queues no longer connects with redis.from_url")
    queues = [point("argilla_server.jobs.queues.HIGH_QUEUE"), point("argilla_server.jobs.queues.DEFAULT_QUEUE")]
    # rq would import this module when the first job runs, which would make that job slow.
    importlib.import_module("argilla_server.jobs.webhook_jobs")
    threading.Thread(target=_work, args=(queues, connection), name="jobs", daemon=True).start()


def _work(queues: list[Any], connection: Any) -> None:
    worker = ThreadWorker(queues, connection=connection)
    while True:
        try:
            _enqueue_due(queues, connection)
            job, queue = Queue.dequeue_any(queues, timeout=POLL_SECONDS, connection=connection)
            worker.execute_job(job, queue)
        except DequeueTimeout:
            continue
        except Exception:
            _LOGGER.exception("A background job raised an error. The next jobs are still run.")
            time.sleep(POLL_SECONDS)


def _enqueue_due(queues: list[Any], connection: Any) -> None:
    """Put retries whose time has come into their queue. rq's own scheduler would need a second process."""
    for queue in queues:
        registry = ScheduledJobRegistry(queue=queue)
        for job_id in registry.get_jobs_to_schedule():
            job = Job.fetch(job_id, connection=connection)
            registry.remove(job)
            queue.enqueue_job(job)
