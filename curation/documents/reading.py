"""Reads documents from a file, a folder, or rows with a column of texts. What cannot be read gets a reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from curation import ids
from curation.characters import is_storable
from curation.documents.formats import FORMATS, MOST_CHARACTERS, NotRead
from curation.errors import DataError, MissingError
from curation.files import FOLDER_SUFFIXES, last_suffix, read_rows, suffix_of

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "binary": "holds bytes that are no text",
        "duplicate": "has the same text as an earlier document",
        "no_sentence": "holds no sentence to ask about",
        "not_text": "its column holds no text",
        "not_utf8": "is not UTF-8; save it as UTF-8",
        "pdf_damaged": "is no PDF that can be read",
        "pdf_encrypted": "is a PDF that needs a password",
        "pdf_without_text": "is a PDF whose pages are pictures; recognise their text first (OCR)",
        "too_large": f"is longer than {MOST_CHARACTERS:,} characters; split it into several files",
        "unknown_kind": f"is none of {', '.join((*FORMATS, *FOLDER_SUFFIXES))}",
    }
)
"""Sentences about a file or row that cannot be used as a document, by the reason that reports count."""

SUFFIXES = (*FORMATS, *FOLDER_SUFFIXES)
"""The ends of the names of files that are read; a file of rows also with ".gz" behind it."""

MIN_WORDS = 5
MIN_UNSPACED = 10
"""A document has so many words in a row, or so many characters of a script without blanks between words."""
_WORDS = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Document:
    """A text to ask about. `id` is the hash of the text, `source` the file or row it is from: "faq.csv#3".

    `empty_pages` counts the pages of a PDF that hold no text and so are missing from it.
    """

    id: str
    source: str
    text: str
    empty_pages: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or row that cannot be used as a document. `reason` is a key of REASONS."""

    source: str
    reason: str

    @property
    def line(self) -> str:
        """What is wrong with it, as a sentence."""
        return f"{self.source} {REASONS[self.reason]}."


def read_documents(path: Path, *, column: str) -> Iterator[Document | Unread]:
    """Yield the documents of a file or a folder, in the order of their names.

    A .txt, Markdown, HTML or PDF file is one document; each row of a .jsonl, .csv, .parquet file and the like is one,
    with its text in `column`. Hidden files (".git") are left out. Raises DataError if a folder holds no file or if a
    file of rows cannot be read or lacks the column.
    """
    return distinct(_read_path(path, column))


def documents_of_rows(
    rows: Iterable[Mapping[str, Any] | str], *, column: str, source: str
) -> Iterator[Document | Unread]:
    """Yield the document of each row. Sources number the rows from 1: "faq.csv#3".

    A row that is a text is the reason why the row is left out.

    Raises DataError if a row lacks the column, and names the columns that it has.
    """
    for number, row in enumerate(rows, 1):
        place = f"{source}#{number}"
        if isinstance(row, str):
            yield Unread(place, "too_large")
            continue
        if column not in row:
            raise DataError(
                f"{source} has no column {column!r}; it has {', '.join(map(repr, row)) or 'no columns'}.",
                remedy="Name the column that holds the documents as `column` under [prompts].",
            )
        yield document(row[column], place)


def document(value: object, source: str, *, empty_pages: int = 0) -> Document | Unread:
    """Return a text as a document, or an Unread with the reason why nobody can ask about it."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return Unread(source, "no_sentence")
    if not isinstance(value, str) or not is_storable(value):
        return Unread(source, "not_text")
    text = ids.normalise(value)
    if len(text) > MOST_CHARACTERS:
        return Unread(source, "too_large")
    if not has_sentence(text):
        return Unread(source, "no_sentence")
    return Document(ids.content_hash("document", text), source, text, empty_pages)


def has_sentence(text: str) -> bool:
    """Whether a text has MIN_WORDS words, or MIN_UNSPACED characters of Chinese, Thai and the like."""
    for units, least in ((_WORDS.finditer(text), MIN_WORDS), (_UNSPACED.finditer(text), MIN_UNSPACED)):
        if any(count >= least for count, _ in enumerate(units, 1)):
            return True
    return False


def distinct(documents: Iterable[Document | Unread]) -> Iterator[Document | Unread]:
    """Yield the documents; one whose text came before is yielded as unread, with the reason "duplicate"."""
    earlier: set[str] = set()
    for entry in documents:
        if isinstance(entry, Document):
            if entry.id in earlier:
                yield Unread(entry.source, "duplicate")
                continue
            earlier.add(entry.id)
        yield entry


def fingerprint(path: Path) -> str:
    """Return the name of a file or folder with a hash of all its content: "handbook@0123456789abcdef".

    Raises MissingError if there is none.
    """
    if not path.exists():
        raise MissingError(f"There is no file or folder {path}.", remedy="Correct `path` under [prompts].")
    if path.is_file():
        return f"{path.name}@{_digest(path)[: ids.LENGTH]}"
    content = ids.content_hash(
        "folder", *(f"{_digest(file)} {file.relative_to(path).as_posix()}" for file in files(path))
    )
    return f"{path.resolve().name}@{content}"


def files(folder: Path) -> list[Path]:
    """Return the files in a folder and its folders, in the order of their paths, but for hidden ones."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_path(path: Path, column: str) -> Iterator[Document | Unread]:
    if path.is_file():
        yield from _read_file(path, path.name, column)
        return
    paths = files(path)
    if not paths:
        raise DataError(f"The folder {path} holds no files.", remedy=f"Put documents there: {', '.join(SUFFIXES)}.")
    for file in paths:
        yield from _read_file(file, file.relative_to(path).as_posix(), column)


def _read_file(path: Path, source: str, column: str) -> Iterator[Document | Unread]:
    reader = FORMATS.get(last_suffix(path)) if not path.name.lower().endswith(".gz") else None
    if reader is None and suffix_of(path) not in FOLDER_SUFFIXES:
        yield Unread(source, "unknown_kind")
    elif reader is None:
        yield from documents_of_rows(_rows(path), column=column, source=source)
    else:
        try:
            content = reader(path)
        except NotRead as error:
            yield Unread(source, str(error))
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        else:
            yield document(content.text, source, empty_pages=content.empty_pages)


def _rows(path: Path) -> Iterator[Mapping[str, Any] | str]:
    for row in read_rows(path):
        if row.values is None and not row.too_large:
            raise DataError(
                f"{path}, line {row.number}, is {row.reason}.",
                remedy="In a .jsonl file each line is an object; if the file is one array, name it .json.",
            )
        yield "row_too_large" if row.values is None else row.values
