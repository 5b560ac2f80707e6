"""Files on this machine that hold what people wrote: for their owner alone, and gone when the run is over."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "curation-scratch-"
LOCK = ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder (0700) among the temporary files, which is removed at the end.

    A run that is killed leaves its folder behind; the next one removes it. A folder in use is told by the lock that its
    run holds, which ends with the run however that ends, so no process id has to be trusted.
    """
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        draft = folder / f"{LOCK}.new"
        with draft.open("w") as lock:
            # Named only when it is held: a folder with a lock that is free is one that was left behind.
            fcntl.flock(lock, fcntl.LOCK_EX)
            draft.rename(folder / LOCK)
            inner = folder / "files"
            inner.mkdir()
            yield inner


@contextmanager
def private_files() -> Iterator[None]:
    """Make every file and folder that this process creates meanwhile readable by its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _remove_left_behind() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            # In use, another user's, or already removed by another run.
            continue
