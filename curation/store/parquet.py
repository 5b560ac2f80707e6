"""Rows as Parquet: the Arrow schema follows from the row's type, so shards never drift apart."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_origin

from curation.errors import DataError
from curation.schema import arrow_schema
from curation.types import Row

RowT = TypeVar("RowT", bound=Row)
ROWS_AT_ONCE = 10_000


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


def table_bytes(table: Any) -> bytes:
    """Return a pyarrow.Table as one Parquet file, as `write_parquet` does, with a page index for readers of parts."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", use_content_defined_chunking=True, write_page_index=True)
    return buffer.getvalue()


def joined_parquet(files: Sequence[bytes]) -> bytes | None:
    """Return the rows of Parquet files one after the other in one; null if they do not have the same columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, *others = (pq.read_table(io.BytesIO(content)) for content in files)
    if any(not table.schema.equals(first.schema) for table in others):
        return None
    return table_bytes(pa.concat_tables([first, *others]))


def read_table(path: Path, columns: Sequence[str]) -> Any:
    """Return the named columns of a file as a pyarrow.Table; "prompt.id" is a field of a struct.

    A column that the file does not have is not in the table. Raises DataError if it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read(columns=list(columns), use_threads=False)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error


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
