"""Rows as Parquet: the Arrow schema follows from the row's type, so shards never drift apart."""

from __future__ import annotations

import hashlib
import io
import json
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from curation.errors import DataError
from curation.types import Row

RowT = TypeVar("RowT", bound=Row)
ROWS_AT_ONCE = 10_000


def arrow_schema(row_type: type[Row]) -> Any:
    """Return the pyarrow.Schema of a row type: tuples become lists, rows structs, dicts JSON text."""
    import pyarrow as pa

    return pa.schema([_arrow_field(name, info.annotation) for name, info in row_type.model_fields.items()])


def write_parquet(rows: Iterable[Row], row_type: type[Row]) -> bytes:
    """Return the rows as one Parquet file (zstd, content-defined chunks, so that the Hub stores only what is new)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema(row_type)
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, compression="zstd", use_content_defined_chunking=True) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(_dump(row))
            if len(batch) == ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return buffer.getvalue()


def read_parquet(path: Path, row_type: type[RowT]) -> Iterator[RowT]:
    """Yield the rows of a file that `write_parquet` wrote; DataError if it is none or has other columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    json_columns = _json_columns(row_type)
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_AT_ONCE):
            for row in batch.to_pylist():
                for column in json_columns:
                    row[column] = json.loads(row[column])
                yield row_type.model_validate(row)
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} does not hold rows of type {row_type.__name__}: {error}") from error


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the named columns of a file's rows as plain values; "prompt.id" is a field of a struct.

    Raises DataError if the file has no such columns. Far less is read and kept than by `read_parquet`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        # Parquet passes over a column that is not there.
        known = {file.schema.column(place).path for place in range(len(file.schema))}
        if missing := [column for column in columns if column not in known]:
            raise KeyError(", ".join(missing))
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns)):
            yield from batch.to_pylist()
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise DataError(f"{path.name} does not hold the columns {', '.join(columns)}: {error}") from error


def content_name(folder: str, content: bytes, *, prefix: str = "") -> str:
    """Return a path named by content, such as "dpo/train-0123456789abcdef.parquet": same rows, same name."""
    return f"{folder}/{prefix}{hashlib.sha256(content).hexdigest()[:16]}.parquet"


def _dump(row: Row) -> dict[str, Any]:
    values = row.model_dump(mode="python")
    for column in _json_columns(type(row)):
        values[column] = json.dumps(values[column], ensure_ascii=False, sort_keys=True)
    return values


def _json_columns(row_type: type[Row]) -> list[str]:
    return [name for name, info in row_type.model_fields.items() if get_origin(info.annotation) is dict]


def _arrow_field(name: str, annotation: Any) -> Any:
    import pyarrow as pa

    nullable = False
    if get_origin(annotation) in (Union, types.UnionType):
        [annotation] = [argument for argument in get_args(annotation) if argument is not types.NoneType]
        nullable = True
    return pa.field(name, _arrow_type(annotation), nullable=nullable or get_origin(annotation) is tuple)


def _arrow_type(annotation: Any) -> Any:
    import pyarrow as pa

    scalars = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    if annotation in scalars:
        return scalars[annotation]
    origin = get_origin(annotation)
    if origin is Literal or origin is dict:
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow_field("item", get_args(annotation)[0]).type)
    if isinstance(annotation, type) and issubclass(annotation, Row):
        return pa.struct(list(arrow_schema(annotation)))
    raise TypeError(f"No Arrow type for {annotation!r}.")
