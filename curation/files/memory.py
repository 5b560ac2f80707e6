"""Limits how much memory a file may take while it is read.

A small file can unfold to gigabytes, in more ways than can be checked. So the operating system keeps the limit: on
Linux, RLIMIT_DATA (https://man7.org/linux/man-pages/man2/getrlimit.2.html) counts all memory of a process, also that of
Arrow and zlib. Other systems do not count it. There, only the other limits of `curation.files` hold.
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
"""How many bytes (512 MB) a step of reading may take, beyond what the process already has."""
MEMORY_USED = Path("/proc/self/statm")
DATA_PAGES = 5
"""The position, in MEMORY_USED, of the number of pages that RLIMIT_DATA limits."""

Step = TypeVar("Step")
_one_limit = RLock()
"""The limit holds for the whole process, so only one thread at a time may set it and take it back."""


@contextmanager
def bounded_memory(name: str) -> Iterator[None]:
    """Limit the memory that the block takes to `MOST_MEMORY`. Raises DataError about `name` if it needs more."""
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
    """Yield the items of an iterator, and limit the memory that each step takes (see `bounded_memory`)."""
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
    # Arrow's own allocators reserve a gigabyte ahead. It counts as used, so a file could fill it without any error.
    pa.set_memory_pool(pa.system_memory_pool())
    limit = int(MEMORY_USED.read_text().split()[DATA_PAGES]) * resource.getpagesize() + MOST_MEMORY
    for other in limits:
        limit = limit if other == resource.RLIM_INFINITY else min(limit, other)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limits[1]))
