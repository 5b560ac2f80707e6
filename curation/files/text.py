"""Text files: how they are encoded and packed, and their lines, each of bounded size."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from curation.errors import DataError
from curation.files.rows import ROW_SIZE, File

GZIP = b"\x1f\x8b"
# The mark of UTF-32 begins as that of UTF-16 does.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOOKED_AT = 4096
"""How many bytes of a file tell how it is encoded."""
MANY_ZEROS = 4
"""UTF-16 has a zero in every other byte of Latin text; one byte in so many, and the encoding is clear."""


@contextmanager
def open_text(path: File, *, newline: str = "\n") -> Iterator[io.TextIOWrapper]:
    r"""Open a text file, unpacked if it is gzip, in the encoding that its first bytes show: UTF-8, UTF-16 or UTF-32.

    `newline` is that of `open`: "" also ends a line at "\r". Bytes that are no UTF-8 become lone surrogates, which
    `check_utf8` finds.
    """
    with _open_bytes(path) as file:
        start = file.read(LOOKED_AT)
        file.seek(0)
        encoding = encoding_of(start)
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        yield io.TextIOWrapper(file, encoding=encoding, errors=errors, newline=newline)


@contextmanager
def _open_bytes(path: File) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP or path.name.lower().endswith(".gz")
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield cast(IO[bytes], unpacked)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text that begins with these bytes, by its byte order mark or the places of its zeros."""
    marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
    if marked is not None:
        return marked
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if start[first::2].count(0) * MANY_ZEROS > len(start) and not start[1 - first :: 2].count(0):
            return name
    return "utf-8"


def is_utf8(line: str) -> bool:
    """Whether a line that `open_text` gave was UTF-8 in the file."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_utf8(path: File, number: int) -> DataError:
    """Return the error of a file whose line with this number is not UTF-8."""
    return DataError(f"{path}, line {number}, is not UTF-8.", remedy="Save the file as UTF-8.")


def read_lines(file: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """Yield the lines of a file with their numbers, from 1; null in place of one above `ROW_SIZE` characters.

    Blank lines and byte order marks are left out.
    """
    number = 0
    while line := file.readline(ROW_SIZE + 1):
        number += 1
        if len(line) > ROW_SIZE and not line.endswith("\n"):
            _skip_line(file)
            yield number, None
        elif (text := line.removeprefix("\ufeff").strip("\n")) and not text.isspace():
            yield number, text


def _skip_line(file: io.TextIOWrapper) -> None:
    while (piece := file.readline(ROW_SIZE)) and not piece.endswith("\n"):
        pass
