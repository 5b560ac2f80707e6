"""JSON arrays are read item by item, wherever a piece of the file ends; faults are named by their line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.errors import DataError
from curation.files import FileRow, read_rows
from curation.files.json_rows import PIECE
from curation.files.rows import ROW_SIZE


def read(folder: Path, text: str, name: str = "mine.json") -> list[FileRow]:
    (folder / name).write_text(text, encoding="utf-8")
    return list(read_rows(folder / name))


@pytest.mark.slow
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", [1, 17, PIECE - 20, PIECE, 3 * PIECE + 1])
def test_items_are_read_completely_wherever_a_piece_of_the_file_ends(
    tmp_path: Path, size: int, indent: int | None
) -> None:
    items = [{"a": 'é\\"\n' * (size // 4), "n": -12.5e3, "t": True}, {"b": "[{" * (size // 2), "c": None}, {}]
    file_rows = read(tmp_path, json.dumps(items, indent=indent))
    assert [row.values for row in file_rows] == items
    assert [row.number for row in file_rows] == [1, 2, 3]


@pytest.mark.parametrize("blanks", range(PIECE - 8, PIECE + 1))
def test_a_number_is_read_completely_if_a_piece_of_the_file_ends_within_it(tmp_path: Path, blanks: int) -> None:
    [row] = read(tmp_path, "{\n" + " " * blanks + '"a": 1234567}')
    assert row.values == {"a": 1234567}


def test_a_value_that_is_not_an_object_is_a_row_without_values(tmp_path: Path) -> None:
    file_rows = read(tmp_path, '[{"a": 1}, 12345, "b", null, [{}]]')
    assert [row.values for row in file_rows] == [{"a": 1}, None, None, None, None]
    assert {row.reason for row in file_rows[1:]} == {"not a JSON object"}
    assert read(tmp_path, " [ \n ] \n") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[\n{"a": 1},\n{"a": }\n]', 3),
        ('[\n{"a": 1}\n{"a": 2}\n]', 3),
        ('[{"a": 1},\n]', 2),
        ('[{"a": 1}', 1),
        ('[{"a": "1', 1),
        ('[{"a": 1}]\n[{"a": 2}]', 2),
        ('{\n"a": 1\n}\n{\n"a": 2\n}', 4),
        ("[\n" + "[" * 100_000, 2),
    ],
)
def test_a_fault_in_an_array_is_an_error_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(DataError, match=rf"mine\.json is no JSON file that can be read: line {line}: "):
        read(tmp_path, text)


@pytest.mark.slow
def test_an_item_that_is_too_large_is_an_error_before_the_whole_file_is_in_memory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: a value is larger than 16,777,216 characters\. Write each row"):
        read(tmp_path, '[{"a": "' + "x" * 3 * ROW_SIZE + '"}]')


def test_a_line_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    file_rows = read(tmp_path, '{"a": "' + "x" * ROW_SIZE + '"}\n{"a": 1}\n', "mine.jsonl")
    assert [(row.number, row.values, row.too_large) for row in file_rows] == [(1, None, True), (2, {"a": 1}, False)]


def test_a_line_that_is_not_utf8_is_a_row_without_values(tmp_path: Path) -> None:
    (tmp_path / "mine.ndjson").write_bytes(b'{"a": "\xe9"}\n{"a": 1}\n')
    assert [(row.values, row.reason) for row in read_rows(tmp_path / "mine.ndjson")] == [
        (None, "not JSON: it is not UTF-8"),
        ({"a": 1}, ""),
    ]


def test_gzipped_content_is_read_whatever_the_name_of_the_file(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "mine.jsonl").write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert [row.values for row in read_rows(tmp_path / "mine.jsonl")] == [{"a": 1}]
