"""Files of rows as people have them: CSV, TSV, JSON, JSON lines, Parquet, Arrow and text, read in bounded pieces."""

from curation.files.classes import class_names, classes_of, with_class_names
from curation.files.memory import bounded_memory, in_bounded_memory
from curation.files.reading import (
    FOLDER_SUFFIXES,
    FORMATS,
    SUFFIXES,
    TEXT_COLUMN,
    last_suffix,
    read_rows,
    suffix_of,
)
from curation.files.rows import UNREADABLE, File, FileRow
from curation.files.written import is_message, is_written, read_written

__all__ = [
    "FOLDER_SUFFIXES",
    "FORMATS",
    "SUFFIXES",
    "TEXT_COLUMN",
    "UNREADABLE",
    "File",
    "FileRow",
    "bounded_memory",
    "class_names",
    "classes_of",
    "in_bounded_memory",
    "is_message",
    "is_written",
    "last_suffix",
    "read_rows",
    "read_written",
    "suffix_of",
    "with_class_names",
]
