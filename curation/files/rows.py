"""What readers take and give: a file, wherever it is, its rows, and how large a row may be."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any, Literal, Protocol

ROW_SIZE = 1 << 24
"""A row of more characters (or of more bytes, in Parquet and Arrow) is left out: about four million tokens."""

UNREADABLE = (
    OSError,
    EOFError,
    TypeError,
    ValueError,
    LookupError,
    RuntimeError,
    MemoryError,
    zlib.error,
    struct.error,
)
"""What readers raise of files that are damaged or hold something else; Arrow's and pandas' errors are among them."""


class File(Protocol):
    """A file on this machine (a `Path` is one) or elsewhere; errors call it by its `str`."""

    @property
    def name(self) -> str:
        """Return the last part of the path, such as "train.jsonl.gz"."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Return the content from its start; it can be read at any place, and closed."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file: its number and its values by column.

    The number is the line on which the row begins in CSV, TSV, JSON lines and text (from 1), else the row's own (from
    1). `values` is null if the row cannot be used; then `reason` says why ("not JSON: ..."), and `too_large` whether
    it was left out for its size alone.
    """

    number: int
    values: dict[str, Any] | None
    reason: str = ""
    too_large: bool = False


def too_large(number: int) -> FileRow:
    """Return the row that stands for one above `ROW_SIZE`."""
    return FileRow(number, None, f"larger than {ROW_SIZE:,} characters, and left out", too_large=True)
