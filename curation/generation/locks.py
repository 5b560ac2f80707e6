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
CLAIM_FILES = tuple("0123456789abcdef")


class Claims:
    """Names that a process claims, so that no other process that uses the same files can claim them too.

    A name consists of hex digits. Each claim is a lock on one byte of a file: the last digit of the name says of which
    file, and its first 15 are the position of the byte. "00000000000001f…7" is byte 31 of "requests.sqlite.claims-7".
    Two names with the same such digits exclude each other, which does no harm. There are several files because the
    system looks through the locks of a file one by one, which takes long when there are hundreds.

    The file at the path itself contains the mark: random bytes, which all processes share in memory.
    """

    def __init__(self, path: Path) -> None:
        """Open the files, creating them with mode 0600 if needed. Raises OSError if one cannot be opened."""
        self._files: dict[str, int] = {}
        try:
            for digit in CLAIM_FILES:
                self._files[digit] = _open(path.with_name(f"{path.name}-{digit}"))
            self._mark = _open_mark(path)
        except BaseException:
            self._close_files()
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
        if name in self._names or not self._lock(name, fcntl.F_WRLCK):
            return False
        self._names.add(name)
        return True

    def release(self, name: str) -> None:
        """Give up a name, if this process has claimed it."""
        if name in self._names:
            self._names.discard(name)
            self._lock(name, fcntl.F_UNLCK)

    def close(self) -> None:
        """Give up all names."""
        self._mark.close()
        self._close_files()

    def _lock(self, name: str, kind: int) -> bool:
        return _lock_byte(self._files[name[-1]], kind, int(name[:15], 16))

    def _close_files(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _open_mark(path: Path) -> mmap.mmap:
    descriptor = _open(path)
    try:
        if os.fstat(descriptor).st_size < MARK_BYTES:
            os.ftruncate(descriptor, MARK_BYTES)
        return mmap.mmap(descriptor, MARK_BYTES)
    finally:
        os.close(descriptor)


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
