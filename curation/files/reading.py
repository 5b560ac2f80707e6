"""Reads the rows of a file one after the other. The suffix of the file tells its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from curation.errors import DataError
from curation.files.columnar import read_arrow, read_parquet
from curation.files.delimited import TSV_SEPARATORS, read_delimited
from curation.files.formats import FORMATS, TEXT_COLUMN, suffix_of
from curation.files.json_rows import read_json, read_json_lines
from curation.files.rows import UNREADABLE, File, FileRow, too_large
from curation.files.text import is_utf8, not_utf8, open_text, read_lines


def read_rows(path: File) -> Iterator[FileRow]:
    """Yield the rows of a file whose suffix is one of `SUFFIXES`. The file is read in pieces of limited size.

    The cells of CSV and TSV are texts. The lines of a .txt file are the column "text". A line of JSON that is not an
    object, and a row that is too large, is a row without values. Raises DataError if the file cannot be read, with the
    line if it is known.
    """
    suffix = suffix_of(path)
    readers: dict[str, Callable[[File], Iterator[FileRow]]] = {
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".json": read_json,
        ".csv": read_delimited,
        ".tsv": partial(read_delimited, separators=TSV_SEPARATORS),
        ".parquet": read_parquet,
        ".arrow": read_arrow,
        ".txt": _read_text,
    }
    try:
        yield from readers[suffix](path)
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is no {FORMATS[suffix]} file that can be read: {reason}") from error


def _read_text(path: File) -> Iterator[FileRow]:
    with open_text(path) as file:
        for number, line in read_lines(file):
            if line is None:
                yield too_large(number)
            elif not is_utf8(line):
                raise not_utf8(path, number)
            else:
                yield FileRow(number, {TEXT_COLUMN: line.removesuffix("\r")})
