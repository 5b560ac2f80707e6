"""One `generate` at a time fills a store from a machine: two would each spend the whole budget."""

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
    """Hold the lock of a store in the folder of the request cache while the block runs; the system frees it at a crash.

    Raises TemporaryError, which says who runs and since when, if another process or thread holds it, ServiceError if
    the folder cannot be written to.
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
            f"Another `curation generate` fills {store} from this machine ({running or 'it has just begun'}).",
            remedy="Run the command again when it has ended: what it was answered is not asked again.",
        )
    try:
        yield
    finally:
        os.close(lock)
