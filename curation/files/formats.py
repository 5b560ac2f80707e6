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
"""The suffixes of files that are read, in lower or upper case. All but Parquet and Arrow may also end in ".gz"."""

FOLDER_SUFFIXES = tuple(suffix for suffix in SUFFIXES if suffix != ".txt")
"""The suffixes of files that are read from a folder. A .txt file in a folder is mostly about the data: a license."""

TEXT_COLUMN = "text"
"""The only column of a .txt file. `datasets` gives it the same name."""


def last_suffix(path: File) -> str:
    """Return the last suffix of a file's name in lower case, without ".gz": ".csv" for "Data.CSV.gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def suffix_of(path: File) -> str:
    """Return what `last_suffix` returns if it is one of `SUFFIXES`, otherwise ""."""
    suffix = last_suffix(path)
    return suffix if suffix in SUFFIXES else ""
