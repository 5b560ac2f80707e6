"""Reads JSON files: objects on lines of their own, or one array, whose items are read one after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any

from curation.errors import DataError
from curation.files.rows import ROW_SIZE, File, FileRow, too_large
from curation.files.text import is_utf8, not_utf8, open_text, read_lines

PIECE = 1 << 20
"""So many characters of an array are read at once."""
LONGEST_TOKEN = 16
"""An error so near to the end of a piece (in characters) may only mean that the piece ends within a value."""
BLANKS = re.compile(r"[ \t\r\n]*")
ONE_VALUE = re.compile(r"\[|\{\s*\n")
"""The beginning of a file that is one array, or one object over several lines, and not an object on each line."""
START = 4096


def read_json_lines(path: File) -> Iterator[FileRow]:
    """Yield a row for each line. A line that is not a JSON object, or is too long, is a row without values."""
    with open_text(path) as file:
        for number, line in read_lines(file):
            if line is None:
                yield too_large(number)
            elif not is_utf8(line):
                yield FileRow(number, None, "not JSON: it is not UTF-8")
            else:
                yield _line(number, line)


def read_json(path: File) -> Iterator[FileRow]:
    """Yield a row for each item of an array, or a single row for an object over several lines.

    A file that begins otherwise is read as JSON lines. Raises DataError if the array or the object is not JSON, or a
    value in it is larger than `ROW_SIZE`.
    """
    with open_text(path) as file:
        one_value = ONE_VALUE.match(file.read(START).lstrip("\ufeff \t\r\n"))
    if not one_value:
        yield from read_json_lines(path)
        return
    with open_text(path) as file:
        window = _Window(file, path)
        values = _items(window) if window.next() == "[" else _single_value(window)
        for number, value in enumerate(values, 1):
            yield _row(number, value)


def _line(number: int, line: str) -> FileRow:
    try:
        return _row(number, json.loads(line))
    except (ValueError, RecursionError) as error:
        return FileRow(number, None, f"not JSON: {error}")


def _row(number: int, value: Any) -> FileRow:
    return FileRow(number, value) if isinstance(value, dict) else FileRow(number, None, "not a JSON object")


class _Window:
    """The piece of a JSON file that is in memory. It moves on from value to value, and grows if a value does not fit.

    `_place` is the index in `_text` of the next character, and `_line` the line of the file on which it stands.
    """

    def __init__(self, file: TextIOWrapper, path: File) -> None:
        self._file = file
        self._path = path
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._place = 0
        self._line = 1

    def next(self) -> str:
        """Return the next character that is not blank, and stay before it; "" at the end of the file."""
        while True:
            matched = BLANKS.match(self._text, self._place)
            self._move(matched.end() if matched else self._place)
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._grow():
                return ""

    def take(self, expected: str) -> None:
        """Move behind the next character. Raises DataError if it is not `expected` ("" is the end of the file)."""
        actual = self.next()
        if actual != expected:
            raise self._error(f"{expected or 'the end'} is expected, not {actual or 'the end'}", self._place)
        self._move(self._place + len(expected))

    def value(self) -> Any:
        """Return the next JSON value, and move behind it."""
        self.next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                if not self._may_be_cut_off(error) or not self._grow():
                    raise self._error(error.msg, error.pos) from error
            except RecursionError as error:
                raise self._error("too many values within each other", self._place) from error
            else:
                # A number at the end of the piece may go on in the next piece.
                if end < len(self._text) or not self._grow():
                    self._move(end)
                    return value
            if len(self._text) - self._place > 2 * ROW_SIZE:
                raise self._error(f"a value is larger than {ROW_SIZE:,} characters", self._place)

    def _may_be_cut_off(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - LONGEST_TOKEN

    def _move(self, place: int) -> None:
        self._line += self._text.count("\n", self._place, place)
        self._place = place

    def _grow(self) -> bool:
        """Read another piece, as long as the text that is left if that is longer; return whether there was any text."""
        more = self._file.read(max(PIECE, len(self._text) - self._place))
        if not is_utf8(more):
            raise not_utf8(self._path, self._line + self._text.count("\n", self._place))
        if more:
            self._text, self._place = self._text[self._place :] + more, 0
        return more != ""

    def _error(self, problem: str, place: int) -> DataError:
        line = self._line + self._text.count("\n", self._place, place)
        return DataError(
            f"{self._path} is no JSON file that can be read: line {line}: {problem}.",
            remedy="Write each row as a JSON object on one line, and name the file .jsonl.",
        )


def _items(window: _Window) -> Iterator[Any]:
    window.take("[")
    if window.next() != "]":
        yield window.value()
        while window.next() == ",":
            window.take(",")
            yield window.value()
    window.take("]")
    window.take("")


def _single_value(window: _Window) -> Iterator[Any]:
    yield window.value()
    window.take("")
