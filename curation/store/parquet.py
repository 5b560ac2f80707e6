"""Writes and reads rows as Parquet files. The schema is derived from the type of the rows (see `curation.schema`)."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar, get_origin

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import DataError
from curation.schema import arrow_schema
from curation.types import Row

RowT = TypeVar("RowT", bound=Row)
ROWS_AT_ONCE = 10_000
JOINED_AT_ONCE = 1 << 24
_FORMAT: dict[str, Any] = {"compression": "zstd", "use_content_defined_chunking": True}
BATCH_ROWS = 100_000
"""How many rows without long texts are read at a time."""


def write_parquet(rows: Iterable[Row], row_type: type[Row]) -> bytes:
    """Return the rows as the bytes of one Parquet file.

    It is compressed with zstd and cut into content-defined chunks: of a changed file the Hub stores only new chunks.
    """
    schema = arrow_schema(row_type)
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, **_FORMAT) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(_dump(row))
            if len(batch) == ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return buffer.getvalue()


def read_parquet(path: Path, row_type: type[RowT]) -> Iterator[RowT]:
    """Yield the rows of a file that `write_parquet` wrote. Raises DataError if it is damaged or has other columns."""
    json_columns = _json_columns(row_type)
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_AT_ONCE):
            for row in batch.to_pylist():
                for column in json_columns:
                    row[column] = json.loads(row[column])
                yield row_type.model_validate(row)
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} does not hold rows of type {row_type.__name__}: {error}") from error


def table_bytes(table: pa.Table) -> bytes:
    """Return a pyarrow.Table as the bytes of a Parquet file like that of `write_parquet`.

    The file also has a page index, with which a reader can read a part of it.
    """
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **_FORMAT, write_page_index=True)
    return buffer.getvalue()


def joined_parquet(files: Sequence[bytes]) -> bytes | None:
    """Return one Parquet file with the rows of all `files` in their order; None if their columns differ.

    Only about JOINED_AT_ONCE bytes of rows are in memory at the same time.
    """
    schema = pq.read_schema(io.BytesIO(files[0]))
    if any(not pq.read_schema(io.BytesIO(content)).equals(schema) for content in files[1:]):
        return None
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema, **_FORMAT, write_page_index=True) as writer:
        for table in _row_groups(files):
            writer.write_table(table)
    return buffer.getvalue()


def _row_groups(files: Sequence[bytes]) -> Iterator[pa.Table]:
    """Yield the rows of Parquet files as pyarrow.Tables of about JOINED_AT_ONCE bytes each."""
    waiting: list[pa.Table] = []
    for content in files:
        waiting.append(pq.read_table(io.BytesIO(content), use_threads=False))
        if sum(table.nbytes for table in waiting) >= JOINED_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting.clear()
    if waiting:
        yield pa.concat_tables(waiting)


def read_table(path: Path, columns: Sequence[str]) -> pa.Table:
    """Return the named columns of a file as a pyarrow.Table; "prompt.id" names the field `id` of the struct `prompt`.

    Raises DataError if the file is not a Parquet file or lacks one of the columns.
    """
    with _cannot_be_read(path), pq.ParquetFile(path) as file:
        _require(file, columns)
        return file.read(columns=list(columns), use_threads=False)


def read_row_group(path: Path, columns: tuple[str, ...], number: int) -> pa.Table:
    """Return the named columns of one row group of a file as `read_table` does."""
    with _cannot_be_read(path), pq.ParquetFile(path) as file:
        _require(file, columns)
        return file.read_row_group(number, columns=list(columns), use_threads=False)


ReadRowGroup = Callable[[Path, tuple[str, ...], int], pa.Table]
"""`read_row_group`, or what remembers what it returned."""


def read_slice(
    path: Path, columns: tuple[str, ...], start: int, stop: int, *, read_group: ReadRowGroup = read_row_group
) -> pa.Table:
    """Return the rows from `start` to before `stop` of a file as `read_table` does; only their row groups are read."""
    with _cannot_be_read(path):
        metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    ends = list(accumulate(sizes))
    overlapping = [number for number, end in enumerate(ends) if end > start and end - sizes[number] < stop]
    before = ends[overlapping[0]] - sizes[overlapping[0]]
    rows = pa.concat_tables([read_group(path, columns, number) for number in overlapping])
    return rows.slice(start - before, stop - start)


def read_batches(path: Path, row_type: type[Row], *, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Yield the rows of a file as pyarrow.Tables of at most so many rows; DataError if it holds other rows."""
    schema = arrow_schema(row_type)
    with _cannot_be_read(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, columns=schema.names, use_threads=False):
            yield pa.Table.from_batches([batch]).cast(schema)


def _require(file: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Raise ValueError if a file lacks one of the columns: pyarrow ignores those."""
    leaves = [file.schema.column(place).path for place in range(len(file.schema))]
    for column in columns:
        if not any(f"{leaf}.".startswith(f"{column}.") for leaf in leaves):
            raise ValueError(f"it has no column {column!r}")


@contextmanager
def _cannot_be_read(path: Path) -> Iterator[None]:
    """Raise DataError where pyarrow says that a file is not what it should be."""
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as dicts with the named columns only.

    The column "prompt.id" names the field `id` of the struct `prompt` and comes back as {"prompt": {"id": ...}}. This
    needs far less time and memory than `read_parquet`. Raises DataError if the file lacks one of the columns.
    """
    with _cannot_be_read(path), pq.ParquetFile(path) as file:
        _require(file, columns)
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(columns)):
            yield from batch.to_pylist()


def content_name(folder: str, content: bytes, *, prefix: str = "") -> str:
    """Return a path that is named by the hash of the content: "dpo/train-0123456789abcdef.parquet".

    Files with the same rows have the same name, so a file that does not change is not uploaded again.
    """
    return digest_name(folder, hashlib.sha256(content).hexdigest(), prefix=prefix)


def digest_name(folder: str, digest: str, *, prefix: str = "") -> str:
    """Return what `content_name` gives for content with this SHA-256, in hex digits."""
    return f"{folder}/{prefix}{digest[:16]}.parquet"


def _dump(row: Row) -> dict[str, Any]:
    # Rows without rows inside are many, and need no dump, which takes several times as long.
    values = dict(row) if _is_flat(type(row)) else row.model_dump(mode="python")
    for column in _json_columns(type(row)):
        values[column] = json.dumps(values[column], ensure_ascii=False, sort_keys=True)
    return values


@cache
def _is_flat(row_type: type[Row]) -> bool:
    return not any(pa.types.is_nested(field.type) for field in arrow_schema(row_type))


@cache
def _json_columns(row_type: type[Row]) -> list[str]:
    return [name for name, info in row_type.model_fields.items() if get_origin(info.annotation) is dict]
