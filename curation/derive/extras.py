"""What prompts bring along: which of it can be a column of published rows, and of which type."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from curation.export import PASSAGE_COLUMNS
from curation.schema import arrow_schema
from curation.types import Passage

CANNOT_HOLD = "Parquet cannot hold its values as they are"
"""Said of `chat_template_kwargs` that would come back from a Parquet file as other values."""


def extra_types(values: Mapping[str, Collection[str | None]]) -> tuple[dict[str, pa.DataType], dict[str, str]]:
    """Return the Arrow types of the columns that every prompt brings along, and why the others are left out.

    `values` has the distinct values of each column, null among them if any prompt lacks it. Of the passages that
    questions are about it has the documents, and they become several columns.
    """
    types: dict[str, pa.DataType] = {}
    omitted: dict[str, str] = {}
    for name, distinct in values.items():
        texts = [text for text in distinct if text is not None]
        if not texts:
            continue
        if None in distinct:
            omitted[name] = "not every prompt has it"
        elif name == "passage":
            types |= _passage_types()
        elif isinstance(kind := _extra_type(name, texts), str):
            omitted[name] = kind
        else:
            types[name] = kind
    return types, omitted


def _passage_types() -> dict[str, pa.DataType]:
    schema = arrow_schema(Passage)
    return {column: schema.field(name).type for column, name in PASSAGE_COLUMNS.items()}


def _extra_type(name: str, texts: Sequence[str]) -> pa.DataType | str:
    """The Arrow type of a column that every prompt brings along, or why it can be no column."""
    if name != "chat_template_kwargs":
        return pa.string()
    values = [json.loads(text) for text in texts]
    file = io.BytesIO()
    try:
        if len({str(pa.infer_type([value])) for value in values}) > 1:
            return "its keys or their types differ between prompts"
        kind = pa.infer_type(values[:1])
        # Arrow has types that Parquet lacks, and gives unlike objects of a list each other's keys.
        pq.write_table(pa.table({name: pa.array(values, kind)}), file)
        kept = pq.read_table(file)[name].to_pylist()
    except (pa.ArrowException, OverflowError):
        return CANNOT_HOLD
    # Compared as text, for 1 is not 1.0.
    return kind if json.dumps(kept, sort_keys=True) == json.dumps(values, sort_keys=True) else CANNOT_HOLD
