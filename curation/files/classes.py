"""Columns of classes (`datasets.ClassLabel`): stored as numbers, meant as names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from curation.errors import DataError
from curation.files.columnar import arrow_schema
from curation.files.memory import bounded_memory
from curation.files.reading import FORMATS, suffix_of
from curation.files.rows import UNREADABLE, File

METADATA = b"huggingface"
"""Where `datasets` notes its features in the schema of a Parquet or Arrow file."""
NO_CLASS = -1
"""The number that `datasets` gives to a row without a class."""


def class_names(path: File) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes of each such column of a file; none in files that cannot say it.

    Raises DataError if a Parquet or Arrow file cannot be opened.
    """
    suffix = suffix_of(path)
    if suffix not in (".parquet", ".arrow"):
        return {}
    try:
        with bounded_memory(str(path)), path.open("rb") as file:
            return _classes_in_schema(file) if suffix == ".parquet" else _classes_noted(arrow_schema(file))
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is no {FORMATS[suffix]} file that can be read: {reason}") from error


def _classes_in_schema(file: IO[bytes]) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes that `datasets` noted in an open Parquet file."""
    import pyarrow.parquet as pq

    return _classes_noted(pq.read_schema(file))


def _classes_noted(schema: Any) -> dict[str, tuple[str, ...]]:
    note = (schema.metadata or {}).get(METADATA)
    try:
        return classes_of(json.loads(note)["info"]["features"]) if note else {}
    except (KeyError, TypeError, ValueError):
        # Any library may write what it likes there.
        return {}


def classes_of(features: object) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes in what `datasets.Features.to_dict` gives: {"topic": {"names": [...], ...}}."""
    if not isinstance(features, Mapping):
        return {}
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in features.items()
        if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def with_class_names(values: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return a row with the names of its classes in place of their numbers, null for "no class" (-1)."""
    return {column: _name(value, names[column]) if column in names else value for column, value in values.items()}


def _name(value: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(value, int) or isinstance(value, bool) or not NO_CLASS <= value < len(names):
        return value
    return None if value == NO_CLASS else names[value]
