"""Background jobs without Redis: an in-process fake takes Redis's place, and one thread works the queues off.

Jobs that wait are lost when the server stops, as they are for a Redis that keeps nothing on disk.
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
    """A worker for a thread: its time limit is a timer, since signals only reach the main thread."""

    death_penalty_class = TimerDeathPenalty


@contextlib.contextmanager
def redis_in_process() -> Iterator[Any]:
    """While argilla_server is imported, let `redis.from_url` give out one in-process fake; yields that fake."""
    fake = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    original = redis.from_url
    redis.from_url = lambda *_args, **_kwargs: fake
    try:
        yield fake
    finally:
        redis.from_url = original


def start_worker(connection: Any) -> None:
    """Work off Argilla's queues in a daemon thread; `connection` must be the fake that argilla_server holds."""
    if point("argilla_server.jobs.queues.REDIS_CONNECTION") is not connection:
        raise SystemExit("argilla-server changed: argilla_server.jobs.queues no longer connects with redis.from_url")
    queues = [point("argilla_server.jobs.queues.HIGH_QUEUE"), point("argilla_server.jobs.queues.DEFAULT_QUEUE")]
    # rq imports a job's module when it runs; doing it here keeps that work out of the first job.
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
            _LOGGER.exception("The job thread met an error and goes on.")
            time.sleep(POLL_SECONDS)


def _enqueue_due(queues: list[Any], connection: Any) -> None:
    """Move the retries whose time has come to their queue (rq's own scheduler is a second process)."""
    for queue in queues:
        registry = ScheduledJobRegistry(queue=queue)
        for job_id in registry.get_jobs_to_schedule():
            job = Job.fetch(job_id, connection=connection)
            registry.remove(job)
            queue.enqueue_job(job)
