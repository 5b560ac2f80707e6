"""Parquet and Arrow files: rows as Python values, a few at a time, with a bound on what a small file may unfold to.

A value that repeats is stored once in Parquet, so that a file of 4 KB can stand for 50 GB. Texts are therefore read as
dictionaries, which keep a repeated value once in memory too, and the size of each row is computed before it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from curation.errors import DataError
from curation.files.arrow_messages import unpacked_sizes
from curation.files.rows import ROW_SIZE, FileRow, too_large

BATCH_ROWS, BATCH_BYTES = 1000, 8 << 20
"""At most so many rows, and about so many bytes, are held at once."""
BUFFER = 1 << 20
"""How many bytes of a Parquet file are read at once."""
WIDE_BATCH = 16 << 20
"""Bytes that the rows of a batch may have where one value may be as long as all that is stored."""
MOST_UNFOLDED, MOST_RATIO = 1 << 28, 200
"""A file may unfold to so many bytes, or to so many times its own size, whichever is more."""
MOST_VALUES = 1 << 25
"""So many values of one column may be in a row group, or as many as `MOST_RATIO` allows for the bytes they take."""

PREFIXED = "DELTA_BYTE_ARRAY"
"""The encoding that stores of a text only what it adds to the one before."""

ARROW_FILE = b"ARROW1"
"""How a file in Arrow's file format begins; one in its stream format does not."""


def read_parquet(path: Path) -> Iterator[FileRow]:
    """Yield the rows of a Parquet file; DataError if it unfolds to far more than its size."""
    with path.open("rb") as file:
        yield from read_parquet_file(file, name=str(path), size=path.stat().st_size)


def read_parquet_file(source: IO[bytes], *, name: str, size: int) -> Iterator[FileRow]:
    """Yield the rows of an open Parquet file of `size` bytes, wherever it is; `name` is how errors call it."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(source)
    unfolded = _Unfolded(name, size)
    options = {"metadata": metadata, "read_dictionary": _repeating(metadata)}
    with pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False, **options) as file:
        first = 1
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            unfolded.check(group)
            for batch in file.iter_batches(batch_size=_rows_at_once(group, metadata.schema), row_groups=[number]):
                yield from _rows(batch, first, unfolded)
                first += batch.num_rows


def read_arrow(path: Path) -> Iterator[FileRow]:
    """Yield the rows of a file in either format of Arrow's; `Dataset.save_to_disk` writes streams."""
    unfolded = _Unfolded(str(path), path.stat().st_size)
    for stored, size in unpacked_sizes(path):
        unfolded.check_size(stored, size, "of a batch")
    with path.open("rb") as file:
        first = 1
        for batch in _arrow_batches(file):
            # As `datasets` does: what is damaged inside would end this process when it is read.
            batch.validate(full=True)
            yield from _rows(batch, first, unfolded)
            first += batch.num_rows


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

    is_file = file.read(len(ARROW_FILE)) == ARROW_FILE
    file.seek(0)
    return (pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)), is_file


def _arrow_batches(file: IO[bytes]) -> Iterator[Any]:
    reader, is_file = _open_arrow(file)
    yield from map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader


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


class _Unfolded:
    """How many bytes a file has unfolded to so far."""

    def __init__(self, name: str, stored: int) -> None:
        self._name = name
        self._stored = stored
        self._size = 0

    def add(self, size: int) -> None:
        """Count what was read; DataError above what a file of this size may unfold to."""
        self._size += size
        if self._size > max(MOST_UNFOLDED, MOST_RATIO * self._stored):
            raise self._error(f"has {self._stored:,} bytes and unfolds to more than {self._size:,}")

    def check(self, group: Any) -> None:
        """Look at what a Parquet row group says of itself before it is read; DataError if it is a bomb."""
        for column in _columns(group):
            stored, size, values = column.total_compressed_size, column.total_uncompressed_size, column.num_values
            what = f"of the column {column.path_in_schema}"
            self.check_size(stored, size, what)
            if values > max(MOST_VALUES, MOST_RATIO * stored):
                raise self._error(f"has {stored:,} bytes {what} that unfold to {values:,} values")

    def check_size(self, stored: int, size: int, what: str) -> None:
        """Look at a part of the file before it is read; DataError if it is a bomb."""
        if size > max(MOST_UNFOLDED, MOST_RATIO * stored):
            raise self._error(f"has {stored:,} bytes {what} that unfold to {size:,}")

    def _error(self, what: str) -> DataError:
        return DataError(
            f"{self._name} {what}: it is not read further.",
            remedy="If the rows really repeat so much, save them as JSON lines or in several files.",
        )


def _rows(batch: Any, first: int, unfolded: _Unfolded) -> Iterator[FileRow]:
    """Yield the rows of a batch, the first of which has the number `first`, in slices of about `BATCH_BYTES`."""
    sizes = row_sizes(batch).tolist()
    unfolded.add(sum(sizes))
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
