"""Opens text files in any Unicode encoding, also gzipped, and reads their lines up to a limited length."""

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
# UTF-32 comes before UTF-16, because its byte order mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOOKED_AT = 4096
"""The encoding is guessed from so many bytes at the beginning of a file."""
MANY_ZEROS = 4
"""Latin text in UTF-16 has a zero in every other byte. If one byte in so many is zero, a file is taken for UTF-16."""


@contextmanager
def open_text(path: File, *, newline: str = "\n") -> Iterator[io.TextIOWrapper]:
    r"""Open a text file, gzipped or not, in the encoding that its first bytes show: UTF-8, UTF-16 or UTF-32.

    `newline` means the same as for `open`: with "", a line also ends at "\r". Bytes that are not UTF-8 become lone
    surrogates, so that `is_utf8` is false for their line.
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
    """Return the encoding of a text that begins with these bytes.

    It is told by the byte order mark; without one, text with zeros in every other byte is UTF-16, and the rest UTF-8.
    """
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
    """Yield the number of each line, from 1, and the line; None in place of a line above `ROW_SIZE` characters.

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
