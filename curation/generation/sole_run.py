"""Makes sure that only one `generate` at a time fills a store from this machine: two would spend the budget twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from curation import ids
from curation.errors import ServiceError, TemporaryError
from curation.generation import cache_file
from curation.generation.locks import take


@contextmanager
def sole_run(store: str, hub_endpoint: str) -> Iterator[None]:
    """Hold the lock of a store while the block runs. The system releases the lock if the process ends.

    The lock is a file in the folder of the request cache. Raises TemporaryError with the number of the other process if
    the lock is held already, ServiceError if the folder cannot be written to.
    """
    path = cache_file().parent / "runs" / f"{ids.content_hash('run', hub_endpoint, store)}.lock"
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    try:
        lock = take(path, f"process {os.getpid()}, since {since}")
        running = "" if lock is not None else path.read_text(errors="replace")
    except OSError as error:
        raise ServiceError(
            f"The folder {path.parent} cannot be used: {error}.",
            remedy="Name another folder in CURATION_CACHE.",
        ) from error
    if lock is None:
        raise TemporaryError(
            f"Another `curation generate` fills {store} from this machine ({running or 'it has just started'}).",
            remedy="Run the command again when it has ended. Prompts that it got answers to are not asked again.",
        )
    try:
        yield
    finally:
        os.close(lock)
