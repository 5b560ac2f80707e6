"""What the record batches of an Arrow file unfold to, read before they are: Arrow itself would allocate it at once.

A compressed buffer begins with its unpacked size. Where the buffers are stands in the message's metadata, a FlatBuffer:
https://arrow.apache.org/docs/format/Columnar.html#recordbatch-message, and Message.fbs and Schema.fbs of the format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE_MAGIC = b"ARROW1\0\0"
"""What stands before the stream in Arrow's file format."""
DICTIONARY_BATCH, RECORD_BATCH = 2, 3
HEADER_TYPE, HEADER = 1, 2
BATCH_OF_DICTIONARY = 1
BUFFERS, COMPRESSION = 2, 3
NOT_COMPRESSED = -1


def unpacked_sizes(path: Path) -> Iterator[tuple[int, int]]:
    """Yield of each compressed batch of an Arrow file how many bytes it has, and how many it unfolds to.

    Raises what pyarrow raises if the file is damaged, and struct.error if a message is.
    """
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        file.seek(len(FILE_MAGIC) if file.read(len(FILE_MAGIC)) == FILE_MAGIC else 0)
        for message in pa.ipc.MessageReader.open_stream(file):
            size = _unpacked(message.metadata.to_pybytes(), message.body)
            if size is not None:
                yield message.body.size, size


def _unpacked(metadata: bytes, body: Any) -> int | None:
    """Return what a message unfolds to, null if it is no batch or not compressed."""
    message = _pointed(metadata, 0)
    kind = _field(metadata, message, HEADER_TYPE)
    header = _field(metadata, message, HEADER)
    if kind is None or header is None or metadata[kind] not in (DICTIONARY_BATCH, RECORD_BATCH):
        return None
    batch: int | None = _pointed(metadata, header)
    if metadata[kind] == DICTIONARY_BATCH:
        data = _field(metadata, batch, BATCH_OF_DICTIONARY)
        batch = None if data is None else _pointed(metadata, data)
    if batch is None or _field(metadata, batch, COMPRESSION) is None:
        return None
    vector = _field(metadata, batch, BUFFERS)
    return 0 if vector is None else sum(_buffer_sizes(metadata, _pointed(metadata, vector), body))


def _buffer_sizes(metadata: bytes, vector: int, body: Any) -> Iterator[int]:
    (count,) = struct.unpack_from("<I", metadata, vector)
    for number in range(count):
        place, length = struct.unpack_from("<qq", metadata, vector + 4 + 16 * number)
        if length:
            (size,) = struct.unpack_from("<q", body, place)
            yield length if size == NOT_COMPRESSED else size


def _pointed(metadata: bytes, place: int) -> int:
    """Return where the offset at a place leads."""
    (offset,) = struct.unpack_from("<I", metadata, place)
    return place + int(offset)


def _field(metadata: bytes, table: int | None, number: int) -> int | None:
    """Return where a field of a table is, null if the table leaves it out."""
    if table is None:
        return None
    (back,) = struct.unpack_from("<i", metadata, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", metadata, vtable)
    at = 4 + 2 * number
    (offset,) = struct.unpack_from("<H", metadata, vtable + at) if at < size else (0,)
    return table + int(offset) if offset else None
