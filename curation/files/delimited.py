"""Reads CSV and TSV files. Cells stay texts, and a row that does not fit the header is an error with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from curation.errors import DataError
from curation.files.rows import ROW_SIZE, File, FileRow, too_large
from curation.files.text import is_utf8, not_utf8, open_text
from curation.wording import counted

SEPARATORS = (",", ";", "\t", "|")
TSV_SEPARATORS = ("\t", ",", ";", "|")
NAMED_SEPARATOR = re.compile(r"sep=(.)\r?\n")
"""A first line in which Excel names the separator: "sep=;"."""
SAMPLE = 1 << 16
"""The separator is guessed from so many characters at the beginning of a file."""
UNQUOTED = re.compile(r'[^"\r\n]+')
PIECE = 1 << 20
"""So many characters of a line are read at once."""
QUOTES = "Put text that holds a quote, a separator or a line end in quotes, and write each quote within it twice."


def read_delimited(path: File, *, separators: Sequence[str] = SEPARATORS) -> Iterator[FileRow]:
    """Yield the rows below the header. Each cell is a text, and blank lines are left out.

    The separator is the one of `separators` that fits the first rows best (see `separator_of`). Raises DataError with
    the line if a row has more or fewer cells than the header, a quote is not closed, two columns have the same name, or
    the file is not UTF-8, UTF-16 or UTF-32.
    """
    # The default limit of 128 KiB for a cell would refuse long texts, which are allowed in every other format.
    csv.field_size_limit(4 * ROW_SIZE)
    with open_text(path, newline="") as file:
        sample = file.read(SAMPLE)
    with open_text(path, newline="") as file:
        named = NAMED_SEPARATOR.match(sample)
        separator = named[1] if named else separator_of(sample, separators)
        lines = _RowLines(file, path, separator)
        if named:
            next(lines)
        yield from _rows(lines, path, separator)


def separator_of(sample: str, separators: Sequence[str] = SEPARATORS) -> str:
    """Return the separator that fits a sample best; the first of `separators` if the sample has a single column.

    It is the separator with which all rows have the same number of cells; if several do so, the one with the most
    cells.
    """
    fits = {separator: _fit(sample, separator) for separator in separators}
    return max(separators, key=lambda separator: fits[separator])


def _fit(sample: str, separator: str) -> tuple[bool, int]:
    """Return whether all rows of a sample have the same number of cells (at least two), and how many the header has."""
    counts = []
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, strict=True)
    try:
        counts = [len(row) for row in rows if not _is_blank(row)]
    except csv.Error:
        # The sample ends within a quoted cell, or a quote is not closed. So only the header is looked at.
        header = next(csv.reader(io.StringIO(sample, newline=""), delimiter=separator), [])
        return False, len(header)
    if len(sample) == SAMPLE:
        counts = counts[:-1]
    cells = counts[0] if counts else 0
    return cells > 1 and set(counts) == {cells}, cells


class _RowLines:
    """Gives the lines of a file to `csv.reader`, and counts them and the characters of the current row.

    `number` is the line that was read last, and `size` the number of characters of the row so far. A row above
    `ROW_SIZE` is shortened to the characters that are needed to see where the row ends.
    """

    def __init__(self, file: io.TextIOWrapper, path: File, separator: str) -> None:
        self._file = file
        self._path = path
        self._separator = separator
        self.number = 0
        self.size = 0
        self._kept_size = 0
        self._row_starts_at = 1

    def __iter__(self) -> _RowLines:
        return self

    def start_row(self) -> int:
        """Start to count the characters of a row; return the line on which it begins."""
        self.size = self._kept_size = 0
        self._row_starts_at = self.number + 1
        return self._row_starts_at

    def __next__(self) -> str:
        piece = self._file.readline(PIECE)
        if not piece:
            raise StopIteration
        self.number += 1
        pieces = [self._shorten(piece)]
        while not piece.endswith(("\n", "\r")) and (piece := self._file.readline(PIECE)):
            pieces.append(self._shorten(piece))
        line = "".join(pieces)
        if not is_utf8(line):
            raise not_utf8(self._path, self.number)
        return line

    def _shorten(self, piece: str) -> str:
        self.size += len(piece)
        if self.size <= ROW_SIZE:
            return piece
        short = UNQUOTED.sub(self._ends, piece)
        self._kept_size += len(short)
        if self._kept_size > ROW_SIZE:
            raise DataError(
                f"{self._path}, line {self._row_starts_at}: the row that begins here has no end within "
                f"{self.size:,} characters; a quote in it may not be closed.",
                remedy=QUOTES,
            )
        return short

    def _ends(self, run: re.Match[str]) -> str:
        """Return what replaces a run of characters without quotes and line ends.

        Only a separator at the start or the end of the run matters: it ends or begins a quoted cell.
        """
        return "".join(self._separator if end == self._separator else "x" for end in (run[0][0], run[0][-1]))


def _rows(lines: _RowLines, path: File, separator: str) -> Iterator[FileRow]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header: list[str] | None = None
    while True:
        number = lines.start_row()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}, line {number}: {_fault(error)}.", remedy=QUOTES) from error
        if cells is None:
            return
        if _is_blank(cells) and (header is None or len(header) > 1 or not cells):
            continue
        if header is None:
            header = _header(cells, path, number)
        elif lines.size > ROW_SIZE:
            yield too_large(number)
        elif len(cells) != len(header):
            raise DataError(
                f"{path}, line {number}: the row that begins here has {counted(len(cells), 'cell')}, but the header "
                f"{counted(len(header), 'cell')}.",
                remedy=QUOTES,
            )
        else:
            yield FileRow(number, dict(zip(header, cells, strict=True)))


def _is_blank(cells: list[str]) -> bool:
    """Whether a row is a blank line."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _fault(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote in the row that begins here is not closed"
    if "expected after" in str(error):
        return "in the row that begins here, a quoted cell is followed by more text"
    return f"the row that begins here is not CSV: {error}"


def _header(cells: list[str], path: File, number: int) -> list[str]:
    """Return the names of the columns. A column without a name gets the name that pandas would give it."""
    names = [cell.removeprefix("\ufeff") or f"Unnamed: {place}" for place, cell in enumerate(cells)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"{path}, line {number}: the header has the column {repeated[0]!r} twice.", remedy="Give each its own name."
        )
    return names
