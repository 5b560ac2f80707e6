"""Locks between processes on one machine. The system releases a lock when its process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import sys
import uuid
from pathlib import Path


def take(path: Path, text: str = "") -> int | None:
    """Lock a file and write `text` into it. If it does not exist, create it with mode 0600.

    Return the file descriptor, which holds the lock until it is closed or the process ends; None if another process
    holds the lock. Raises OSError if the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = lock(path)
    if descriptor is not None:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
    return descriptor


def lock(path: Path) -> int | None:
    """Lock a file and leave its content as it is. If it does not exist, create it with mode 0600.

    Return the file descriptor, which holds the lock until it is closed or the process ends; None if another file
    descriptor, of this process or another, holds the lock. Raises OSError if the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


MARK_BYTES = 16


class Claims:
    """Names that a process claims, so that no other process that uses the same file can claim them too.

    Each claim is a lock on one byte of the file. A name consists of hex digits, and its first 15 are the position of
    the byte: "00000000000001f…" is byte 31. Two names with the same first 15 digits exclude each other, which does no
    harm. The content of the file is the mark: random bytes, which all processes share in memory.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it with mode 0600 if needed. Raises OSError if it cannot be opened."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(self._descriptor).st_size < MARK_BYTES:
                os.ftruncate(self._descriptor, MARK_BYTES)
            self._mark = mmap.mmap(self._descriptor, MARK_BYTES)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._names: set[str] = set()
        self._known_mark = self.mark

    @property
    def mark(self) -> bytes:
        """The mark. It is another one after every `change_mark`, also of another process. Reading it is very cheap."""
        return self._mark[:]

    @property
    def is_alone(self) -> bool:
        """Whether nobody else has changed the mark since the file was opened here."""
        return self._known_mark == self._mark[:]

    def change_mark(self) -> None:
        """Change the mark, so that others see that something has happened since they last read it."""
        new, was_alone = uuid.uuid4().bytes, self.is_alone
        self._mark[:] = new
        if was_alone:
            self._known_mark = new

    def take(self, name: str) -> bool:
        """Claim a name. Returns False if it is claimed already, by this process or by another."""
        if name in self._names or not _lock_byte(self._descriptor, fcntl.F_WRLCK, _byte_of(name)):
            return False
        self._names.add(name)
        return True

    def release(self, name: str) -> None:
        """Give up a name, if this process has claimed it."""
        if name in self._names:
            self._names.discard(name)
            _lock_byte(self._descriptor, fcntl.F_UNLCK, _byte_of(name))

    def close(self) -> None:
        """Give up all names."""
        self._mark.close()
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
