"""Locks between the processes of one machine: the system frees them when their process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from pathlib import Path


def take(path: Path, text: str = "") -> int | None:
    """Lock a file, creating it with mode 0600 if needed, and write `text` into it; None if somebody holds it.

    The descriptor that is returned holds the lock until it is closed or its process ends. Raises OSError if the file
    cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())
    return descriptor


class Claims:
    """Names that one process has for itself, whichever processes use the same file: one locked byte for each name.

    A name is hex digits, and the first 15 say which byte. Two names with the same 15 exclude each other, which does no
    harm. Nothing is written, so that the file stays empty.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it with mode 0600 if needed. Raises OSError if it cannot be opened."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._names: set[str] = set()

    def take(self, name: str) -> bool:
        """Claim a name; False if somebody has it, here or elsewhere."""
        if name in self._names or not _lock_byte(self._descriptor, fcntl.F_WRLCK, _byte_of(name)):
            return False
        self._names.add(name)
        return True

    def release(self, name: str) -> None:
        """Give back a name, if it was claimed here."""
        if name in self._names:
            self._names.discard(name)
            _lock_byte(self._descriptor, fcntl.F_UNLCK, _byte_of(name))

    def close(self) -> None:
        """Give back all names."""
        os.close(self._descriptor)


def _byte_of(name: str) -> int:
    return int(name[:15], 16)


if sys.platform == "linux":

    def _lock_byte(descriptor: int, kind: int, byte: int) -> bool:
        """Lock or unlock a byte for this open file (fcntl_locking(2), "open file description locks")."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, byte, 1, 0))
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
            return False
        return True

else:

    def _lock_byte(descriptor: int, kind: int, byte: int) -> bool:
        """Lock or unlock a byte for this process: what else it opens the file for is not kept out."""
        operation = fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(descriptor, operation, 1, byte)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES}:
                raise
            return False
        return True
