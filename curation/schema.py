"""Makes the Arrow schema of a row type from its annotations, so that all files of a type have the same schema.

For example, `prompt_id: str` becomes a column of strings that are never null, `score: float | None` a column of numbers
that may be null, and `messages: tuple[Message, ...]` a column of lists of structs with the fields of Message.
"""

from __future__ import annotations

import types
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa

from curation.types import Row

SCALARS = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def arrow_schema(row_type: type[Row]) -> pa.Schema:
    """Return the schema of a row type: a tuple becomes a list, a nested row a struct, and a dict a text of JSON.

    Raises TypeError if a field has an annotation that no column can hold.
    """
    return pa.schema([_arrow_field(name, info.annotation) for name, info in row_type.model_fields.items()])


def _arrow_field(name: str, annotation: Any) -> pa.Field:
    nullable = False
    if get_origin(annotation) in (Union, types.UnionType):
        [annotation] = [argument for argument in get_args(annotation) if argument is not types.NoneType]
        nullable = True
    return pa.field(name, _arrow_type(annotation), nullable=nullable or get_origin(annotation) is tuple)


def _arrow_type(annotation: Any) -> pa.DataType:
    if annotation in SCALARS:
        return SCALARS[annotation]
    origin = get_origin(annotation)
    if origin is Literal or origin is dict:
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow_field("item", get_args(annotation)[0]).type)
    if isinstance(annotation, type) and issubclass(annotation, Row):
        return pa.struct(list(arrow_schema(annotation)))
    raise TypeError(f"No Arrow type for {annotation!r}.")
