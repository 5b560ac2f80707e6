"""Parquet and Arrow files: values as they were written, sizes as they are in memory; no small file unfolds to much."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import DataError
from curation.files import read_rows
from curation.files.columnar import row_sizes
from curation.files.rows import ROW_SIZE

MEGABYTE = 1 << 20
PEAK = """
import json, re, sys
from pathlib import Path
from curation.errors import DataError
from curation.files import read_rows
rows, error = 0, ""
try:
    for row in read_rows(Path(sys.argv[1])):
        rows += 1
except DataError as caught:
    error = str(caught)
# Not what `resource` says, which may be the peak of the process that started this one.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([rows, error, peak // 1024]))
"""


def repeated(text: str, times: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), pa.array([text]))


def in_one_row(values: Any) -> Any:
    return pa.ListArray.from_arrays(pa.array([0, len(values), len(values)], pa.int32()), values)


def written_eight_times(path: Path, values: Any, **options: Any) -> None:
    """Write a table in which eight columns have the same values: what one takes is taken eight times."""
    table = pa.table({f"column_{number}": values for number in range(8)})
    pq.write_table(table, path, **{"compression": "zstd", "store_schema": False, "use_dictionary": False} | options)


def say_that_it_is_small(path: Path) -> None:
    """Write 90,000 over each size and count above that in the footer of a Parquet file."""
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    numbers = {group.total_byte_size} | {n for c in columns for n in (c.total_uncompressed_size, c.num_values)}
    for number in numbers:
        if number > 90_000:
            footer = footer.replace(varint(number), varint(90_000, length=len(varint(number))))
    path.write_bytes(content[: -8 - length] + footer + content[-8:])
    group = pq.read_metadata(path).row_group(0)
    assert max(group.column(number).total_uncompressed_size for number in range(group.num_columns)) <= 90_000


def varint(number: int, *, length: int = 0) -> bytes:
    """Return a positive number as Thrift's compact protocol has it, longer than it must be if `length` says so."""
    digits: list[int] = []
    number *= 2
    while number or len(digits) < length:
        digits.append(number & 0x7F)
        number >>= 7
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


TEXT = "x" * (120 * MEGABYTE)
UNFOLDING: dict[str, Callable[[], Any]] = {
    "one text in 50,000 rows: 50 GB": lambda: repeated("x" * MEGABYTE, 50_000),
    "one text 50,000 times in a row: 50 GB": lambda: in_one_row(repeated("x" * MEGABYTE, 50_000)),
    "a text of 300 MB": lambda: pa.array(["x" * (300 * MEGABYTE), "Why?"]),
}


def peak_of_reading(path: Path) -> tuple[int, str, int]:
    """Return how many rows a new process reads, with which error, and how many megabytes it takes at most."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    rows, error, megabytes = json.loads(done.stdout)
    return rows, error, megabytes


@pytest.mark.slow
@pytest.mark.parametrize("bomb", UNFOLDING)
def test_a_small_file_that_unfolds_to_much_is_not_read_further(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"prompt": UNFOLDING[bomb]()}), path, compression="zstd", row_group_size=1 << 20)
    assert path.stat().st_size < 20_000
    rows, error, megabytes = peak_of_reading(path)
    assert rows == 0
    assert re.search(r"bomb\.parquet (has [\d,]+ bytes and unfolds to more than|needs more than 512 MB)", error)
    assert megabytes < 800


LYING: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "pages": (lambda: pa.array([TEXT]), {}),
    "dictionaries": (lambda: pa.array([TEXT]), {"use_dictionary": True, "dictionary_pagesize_limit": 1 << 30}),
    "numbers in a row": (lambda: in_one_row(pa.array(np.zeros(40_000_000, np.int8))), {"use_dictionary": True}),
    "texts in a row that share their beginning": (
        lambda: in_one_row(pa.array([f"{'x' * MEGABYTE}{number}" for number in range(120)])),
        {"column_encoding": "DELTA_BYTE_ARRAY"},
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
@pytest.mark.parametrize("bomb", LYING)
def test_a_file_whose_footer_claims_a_small_size_does_not_exceed_the_memory_limit(tmp_path: Path, bomb: str) -> None:
    values, options = LYING[bomb]
    path = tmp_path / "bomb.parquet"
    written_eight_times(path, values(), **options)
    say_that_it_is_small(path)
    assert path.stat().st_size < 100_000
    rows, error, megabytes = peak_of_reading(path)
    assert rows == 0
    assert "bomb.parquet needs more than 512 MB of memory to be read: it is not read further. If its rows" in error
    assert megabytes < 800


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("writer", [pa.ipc.new_file, pa.ipc.new_stream])
def test_a_small_arrow_file_that_unfolds_to_much_does_not_exceed_the_memory_limit(
    tmp_path: Path, writer: Any, compression: str
) -> None:
    path = tmp_path / "bomb.arrow"
    texts = pa.array([TEXT])
    table = pa.table({f"column_{number}": texts for number in range(8)})
    with writer(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as file:
        file.write_table(table)
    rows, error, megabytes = peak_of_reading(path)
    assert rows == 0
    assert "bomb.arrow needs more than 512 MB of memory to be read: it is not read further." in error
    assert megabytes < 800


@pytest.mark.parametrize("compression", ["lz4", "zstd", None])
@pytest.mark.parametrize("writer", [pa.ipc.new_file, pa.ipc.new_stream])
def test_compressed_arrow_files_are_read(tmp_path: Path, writer: Any, compression: str | None) -> None:
    rows = [{"prompt": f"Why {number}? " * 50, "kind": "same", "n": number} for number in range(3000)]
    table = pa.Table.from_pylist(rows)
    table = table.set_column(1, "kind", table["kind"].dictionary_encode())
    with writer(tmp_path / "mine.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as file:
        file.write_table(table, max_chunksize=1000)
    assert [row.values for row in read_rows(tmp_path / "mine.arrow")] == rows


@pytest.mark.slow
def test_texts_that_share_their_beginning_are_read_in_small_parts(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"prompt": [f"{'x' * MEGABYTE}{number}" for number in range(400)]})
    encoding = {"prompt": "DELTA_BYTE_ARRAY"}
    pq.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoding)
    rows, error, megabytes = peak_of_reading(path)
    assert 200 < rows < 300
    assert "unfolds to more than" in error
    assert megabytes < 600


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_row_that_is_too_large_is_left_out_with_a_reason(tmp_path: Path, suffix: str) -> None:
    texts = ["Why?", "x" * (ROW_SIZE + 1), "How?", "y" * (ROW_SIZE - 1)]
    table = pa.table({"prompt": [[{"role": "user", "content": text}] for text in texts]})
    path = tmp_path / f"mine{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    file_rows = list(read_rows(path))
    assert [(row.number, row.too_large) for row in file_rows] == [(1, False), (2, True), (3, False), (4, True)]
    assert [row.values["prompt"][0]["content"] for row in file_rows if row.values] == ["Why?", "How?"]


def test_the_size_of_a_row_is_the_size_of_its_values_in_every_type_and_encoding() -> None:
    texts = pa.array(["ab", None, "c" * 10])
    columns = {
        "text": texts,
        "large": texts.cast(pa.large_binary()),
        "view": texts.cast(pa.string_view()),
        "dictionary": pa.DictionaryArray.from_arrays(pa.array([1, None, 1]), pa.array(["x", "yy"])),
        "struct": pa.array([{"a": "abc", "b": 1}, None, {"a": None, "b": 2}]),
        "list": pa.array([["a", "bb"], None, []]),
        "map": pa.array([[("k", "vv")], [], None], pa.map_(pa.string(), pa.string())),
        "number": pa.array([1, 2, 3], pa.int32()),
    }
    expected = {
        "text": [2, 0, 10],
        "large": [2, 0, 10],
        "view": [2, 0, 10],
        "dictionary": [2, 0, 2],
        "list": [3, 0, 0],
        "map": [3, 0, 0],
        "number": [4, 4, 4],
    }
    for name, sizes in expected.items():
        assert row_sizes(pa.record_batch({name: columns[name]})).tolist() == sizes, name
    # A number in a struct counts 8 bytes, and the bits that say whether it is there.
    struct = row_sizes(pa.record_batch({"struct": columns["struct"]}))
    assert (struct - [3, 0, 0]).tolist() == [9, 9, 9]
    whole = pa.record_batch(columns)
    assert row_sizes(whole).tolist() == (struct + np.sum(list(expected.values()), axis=0)).tolist()
    assert row_sizes(whole.slice(2, 1)).tolist() == [*row_sizes(whole)[2:]]


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None])
def test_values_are_the_same_in_every_encoding_of_parquet(tmp_path: Path, encoding: str | None) -> None:
    rows = [
        {"prompt": [{"role": "user", "content": f"Why {number}?"}], "text": None if number % 3 else "same", "n": number}
        for number in range(3000)
    ]
    options: dict[str, Any] = {}
    if encoding is not None:
        columns = ("prompt.list.element.role", "prompt.list.element.content", "text")
        options = {"use_dictionary": False, "column_encoding": dict.fromkeys(columns, encoding)}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mine.parquet", row_group_size=700, **options)
    file_rows = list(read_rows(tmp_path / "mine.parquet"))
    assert [row.values for row in file_rows] == rows
    assert [row.number for row in file_rows] == list(range(1, 3001))


def test_a_file_whose_rows_repeat_as_much_as_in_real_datasets_is_read(tmp_path: Path) -> None:
    # A long system prompt in every row: 160 MB in memory, 0.5 MB on disk.
    table = pa.table({"system": repeated("Be brief. " * 1000, 16_000), "prompt": [f"Why {n}?" for n in range(16_000)]})
    pq.write_table(table, tmp_path / "mine.parquet")
    assert sum(len(row.values["system"]) for row in read_rows(tmp_path / "mine.parquet") if row.values) == 160_000_000


def test_the_error_of_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DataError, match=r"mine\.parquet is no Parquet file that can be read: [^\n]+\Z"):
        list(read_rows(tmp_path / "mine.parquet"))


@pytest.mark.parametrize("part", [b"prompt", b"PAR1"])
def test_a_damaged_name_or_offset_in_a_footer_is_an_error(tmp_path: Path, part: bytes) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"prompt": [["Why?", "How?"]]}), path, store_schema=False)
    content = path.read_bytes()
    # The name stands in the schema and, behind it, in the column's path.
    place = content.rindex(part)
    path.write_bytes(content[:place] + b"?" + content[place + 1 :])
    with pytest.raises(DataError, match=r"mine\.parquet is no Parquet file that can be read: [^\n]+\Z"):
        list(read_rows(path))
