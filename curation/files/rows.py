"""A file that can be read, the rows of a file, and how large a row may be."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any, Literal, Protocol

ROW_SIZE = 1 << 24
"""A row with more characters (in Parquet and Arrow: bytes) is left out. It would have about four million tokens."""

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
"""What readers raise if a file is damaged or has another format. Errors of Arrow and pandas are subclasses of these."""


class File(Protocol):
    """A file on this machine (any `Path`) or elsewhere. Error messages name it by `str(file)`."""

    @property
    def name(self) -> str:
        """Return the last part of the path, such as "train.jsonl.gz"."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open the file for reading. What is returned can seek, and must be closed."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a file.

    - `number`: the line on which the row begins in CSV, TSV, JSON lines and text; in other formats, the number of the
      row. Both count from 1.
    - `values`: the values by column; None if the row cannot be used
    - `reason`: why it cannot be used: "not JSON: ..."
    - `too_large`: whether it cannot be used only because of its size
    """

    number: int
    values: dict[str, Any] | None
    reason: str = ""
    too_large: bool = False


def too_large(number: int) -> FileRow:
    """Return the row without values that takes the place of a row above `ROW_SIZE`."""
    return FileRow(number, None, f"larger than {ROW_SIZE:,} characters, and left out", too_large=True)
