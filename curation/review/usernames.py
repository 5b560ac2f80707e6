"""Names of reviewers before accounts are made of them: what is wrong with each, said of all at once.

Argilla 2.8 takes any name that is not blank, also with spaces and umlauts. But a name is the key of a reviewer in the
store and is typed to sign in, so names that people would mix up, or cannot type, are faults too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from curation.characters import is_blank, is_storable
from curation.errors import DataError, MissingError
from curation.files import read_rows, suffix_of
from curation.types import SIMULATED_PREFIX

MOST_CHARACTERS = 100
COLUMNS = {".csv": "username", ".tsv": "username", ".txt": "text"}
"""The files that names are read from, and the column of each that has them. The column of a .txt file is its lines."""
UNTYPED = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Unicode categories of characters that nobody sees or types; the plain space is the exception."""


def names_from(path: Path) -> list[str]:
    """Return the names in the column `username` of a CSV or TSV file, or in the lines of a .txt file.

    Raises DataError with the line if the file cannot be read or has no such column, MissingError if there is no file.
    """
    column = COLUMNS.get(suffix_of(path))
    if column is None:
        raise DataError(f"{path} is no .csv, .tsv or .txt file.", remedy="Write one name in a line of a .txt file.")
    if not path.is_file():
        raise MissingError(f"There is no file {path}.")
    names: list[str] = []
    for row in read_rows(path):
        values = {name.strip().lower(): value for name, value in (row.values or {}).items()}
        if column not in values:
            raise DataError(
                f"{path}, line {row.number}: {row.reason or 'the file has no column ' + repr(column)}.",
                remedy="Call the column with the names `username`, or write one name in a line of a .txt file.",
            )
        if column != "text" or str(values[column]).strip():
            names.append(str(values[column]))
    if not names:
        raise DataError(f"{path} has no names.")
    return names


def tidy(name: str) -> str:
    """Return a name without blanks around it, in Unicode NFC: "ü" is one character, however it was typed."""
    return unicodedata.normalize("NFC", name.strip()) if is_storable(name) else name


def username_faults(names: Sequence[str], known: Collection[str]) -> list[str]:
    """Return a sentence for each fault of `names`, which are tidy; `known` are the usernames of the server."""
    faults = [fault for name in names for fault in _own_faults(name)]
    return list(dict.fromkeys([*_alike(names, known), *faults]))


def _own_faults(name: str) -> Iterator[str]:
    if is_blank(name):
        yield "A name is empty."
        return
    if not is_storable(name):
        yield f"{name!r} holds a character that cannot be stored."
        return
    untyped = sorted({letter for letter in name if letter != " " and unicodedata.category(letter) in UNTYPED})
    if untyped:
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in untyped)
        yield f"{name!r} holds a character that nobody sees ({codes})."
    if len(name) > MOST_CHARACTERS:
        yield f"{name[:20]!r}... has {len(name):,} characters; at most {MOST_CHARACTERS} are allowed."
    if name.startswith(SIMULATED_PREFIX):
        yield f"{name!r} begins with {SIMULATED_PREFIX!r}: answers of that account would be published as a program's."


def _alike(names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each name that differs from an account, or from another name, only in how it is written."""
    accounts = {_key(name): name for name in known}
    before: dict[str, str] = {}
    for name in names:
        if name in known or is_blank(name):
            continue
        other = before.setdefault(_key(name), name)
        if other != name:
            yield f"{other!r} and {name!r} differ only in capitals or in how letters are written: keep one of them."
        elif _key(name) in accounts:
            account = accounts[_key(name)]
            yield (
                f"{name!r} and the account {account!r} differ only in capitals or in how letters are written: write "
                "the name as the account has it, or choose another."
            )


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
