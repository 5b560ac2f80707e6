r"""Journals: files that keep replies on disk until they are written to the database of the request cache together.

Writing a single reply to an SQLite database takes some twenty system calls, and appending a line to a file takes one.
So each open cache first appends its replies to a journal of its own, "requests.sqlite.journal-0" for example. A line of
it is JSON, the values of a row of the table `replies`:

    ["0b5f…", "meta-llama/Llama-3.1-8B", 1795822000.5, "{\"generation\":\"Four.\"}"]

An open cache holds the lock of its journal. If a journal is not locked, its process was killed, and whoever opens the
cache next writes the replies to the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

import orjson

from curation.generation import locks

Entry = tuple[str, str, float, str]
"""The key of a request, the name of its model, the time of its reply, and the reply as JSON."""


class Journal:
    """A journal whose lock this process holds."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._size = 0

    @classmethod
    def create(cls, cache: Path) -> Self:
        """Create an empty journal for the cache at this path. Raises OSError if that is not possible."""
        for number in count():
            path = _journal_path(cache, number)
            descriptor = locks.lock(path)
            if descriptor is None:
                continue
            # Another process may have deleted the file before we had its lock. Replies of a killed process stay there.
            if _is_at(path, descriptor) and os.fstat(descriptor).st_size == 0:
                return cls(path, descriptor)
            os.close(descriptor)
        raise AssertionError("numbers do not end")

    def append(self, entry: Entry) -> None:
        """Write one reply to the file. When this returns, kill -9 does not lose it. Raises OSError if it fails."""
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        written = os.write(self._descriptor, line)
        if written < len(line):
            os.ftruncate(self._descriptor, self._size)
            raise OSError("there is no more room on its disk")
        self._size += written

    def entries(self) -> list[Entry]:
        """Return all replies in the file. Raises OSError if it cannot be read."""
        # A process that was killed while it wrote leaves half a line. The reply in it had not been used yet.
        return [entry for line in self._path.read_bytes().splitlines() if (entry := _entry(line)) is not None]

    def clear(self) -> None:
        """Remove all replies from the file, because they are in the database now."""
        os.ftruncate(self._descriptor, 0)
        self._size = 0

    def close(self, *, keep: bool = False) -> None:
        """Give up the lock. The file is deleted, or kept for the next who opens the cache."""
        if not keep:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def left_behind(cache: Path) -> Iterator[Journal]:
    """Yield the journals of a cache whose processes were killed. The caller closes each of them.

    Raises OSError if a file cannot be opened.
    """
    for path in sorted(cache.parent.glob(_journal_path(cache, "*").name)):
        descriptor = locks.lock(path)
        if descriptor is None:
            continue
        if _is_at(path, descriptor):
            yield Journal(path, descriptor)
        else:
            os.close(descriptor)


def _journal_path(cache: Path, number: int | str) -> Path:
    return cache.with_name(f"{cache.name}.journal-{number}")


def _entry(line: bytes) -> Entry | None:
    try:
        key, model, created, reply = orjson.loads(line)
    except ValueError:
        return None
    return key, model, created, reply


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open has this path, and was not deleted."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
