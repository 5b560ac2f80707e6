"""Files of every kind: the same prompts from each, read lazily, and faults named by line."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import ConfigError, DataError, MissingError
from curation.files.rows import ROW_SIZE
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


def contents(prompts: list[Prompt | Drop]) -> list[str]:
    return [row.messages[-1].content for row in prompts if isinstance(row, Prompt)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_texts_are_the_same_to_the_last_byte_in_every_format(tmp_path: Path, suffix: str) -> None:
    assert contents(read(write(tmp_path / f"prompts{suffix}", TEXTS))) == TEXTS


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_column_may_hold_messages(tmp_path: Path, suffix: str) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    [prompt] = read(write(tmp_path / f"prompts{suffix}", [messages], "chat"), column="chat")
    assert isinstance(prompt, Prompt)
    assert [message.model_dump() for message in prompt.messages] == messages


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_the_error_of_a_wrong_column_names_the_columns_that_exist(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"prompts\.\w+@\w+ has no column 'instruction'; it has 'id', 'question'\."):
        read(write(tmp_path / f"prompts{suffix}", ["Why?"], "question"))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_the_error_of_a_missing_file_names_it(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(MissingError, match=r"There is no file .*nowhere\.\w+\. Correct `path` under"):
        read(tmp_path / f"nowhere{suffix}")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_no_more_prompts_are_read_than_the_limit(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"prompts{suffix}", ["", *(f"Question {number}" for number in range(9))])
    assert contents(read(path, limit=2)) == ["Question 0", "Question 1"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_file_without_rows_gives_no_prompts(tmp_path: Path, suffix: str) -> None:
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
def test_a_line_that_is_not_a_json_object_is_an_error_with_its_number(tmp_path: Path, line: bytes, what: str) -> None:
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


@pytest.mark.parametrize("row", ["1", "1,Why?,extra", "1,Why, oh why?"])
def test_a_csv_row_with_too_few_or_too_many_cells_is_an_error_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text(f"id,instruction\n0,Fine?\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"prompts\.csv, line 3: the row that begins here has [13] cells?, but the "):
        read(path)


def test_a_quote_that_is_not_closed_does_not_swallow_prompts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text('id,instruction\n0,"Two\nlines?"\n1,"Why?\n2,How?\n3,Who?\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"prompts\.csv, line 4: a quote in the row that begins here is not closed"):
        read(path)


def test_a_cell_of_csv_stays_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("instruction\nN/A\nNone\n007\nnull\n", encoding="utf-8")
    assert contents(read(path)) == ["N/A", "None", "007", "null"]


def test_a_csv_file_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_bytes("instruction\nWhy?\né\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"prompts\.csv, line 3, is not UTF-8\. Save the file as UTF-8\."):
        read(path)


@pytest.mark.parametrize("column", ["instruction", "whatever"])
def test_each_line_of_a_text_file_is_a_prompt(tmp_path: Path, column: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes('\ufeffWhy?\r\n\r\n  \nÜber, "was"?'.encode())
    assert contents(read(path, column=column)) == ["Why?", 'Über, "was"?']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".txt"])
def test_prompts_are_read_in_every_unicode_encoding_also_gzipped(tmp_path: Path, suffix: str, encoding: str) -> None:
    texts = {
        ".csv": "id;instruction\r\n1;Why, é?\r\n",
        ".tsv": "id\tinstruction\n1\tWhy, é?\n",
        ".jsonl": '{"instruction": "Why, é?"}\n',
        ".json": '[\n {"instruction": "Why, é?"}\n]',
        ".txt": "Why, é?\n",
    }
    path = tmp_path / f"prompts{suffix}.GZ"
    path.write_bytes(gzip.compress(texts[suffix].encode(encoding)))
    assert contents(read(path)) == ["Why, é?"]


def test_a_category_of_classes_is_published_by_its_name(tmp_path: Path) -> None:
    features = datasets.Features(
        {"instruction": datasets.Value("string"), "topic": datasets.ClassLabel(names=["art", "science"])}
    )
    rows = datasets.Dataset.from_list([{"instruction": "Why?", "topic": 1}], features=features)
    rows.to_parquet(tmp_path / "prompts.parquet")
    [prompt] = read(tmp_path / "prompts.parquet", category_column="topic")
    assert isinstance(prompt, Prompt)
    assert prompt.category == "science"


def test_a_row_that_is_too_large_is_dropped_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write('{"instruction": "One"}\n{"instruction": "' + "x" * ROW_SIZE + '"}\n{"instruction": "Two"}\n')
    prompts = read(path)
    assert contents(prompts) == ["One", "Two"]
    [drop] = [row for row in prompts if isinstance(row, Drop)]
    assert (drop.reason, drop.id.partition("#")[2]) == ("row_too_large", "1")


def test_a_file_that_is_only_named_like_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    path.write_bytes(b"PAR1 or so")
    with pytest.raises(DataError, match=r"prompts\.parquet is no Parquet file that can be read"):
        read(path)


def test_lone_surrogates_in_json_are_dropped_and_pairs_are_emoji(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"instruction": "\\ud83d"}\n{"instruction": "\\ud83d\\ude00"}\n')
    lone, pair = read(path)
    assert isinstance(lone, Drop)
    assert lone.reason == "nul_or_surrogate_characters"
    assert contents([pair]) == ["😀"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_file_is_read_only_as_far_as_it_is_needed(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"prompts{suffix}", [f"Question {number}" for number in range(3000)])
    with path.open("ab") as file:
        file.write(b"\xff broken at the end\n")
    source = FilePrompts(path=path)
    rows = source.load("s", endpoint="", token=None)
    assert contents([next(rows), next(rows)]) == ["Question 0", "Question 1"]
    with pytest.raises(DataError):
        list(rows)


@pytest.mark.parametrize("name", ["prompts.xlsx", "prompts", "prompts.gz", "prompts.txt.zip"])
def test_a_file_with_an_unknown_suffix_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.jsonl, \.ndjson, \.json, \.csv, \.tsv, \.parquet, \.arrow"):
        FilePrompts(path=Path(name))


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "prompts.jsonl", TEXTS).rename(tmp_path / "PROMPTS.JSONL")
    assert contents(read(path)) == TEXTS
