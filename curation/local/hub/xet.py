"""The two formats hf_xet uploads: xorbs (packed chunks of files) and shards (which chunks make up which file).

Layouts as hf_xet 1.8 writes them, all numbers little-endian:
xorb: chunks of {u8 version 0, u24 packed size, u8 scheme, u24 size} and data, until the end or "XETBLOB";
shard: 48 bytes of header, then per file {hash[32], u32 flags, u32 n, 8 bytes}, n x {xorb[32], u32 flags, u32 size,
u32 first chunk, u32 end chunk}, n x 48 bytes if flags & VERIFIED, 48 bytes from the sha256 if flags & HAS_SHA256;
the list ends with a hash of 32 x 0xff.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import lz4.frame

from curation.errors import DataError

_ENTRY = 48
_TAG = b"HFRepoMetaData"
_END = b"\xff" * 32
_VERIFIED = 0x80000000
_HAS_SHA256 = 0x40000000
_NONE, _LZ4, _GROUPED_LZ4 = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a xorb: where its data begins, how many bytes it has packed and unpacked, and how it is packed."""

    offset: int
    packed: int
    scheme: int
    size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """`size` bytes of a file: the chunks of a xorb from `first_chunk` to before `end_chunk`."""

    xorb: str
    size: int
    first_chunk: int
    end_chunk: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The segments that make up a file, in order, and its sha256 (None if the shard does not have it)."""

    sha256: str | None
    segments: tuple[Segment, ...]


def format_hash(raw: bytes) -> str:
    """Return the printed form of a Xet hash: four little-endian 64-bit numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def index_xorb(file: IO[bytes]) -> tuple[Chunk, ...]:
    """Return the chunks of a xorb. Raises DataError if the file is cut off or is not a xorb."""
    end = file.seek(0, 2)
    position, chunks = 0, []
    while position < end:
        file.seek(position)
        header = file.read(8)
        if header.startswith(b"XETBLOB"):
            break
        if len(header) < 8 or header[0] != 0:
            raise DataError(f"The xorb has no chunk header at byte {position}.")
        packed, size = int.from_bytes(header[1:4], "little"), int.from_bytes(header[5:8], "little")
        chunks.append(Chunk(position + 8, packed, header[4], size))
        position += 8 + packed
    if not chunks or position > end:
        raise DataError("The xorb is empty or ends inside a chunk.")
    return tuple(chunks)


def unpack(chunk: Chunk, packed: bytes) -> bytes:
    """Return the unpacked bytes of a chunk. Raises DataError if their number is not that of its header."""
    if chunk.scheme == _NONE:
        data = packed
    elif chunk.scheme in (_LZ4, _GROUPED_LZ4):
        data = _inflate(packed, limit=chunk.size + 1)
    else:
        raise DataError(f"The compression scheme {chunk.scheme} is not known.")
    if len(data) != chunk.size:
        raise DataError("A chunk is not as long as its header says.")
    return _ungroup(data) if chunk.scheme == _GROUPED_LZ4 else data


def parse_shard(data: bytes) -> tuple[FileEntry, ...]:
    """Return the files that a shard describes. Raises DataError if the data is cut off or is not a shard."""
    if not data.startswith(_TAG):
        raise DataError("This is not a shard: it does not begin with its tag.")
    entries, position = [], _ENTRY
    while _take(data, position, 32) != _END:
        flags, count = struct.unpack("<II", _take(data, position + 32, 8))
        position += _ENTRY
        segments = tuple(_segment(_take(data, position + _ENTRY * i, _ENTRY)) for i in range(count))
        position += _ENTRY * count * (2 if flags & _VERIFIED else 1)
        sha256 = None
        if flags & _HAS_SHA256:
            sha256 = format_hash(_take(data, position, 32))
            position += _ENTRY
        entries.append(FileEntry(sha256, segments))
    return tuple(entries)


def assemble(entry: FileEntry, xorb_path: Callable[[str], Path]) -> Iterator[bytes]:
    """Yield the content of a file chunk by chunk. Raises DataError if a xorb or one of its chunks is missing."""
    indexes: dict[str, tuple[Chunk, ...]] = {}
    for segment in entry.segments:
        try:
            file = xorb_path(segment.xorb).open("rb")
        except FileNotFoundError:
            raise DataError(f"The xorb {segment.xorb} was not uploaded.") from None
        with file:
            if segment.xorb not in indexes:
                indexes[segment.xorb] = index_xorb(file)
            yield from _read_segment(segment, indexes[segment.xorb], file)


def _read_segment(segment: Segment, chunks: tuple[Chunk, ...], file: IO[bytes]) -> Iterator[bytes]:
    selected = chunks[segment.first_chunk : segment.end_chunk]
    count = segment.end_chunk - segment.first_chunk
    if len(selected) != count or sum(chunk.size for chunk in selected) != segment.size:
        raise DataError(f"The xorb {segment.xorb} does not hold the chunks the shard names.")
    for chunk in selected:
        file.seek(chunk.offset)
        yield unpack(chunk, file.read(chunk.packed))


def _segment(raw: bytes) -> Segment:
    _, size, first_chunk, end_chunk = struct.unpack("<4I", raw[32:])
    return Segment(format_hash(raw[:32]), size, first_chunk, end_chunk)


def _take(data: bytes, position: int, count: int) -> bytes:
    piece = data[position : position + count]
    if len(piece) < count:
        raise DataError("The shard is cut short.")
    return piece


def _inflate(packed: bytes, *, limit: int) -> bytes:
    # Without the limit a small hostile chunk could fill the memory.
    try:
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=limit))
    except RuntimeError as error:
        raise DataError("A chunk cannot be decompressed.") from error


def _ungroup(grouped: bytes) -> bytes:
    data, position = bytearray(len(grouped)), 0
    for lane in range(4):
        size = len(range(lane, len(grouped), 4))
        data[lane::4] = grouped[position : position + size]
        position += size
    return bytes(data)
