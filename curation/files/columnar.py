"""Reads Parquet and Arrow files a few rows at a time, and limits how much memory a small file can take.

Parquet stores a value that repeats only once, so a file of 4 KB can hold 50 GB of rows. Two things keep that in bounds:

- Texts are read as dictionary arrays, which hold a repeated text once in memory too: ["a", "a", "b"] is the dictionary
  ["a", "b"] with the indices [0, 0, 1]. From these the size of each row is computed before the row is made.
- Everything else that a file may unfold to ends at the limit of `bounded_memory`.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import SEEK_END
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.errors import DataError
from curation.files.memory import in_bounded_memory
from curation.files.rows import ROW_SIZE, File, FileRow, too_large

Sizes = NDArray[np.int64]
"""The bytes of each row of a batch, or of each value of an array."""

BATCH_ROWS, BATCH_BYTES = 1000, 8 << 20
"""At most so many rows, and about so many bytes, are held at once."""
BUFFER = 1 << 20
"""How many bytes of a Parquet file are read at once."""
WIDE_BATCH = 16 << 20
"""The most bytes of a batch of rows in which a single value may be as long as all the stored data."""
MOST_UNFOLDED, MOST_RATIO = 1 << 28, 200
"""The rows of a file may have 256 MB, or 200 times the size of the file, whichever is more."""

PREFIXED = "DELTA_BYTE_ARRAY"
"""The encoding that stores of each text only what differs from the end of the text before it."""

ARROW_FILE, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
"""The first bytes of a file in Arrow's file format, and in its stream format."""


def read_parquet(path: File) -> Iterator[FileRow]:
    """Yield the rows of a Parquet file. Raises DataError if they have far more bytes than the file."""
    with path.open("rb") as file:
        yield from _rows(_parquet_batches(file), str(path), file.seek(0, SEEK_END))


def read_arrow(path: File) -> Iterator[FileRow]:
    """Yield the rows of a file in Arrow's file format or stream format (`Dataset.save_to_disk` writes streams)."""
    with path.open("rb") as file:
        stored = file.seek(0, SEEK_END)
        file.seek(0)
        yield from _rows(_arrow_batches(file), str(path), stored)


def arrow_schema(file: IO[bytes]) -> pa.Schema:
    """Return the schema of an open file in either of Arrow's formats."""
    return _open_arrow(file)[0].schema


def row_sizes(batch: pa.RecordBatch) -> Sizes:
    """Return how many bytes the values of each row have.

    A text that several rows share counts for each of them, because each row has it once it is a Python value.
    """
    return sum(map(_sizes, batch.columns), np.zeros(batch.num_rows, np.int64))


def _parquet_batches(source: IO[bytes]) -> Iterator[pa.RecordBatch]:
    metadata = pq.read_metadata(source)
    options = {"metadata": metadata, "read_dictionary": _dictionary_columns(metadata)}
    with pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False, **options) as file:
        for number in range(metadata.num_row_groups):
            rows = _rows_at_once(metadata.row_group(number), metadata.schema)
            yield from file.iter_batches(batch_size=rows, row_groups=[number])


def _arrow_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    reader, is_file = _open_arrow(file)
    for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
        # Without this, reading a batch with damaged offsets would end this process. `datasets` does the same.
        batch.validate(full=True)
        yield batch


def _open_arrow(file: IO[bytes]) -> tuple[pa.RecordBatchFileReader | pa.RecordBatchStreamReader, bool]:
    """Return Arrow's reader of an open file, and whether the file is in the file format (not the stream format)."""
    start = file.read(len(ARROW_FILE))
    is_file = start == ARROW_FILE
    if not is_file and not start.startswith(ARROW_STREAM):
        # Arrow would read the first bytes of any other file as a length, and allocate so much memory.
        raise ValueError("it does not begin as Arrow files do")
    file.seek(0)
    return (pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)), is_file


def _dictionary_columns(metadata: pq.FileMetaData) -> list[str]:
    """Return the paths of all columns of texts or bytes that Arrow can read as dictionary arrays, also nested ones."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    columns = [column for group in groups for column in _columns(group)]
    texts = {column.path_in_schema for column in columns if column.physical_type == "BYTE_ARRAY"}
    # Arrow cannot read these encodings as dictionaries. Only one of them can repeat a text: see `_rows_at_once`.
    delta = (column for column in columns if any(name.startswith("DELTA_") for name in column.encodings))
    return sorted(texts - {column.path_in_schema for column in delta})


def _columns(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return map(group.column, range(group.num_columns))


def _rows_at_once(group: pq.RowGroupMetaData, schema: pq.ParquetSchema) -> int:
    """Return how many rows of a row group are read at once: by their mean size, and by the largest possible value."""
    rows = min(BATCH_ROWS, BATCH_BYTES * group.num_rows // max(group.total_byte_size, 1))
    for place, column in enumerate(_columns(group)):
        if PREFIXED in column.encodings:
            rows = min(rows, WIDE_BATCH // max(column.total_uncompressed_size, 1))
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
            rows = min(rows, WIDE_BATCH // max(schema.column(place).length, 1))
    return max(1, int(rows))


def _rows(batches: Iterator[pa.RecordBatch], name: str, stored: int) -> Iterator[FileRow]:
    """Yield the rows of batches with their numbers, from 1. `stored` is the size of the file in bytes.

    Raises DataError if the rows together have more bytes than a file of this size may unfold to.
    """
    first, unfolded = 1, 0
    for batch, sizes in in_bounded_memory(((batch, row_sizes(batch).tolist()) for batch in batches), name):
        unfolded += sum(sizes)
        if unfolded > max(MOST_UNFOLDED, MOST_RATIO * stored):
            raise DataError(
                f"{name} has {stored:,} bytes and unfolds to more than {unfolded:,}: it is not read further.",
                remedy="If the rows really repeat so much, save them as JSON lines or in several files.",
            )
        yield from _rows_of(batch, sizes, first)
        first += batch.num_rows


def _rows_of(batch: pa.RecordBatch, sizes: list[int], first: int) -> Iterator[FileRow]:
    """Yield the rows of a batch, of which about `BATCH_BYTES` at a time become Python values.

    `sizes` has the bytes of each row, and `first` is the number of the first row. A row above `ROW_SIZE` is left out.
    """
    start = 0
    while start < len(sizes):
        if sizes[start] > ROW_SIZE:
            yield too_large(first + start)
            start += 1
            continue
        stop, size = start + 1, sizes[start]
        while stop < len(sizes) and size + sizes[stop] <= BATCH_BYTES:
            size += sizes[stop]
            stop += 1
        for number, values in enumerate(batch.slice(start, stop - start).to_pylist(), first + start):
            yield FileRow(number, values)
        start = stop


def _sizes(array: pa.Array) -> Sizes:
    """Return how many bytes each value of an array has, with everything that is nested in it."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _sizes(array.storage)
    if pa.types.is_dictionary(kind):
        return _dictionary_sizes(array)
    if kind in (pa.string_view(), pa.binary_view()):
        return np.array([value.as_buffer().size if value.is_valid else 0 for value in array], np.int64)
    if kind in (pa.string(), pa.binary(), pa.large_string(), pa.large_binary()):
        return np.asarray(pc.fill_null(pc.binary_length(array), 0), np.int64)
    if pa.types.is_struct(kind):
        return sum(map(_sizes, array.flatten()), np.zeros(len(array), np.int64))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _list_sizes(array)
    # All numbers of an array have the same size. For rarer types the mean size is good enough.
    return np.full(len(array), -(-array.nbytes // max(len(array), 1)), np.int64)


def _dictionary_sizes(array: pa.DictionaryArray) -> Sizes:
    if not len(array.dictionary):
        return np.zeros(len(array), np.int64)
    indices: NDArray[np.int64] = np.asarray(pc.fill_null(array.indices, 0), np.int64)
    is_valid: NDArray[np.bool_] = np.asarray(array.is_valid())
    return _sizes(array.dictionary)[indices] * is_valid


def _list_sizes(array: pa.ListArray | pa.LargeListArray | pa.MapArray) -> Sizes:
    """Return the sizes of lists: the values of list number i stand from offsets[i] to before offsets[i + 1]."""
    offsets: Sizes = np.asarray(array.offsets, np.int64)
    start, stop = int(offsets[0]), int(offsets[-1])
    parts = [array.keys, array.items] if pa.types.is_map(array.type) else [array.values]
    item_sizes = sum((_sizes(part.slice(start, stop - start)) for part in parts), np.zeros(stop - start, np.int64))
    ends: Sizes = np.concatenate([np.zeros(1, np.int64), np.cumsum(item_sizes)])
    return np.diff(ends[offsets - start])
