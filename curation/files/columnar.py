"""Parquet and Arrow files: rows as Python values, a few at a time, with a bound on what a small file may unfold to.

A value that repeats is stored once in Parquet, so that a file of 4 KB can stand for 50 GB. Texts are therefore read as
dictionaries, which keep a repeated value once in memory too, and the size of each row is computed before it is made.
Whatever else a file unfolds to, or says falsely of itself, ends at the bound of `bounded_memory`.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import SEEK_END
from typing import IO, Any

from curation.errors import DataError
from curation.files.memory import in_bounded_memory
from curation.files.rows import ROW_SIZE, File, FileRow, too_large

BATCH_ROWS, BATCH_BYTES = 1000, 8 << 20
"""At most so many rows, and about so many bytes, are held at once."""
BUFFER = 1 << 20
"""How many bytes of a Parquet file are read at once."""
WIDE_BATCH = 16 << 20
"""Bytes that the rows of a batch may have where one value may be as long as all that is stored."""
MOST_UNFOLDED, MOST_RATIO = 1 << 28, 200
"""A file may unfold to so many bytes, or to so many times its own size, whichever is more."""

PREFIXED = "DELTA_BYTE_ARRAY"
"""The encoding that stores of a text only what it adds to the one before."""

ARROW_FILE, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
"""How a file in Arrow's file format begins, and how one in its stream format does."""


def read_parquet(path: File) -> Iterator[FileRow]:
    """Yield the rows of a Parquet file; DataError if it unfolds to far more than its size."""
    with path.open("rb") as file:
        yield from _rows(_parquet_batches(file), str(path), file.seek(0, SEEK_END))


def read_arrow(path: File) -> Iterator[FileRow]:
    """Yield the rows of a file in either format of Arrow's; `Dataset.save_to_disk` writes streams."""
    with path.open("rb") as file:
        stored = file.seek(0, SEEK_END)
        file.seek(0)
        yield from _rows(_arrow_batches(file), str(path), stored)


def _parquet_batches(source: IO[bytes]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(source)
    options = {"metadata": metadata, "read_dictionary": _repeating(metadata)}
    with pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False, **options) as file:
        for number in range(metadata.num_row_groups):
            at_once = _rows_at_once(metadata.row_group(number), metadata.schema)
            yield from file.iter_batches(batch_size=at_once, row_groups=[number])


def _arrow_batches(file: IO[bytes]) -> Iterator[Any]:
    reader, is_file = _open_arrow(file)
    for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
        # As `datasets` does: what is damaged inside would end this process when it is read.
        batch.validate(full=True)
        yield batch


def row_sizes(batch: Any) -> Any:
    """Return the bytes of each row's values of a pyarrow.RecordBatch, as a numpy array of int64.

    A text of a dictionary counts each time that it is there: that is what the row has once it is read.
    """
    import numpy as np

    return sum((_sizes(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64))


def arrow_schema(file: IO[bytes]) -> Any:
    """Return the pyarrow.Schema of an open file in either format of Arrow's."""
    return _open_arrow(file)[0].schema


def _open_arrow(file: IO[bytes]) -> tuple[Any, bool]:
    """Return Arrow's reader of an open file, and whether the file is in the file format rather than a stream."""
    import pyarrow as pa

    start = file.read(len(ARROW_FILE))
    is_file = start == ARROW_FILE
    if not is_file and not start.startswith(ARROW_STREAM):
        # Arrow would take what stands there for a length, and ask for as much memory.
        raise ValueError("it does not begin as Arrow files do")
    file.seek(0)
    return (pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)), is_file


def _repeating(metadata: Any) -> list[str]:
    """Return the paths of the columns whose texts or bytes may repeat, also within lists and structs."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    columns = [column for group in groups for column in _columns(group)]
    texts = {column.path_in_schema for column in columns if column.physical_type == "BYTE_ARRAY"}
    delta = (column for column in columns if any(name.startswith("DELTA_") for name in column.encodings))
    # Arrow does not read these as dictionaries, and only one of them can repeat a text (`_rows_at_once`).
    return sorted(texts - {column.path_in_schema for column in delta})


def _columns(group: Any) -> Iterator[Any]:
    return map(group.column, range(group.num_columns))


def _rows_at_once(group: Any, schema: Any) -> int:
    """Return how many rows of a row group are read at once: by their mean size, and one value's greatest size."""
    rows = min(BATCH_ROWS, BATCH_BYTES * group.num_rows // max(group.total_byte_size, 1))
    for place, column in enumerate(_columns(group)):
        if PREFIXED in column.encodings:
            rows = min(rows, WIDE_BATCH // max(column.total_uncompressed_size, 1))
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
            rows = min(rows, WIDE_BATCH // max(schema.column(place).length, 1))
    return max(1, int(rows))


def _rows(batches: Iterator[Any], name: str, stored: int) -> Iterator[FileRow]:
    """Yield the rows of batches, numbered from 1; DataError above what a file of `stored` bytes may unfold to."""
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


def _rows_of(batch: Any, sizes: list[int], first: int) -> Iterator[FileRow]:
    """Yield the rows of a batch, the first of which has the number `first`, in slices of about `BATCH_BYTES`."""
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


def _sizes(array: Any) -> Any:
    """Return the bytes of each value of an array, whatever is nested in it, as a numpy array of int64."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _sizes(array.storage)
    if pa.types.is_dictionary(kind):
        if not len(array.dictionary):
            return np.zeros(len(array), np.int64)
        places = pc.fill_null(array.indices, 0).to_numpy(zero_copy_only=False)
        return _sizes(array.dictionary)[places] * array.is_valid().to_numpy(zero_copy_only=False)
    if kind in (pa.string_view(), pa.binary_view()):
        return np.array([value.as_buffer().size if value.is_valid else 0 for value in array], np.int64)
    if kind in (pa.string(), pa.binary(), pa.large_string(), pa.large_binary()):
        return pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_struct(kind):
        return sum(map(_sizes, array.flatten()), np.zeros(len(array), np.int64))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        offsets = array.offsets.to_numpy(zero_copy_only=False)
        inner = [array.keys, array.items] if pa.types.is_map(kind) else [array.values]
        parts = [_sizes(part.slice(offsets[0], offsets[-1] - offsets[0])) for part in inner]
        return np.diff(np.r_[0, np.cumsum(sum(parts))][offsets - offsets[0]])
    # Of numbers all have one size; what is rarer counts as its mean.
    return np.full(len(array), -(-array.nbytes // max(len(array), 1)), np.int64)
