"""JSONL, Parquet and CSV files: the same prompts from each, read lazily, and faults named by line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import DataError, MissingError
from curation.prompts import FilePrompts
from curation.types import Drop, Prompt

ODD = 'مرحبا, "quoted"\nsecond line 👩\u200d👧 e\u0301'
TEXTS = ["Why?", ODD, "word " * 40_000]


def write(path: Path, values: list[Any], column: str = "instruction") -> Path:
    rows = [{"id": number, column: value} for number, value in enumerate(values)]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["id", column])
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path, **options: Any) -> list[Prompt | Drop]:
    source = FilePrompts(path=path, **options)
    return list(source.load(source.resolve(endpoint="", token=None), endpoint="", token=None))


def contents(found: list[Prompt | Drop]) -> list[str]:
    return [row.messages[-1].content for row in found if isinstance(row, Prompt)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_each_kind_of_file_gives_its_texts_to_the_last_byte(tmp_path: Path, suffix: str) -> None:
    assert contents(read(write(tmp_path / f"prompts{suffix}", TEXTS))) == TEXTS


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_column_may_hold_messages(tmp_path: Path, suffix: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    [found] = read(write(tmp_path / f"prompts{suffix}", [messages], "chat"), column="chat")
    assert isinstance(found, Prompt)
    assert [message.model_dump() for message in found.messages] == messages


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_wrong_column_names_those_there_are(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"prompts\.\w+@\w+ has no column 'instruction'; it has 'id', 'question'\."):
        read(write(tmp_path / f"prompts{suffix}", ["Why?"], "question"))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(MissingError, match=r"There is no file .*nowhere\.\w+\. Correct `path` under"):
        read(tmp_path / f"nowhere{suffix}")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_the_limit_holds(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"prompts{suffix}", ["", *(f"Question {number}" for number in range(9))])
    assert contents(read(path, limit=2)) == ["Question 0", "Question 1"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_no_rows_are_no_prompts(tmp_path: Path, suffix: str) -> None:
    assert read(write(tmp_path / f"prompts{suffix}", [])) == []


def test_a_source_is_the_file_with_the_hash_of_its_content(tmp_path: Path) -> None:
    def source(path: Path) -> str:
        return FilePrompts(path=path).resolve(endpoint="", token=None)

    first, same, other = tmp_path / "a.jsonl", tmp_path / "more" / "a.jsonl", tmp_path / "b.jsonl"
    same.parent.mkdir()
    first.write_text('{"instruction": "Why?"}\n')
    same.write_text('{"instruction": "Why?"}\n')
    other.write_text('{"instruction": "How?"}\n')
    assert source(first) == source(same) == "a.jsonl@46c98665a1697fc2"
    assert source(other).partition("@")[2] != source(first).partition("@")[2]


def test_every_prompt_names_its_source(tmp_path: Path) -> None:
    path = write(tmp_path / "prompts.jsonl", ["Why?", ""])
    prompt, drop = read(path)
    assert isinstance(prompt, Prompt)
    assert prompt.source == FilePrompts(path=path).resolve(endpoint="", token=None)
    assert drop.id == f"{prompt.source}#1"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"instruction": "Why?"', "is not JSON"),
        (b"Why?", "is not JSON"),
        (b'"Why?"', "is not a JSON object"),
        (b'["Why?"]', "is not a JSON object"),
        ('{"instruction": "é"}'.encode("latin-1"), "is not JSON"),
    ],
)
def test_a_line_that_is_no_json_object_is_named_by_its_number(tmp_path: Path, line: bytes, what: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'{"instruction": "One"}\n\n' + line + b"\n")
    with pytest.raises(DataError, match=f"prompts.jsonl, line 3, {what}"):
        read(path)


def test_blank_lines_and_windows_line_ends_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'\r\n{"instruction": "One"}\r\n   \n{"instruction": "Two"}')
    assert contents(read(path)) == ["One", "Two"]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    for name, text in (("a.csv", "instruction\nWhy?\n"), ("b.jsonl", '{"instruction": "Why?"}\n')):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert contents(read(tmp_path / name)) == ["Why?"]


def test_a_csv_row_with_too_few_or_too_many_cells_is_still_one_row(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("id,instruction\n1\n2,Why?,extra\n", encoding="utf-8")
    short, long = read(path)
    assert isinstance(short, Drop)
    assert short.reason == "empty"
    assert contents([long]) == ["Why?"]


def test_a_csv_file_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_bytes("instruction\né\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"prompts\.csv is not a CSV file in UTF-8"):
        read(path)


def test_a_parquet_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    path.write_bytes(b"PAR1 or so")
    with pytest.raises(DataError, match=r"prompts\.parquet is not a Parquet file"):
        read(path)


def test_surrogates_escaped_in_json_are_dropped_and_pairs_are_emoji(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"instruction": "\\ud83d"}\n{"instruction": "\\ud83d\\ude00"}\n')
    lone, pair = read(path)
    assert isinstance(lone, Drop)
    assert lone.reason == "nul_or_surrogate_characters"
    assert contents([pair]) == ["😀"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_file_is_not_read_further_than_needed(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"prompts{suffix}", [f"Question {number}" for number in range(3000)])
    with path.open("ab") as file:
        file.write(b"\xff broken at the end\n")
    source = FilePrompts(path=path)
    rows = source.load("s", endpoint="", token=None)
    assert contents([next(rows), next(rows)]) == ["Question 0", "Question 1"]
    with pytest.raises(DataError):
        list(rows)


@pytest.mark.parametrize("name", ["prompts.txt", "prompts", "prompts.json", "prompts.JSONL"])
def test_another_kind_of_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"must end in \.jsonl, \.parquet, \.csv"):
        FilePrompts(path=Path(name))
