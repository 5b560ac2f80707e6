import hashlib
import io
import struct
from pathlib import Path

import lz4.frame
import pytest

from curation.errors import DataError
from curation.local.hub.xet import Chunk, FileEntry, Segment, assemble, format_hash, index_xorb, parse_shard, unpack

VERIFIED, HAS_SHA256 = 0x80000000, 0x40000000


def packed_chunk(data: bytes, scheme: int) -> bytes:
    body = data
    if scheme == 2:
        body = b"".join(data[lane::4] for lane in range(4))
    if scheme:
        body = lz4.frame.compress(body)
    return bytes(1) + len(body).to_bytes(3, "little") + bytes([scheme]) + len(data).to_bytes(3, "little") + body


def raw_hash(printed: str) -> bytes:
    return struct.pack("<4Q", *(int(printed[i : i + 16], 16) for i in range(0, 64, 16)))


def shard_of(sha256: str | None, segments: list[Segment], *, verified: bool = True) -> bytes:
    flags = (VERIFIED if verified else 0) | (HAS_SHA256 if sha256 else 0)
    shard = b"HFRepoMetaData".ljust(48, b"\0") + b"\1" * 32 + struct.pack("<II8x", flags, len(segments))
    for part in segments:
        shard += raw_hash(part.xorb) + struct.pack("<4I", 0, part.size, part.first_chunk, part.end_chunk)
    shard += b"\2" * 48 * len(segments) if verified else b""
    shard += raw_hash(sha256) + bytes(16) if sha256 else b""
    return shard + b"\xff" * 32 + bytes(16)


def test_a_hash_is_printed_as_four_little_endian_numbers() -> None:
    printed = hashlib.sha256(b"x").hexdigest()

    assert format_hash(raw_hash(printed)) == printed
    assert format_hash(b"\1" + bytes(31)) == f"{1:016x}" + "0" * 48


@pytest.mark.parametrize("scheme", [0, 1, 2])
@pytest.mark.parametrize("data", [b"a", b"abcde", bytes(range(256)) * 40 + b"xyz"])
def test_every_way_of_packing_a_chunk_can_be_unpacked(scheme: int, data: bytes) -> None:
    packed = packed_chunk(data, scheme)
    (chunk,) = index_xorb(io.BytesIO(packed))

    assert unpack(chunk, packed[chunk.offset :]) == data


def test_a_xorb_ends_at_its_footer() -> None:
    xorb = packed_chunk(b"one", 0) + packed_chunk(b"two", 1) + b"XETBLOB" + bytes(99)

    assert [chunk.size for chunk in index_xorb(io.BytesIO(xorb))] == [3, 3]


@pytest.mark.parametrize(
    "xorb",
    [b"", b"\0\1", b"\1" * 20, packed_chunk(b"one", 0)[:-1], packed_chunk(b"one", 0) + b"\0\0"],
    ids=["empty", "short header", "wrong version", "cut in data", "cut in header"],
)
def test_a_broken_xorb_is_refused(xorb: bytes) -> None:
    with pytest.raises(DataError):
        index_xorb(io.BytesIO(xorb))


@pytest.mark.parametrize(
    ("chunk", "packed"),
    [
        (Chunk(0, 3, 0, 4), b"abc"),
        (Chunk(0, 3, 9, 3), b"abc"),
        (Chunk(0, 3, 1, 3), b"abc"),
        (Chunk(0, 0, 1, 8), lz4.frame.compress(bytes(2**20))),
    ],
    ids=["wrong size", "unknown scheme", "not lz4", "swells beyond its size"],
)
def test_a_broken_chunk_is_refused(chunk: Chunk, packed: bytes) -> None:
    with pytest.raises(DataError):
        unpack(chunk, packed)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("sha256", ["ab" * 32, None])
def test_a_shard_lists_its_files(sha256: str | None, verified: bool) -> None:
    segments = [Segment("12" * 32, 7, 0, 2), Segment("34" * 32, 3, 1, 2)]

    assert parse_shard(shard_of(sha256, segments, verified=verified)) == (FileEntry(sha256, tuple(segments)),)


def test_a_shard_cut_short_anywhere_is_refused() -> None:
    shard = shard_of("ab" * 32, [Segment("12" * 32, 7, 0, 2)])[:-16]

    for end in range(len(shard)):
        with pytest.raises(DataError):
            parse_shard(shard[:end])


def test_a_file_is_put_together_from_chunks_of_several_xorbs(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(packed_chunk(b"one ", 0) + packed_chunk(b"two ", 1))
    (tmp_path / "b").write_bytes(packed_chunk(b"three", 2))
    entry = FileEntry(None, (Segment("a", 4, 1, 2), Segment("b", 5, 0, 1), Segment("a", 8, 0, 2)))

    assert b"".join(assemble(entry, tmp_path.joinpath)) == b"two threeone two "


@pytest.mark.parametrize("segment", [Segment("none", 4, 0, 1), Segment("a", 5, 0, 1), Segment("a", 4, 0, 2)])
def test_a_file_whose_chunks_are_missing_is_refused(segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(packed_chunk(b"one ", 0))

    with pytest.raises(DataError):
        list(assemble(FileEntry(None, (segment,)), tmp_path.joinpath))
