"""The formats of files that are read, and the suffixes that tell them. Configs use this: it needs no library."""

from __future__ import annotations

from pathlib import Path

from curation.files.rows import File

FORMATS = {
    ".jsonl": "JSON",
    ".ndjson": "JSON",
    ".json": "JSON",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
    ".txt": "text",
}
SUFFIXES = tuple(FORMATS)
"""What is read, in lower or upper case; all but Parquet and Arrow also with ".gz" behind it."""

FOLDER_SUFFIXES = tuple(suffix for suffix in SUFFIXES if suffix != ".txt")
"""What is read of a folder: a .txt file there is about the data, as a license is."""

TEXT_COLUMN = "text"
"""The only column of a .txt file, as `datasets` names it."""


def last_suffix(path: File) -> str:
    """Return the last suffix of a file's name, in lower case and before ".gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def suffix_of(path: File) -> str:
    """Return the one of `SUFFIXES` that a file's name has, in any case and before ".gz"; "" if it has none."""
    suffix = last_suffix(path)
    return suffix if suffix in SUFFIXES else ""
