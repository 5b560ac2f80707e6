"""How much memory reading may take at once: above it the system refuses more, whatever a file says of its own size.

A file can say that it is small and unfold to gigabytes, in more ways than can be looked for. Linux counts the memory of
a process (RLIMIT_DATA of https://man7.org/linux/man-pages/man2/getrlimit.2.html) whoever asks for it, Arrow and zlib
too. Other systems do not, and there only the other bounds of `curation.files` hold.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TypeVar

import pyarrow as pa

from curation.errors import DataError

MOST_MEMORY = 1 << 29
"""Bytes (512 MB) that one step of reading may take beyond what this process has."""
MEMORY_USED = Path("/proc/self/statm")
DATA_PAGES = 5
"""Which number of that file counts the pages that RLIMIT_DATA is about."""

Step = TypeVar("Step")
_one_limit = RLock()
"""The limit is one of the whole process: two threads must not set it and put it back in turns."""


@contextmanager
def bounded_memory(name: str) -> Iterator[None]:
    """Let this process take `MOST_MEMORY` more at most; DataError, with `name` as what was read, if it needs more."""
    with _one_limit:
        before = resource.getrlimit(resource.RLIMIT_DATA)
        try:
            _limit_memory(before)
            yield
        except MemoryError as error:
            raise DataError(
                f"{name} needs more than {MOST_MEMORY >> 20} MB of memory to be read: it is not read further.",
                remedy="If its rows really are so large, save them as JSON lines or in several files.",
            ) from error
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, before)


def in_bounded_memory(steps: Iterator[Step], name: str) -> Iterator[Step]:
    """Yield what an iterator gives, each step of it in `bounded_memory`."""
    while True:
        with bounded_memory(name):
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step


def _limit_memory(limits: tuple[int, int]) -> None:
    if not MEMORY_USED.exists():
        return
    # Arrow's own allocators reserve a gigabyte ahead, which counts as used: what is read could fill it unnoticed.
    pa.set_memory_pool(pa.system_memory_pool())
    limit = int(MEMORY_USED.read_text().split()[DATA_PAGES]) * resource.getpagesize() + MOST_MEMORY
    for other in limits:
        limit = limit if other == resource.RLIM_INFINITY else min(limit, other)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limits[1]))
