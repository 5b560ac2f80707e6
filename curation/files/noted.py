"""The classes that `datasets` noted in the schema of a Parquet or Arrow file."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import DataError
from curation.files.classes import classes_of
from curation.files.columnar import arrow_schema
from curation.files.formats import FORMATS, suffix_of
from curation.files.memory import bounded_memory
from curation.files.rows import UNREADABLE, File

METADATA = b"huggingface"
"""The key under which `datasets` notes its features in the metadata of a schema."""


def class_names(path: File) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes in each column of classes: {"topic": ("art", "law")}.

    Only Parquet and Arrow files can have such columns; for other files this returns {}. Raises DataError if the file
    cannot be opened.
    """
    suffix = suffix_of(path)
    if suffix not in (".parquet", ".arrow"):
        return {}
    try:
        with bounded_memory(str(path)), path.open("rb") as file:
            return _classes_noted(pq.read_schema(file) if suffix == ".parquet" else arrow_schema(file))
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is no {FORMATS[suffix]} file that can be read: {reason}") from error


def _classes_noted(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    note = (schema.metadata or {}).get(METADATA)
    try:
        return classes_of(json.loads(note)["info"]["features"]) if note else {}
    except (KeyError, TypeError, ValueError):
        # The metadata may also come from another library, in any form.
        return {}
