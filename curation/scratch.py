"""Temporary files with private content: only their owner can read them, and they are removed when the run ends."""

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
    """Yield a new folder (mode 0700) among the temporary files, and remove it at the end.

    A run that is killed leaves its folder behind, and the next run removes it. A folder that is in use holds a locked
    file. The system releases the lock when its process ends, however it ends, so no process id has to be trusted.
    """
    _remove_left_behind()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        draft = folder / f"{LOCK}.new"
        with draft.open("w") as lock:
            # The file gets its name after it is locked: a folder with a free lock is always one that was left behind.
            fcntl.flock(lock, fcntl.LOCK_EX)
            draft.rename(folder / LOCK)
            inner = folder / "files"
            inner.mkdir()
            yield inner


@contextmanager
def private_files() -> Iterator[None]:
    """Inside the block, only the owner can read the files and folders that this process creates."""
    previous_umask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(previous_umask)


def _remove_left_behind() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:
            # The folder is in use, belongs to another user, or was removed by another run.
            continue
