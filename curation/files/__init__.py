"""Files of rows as people have them: CSV, TSV, JSON, JSON lines, Parquet, Arrow and text, read in bounded pieces."""

from typing import TYPE_CHECKING

from curation.files.classes import classes_of, with_class_names
from curation.files.formats import FOLDER_SUFFIXES, FORMATS, SUFFIXES, TEXT_COLUMN, last_suffix, suffix_of
from curation.files.rows import UNREADABLE, File, FileRow
from curation.files.written import is_message, is_written, read_written
from curation.late import late_names

if TYPE_CHECKING:
    from curation.files.memory import bounded_memory, in_bounded_memory
    from curation.files.noted import class_names
    from curation.files.reading import read_rows
else:
    __getattr__ = late_names(
        __name__,
        {"memory": "bounded_memory in_bounded_memory", "noted": "class_names", "reading": "read_rows"},
    )

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
