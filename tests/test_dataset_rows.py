"""Files and folders as datasets: the same rows from each kind of file, configs and splits by name, faults by line."""

from __future__ import annotations

import csv
import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.dataset_rows import SourceRow, Split, open_dataset, unread
from curation.errors import DataError, MissingError

ROWS = [
    {"prompt": 'Why, "quoted"?\nSecond line 👩', "completion": "x" * 200_000, "label": True, "score": 0.5},
    {"prompt": "7", "completion": "true", "label": False, "score": None},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".jsonl", ".ndjson"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".arrow":
        write_arrow(path, rows, pa.ipc.new_stream)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


def write_arrow(path: Path, rows: list[dict[str, Any]], writer: Callable[..., Any]) -> None:
    table = pa.Table.from_pylist(rows)
    with writer(path, table.schema) as file:
        file.write_table(table, max_chunksize=1000)


def splits_of(dataset: Path | str, **options: Any) -> tuple[Split, ...]:
    return open_dataset(str(dataset), endpoint="http://127.0.0.1:9", token=None, **options)


def rows_of(dataset: Path, **options: Any) -> list[SourceRow]:
    return [row for split in splits_of(dataset, **options) for row in split.rows()]


def names_of(dataset: Path, **options: Any) -> list[tuple[str, str]]:
    return [(split.config, split.name) for split in splits_of(dataset, **options)]


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    rows = rows_of(write(tmp_path / f"mine{suffix}", ROWS))
    assert [row.values for row in rows] == ROWS
    # In CSV a row is named by the line on which it begins: the first has two, below the header.
    places = (2, 4) if suffix in (".csv", ".tsv") else (1, 2)
    assert [row.where for row in rows] == [f"mine{suffix}:{place}" for place in places]


def test_a_json_file_may_hold_json_lines(tmp_path: Path) -> None:
    lines = write(tmp_path / "mine.jsonl", ROWS)
    assert [row.values for row in rows_of(lines.rename(tmp_path / "mine.json"))] == ROWS


def test_lines_that_are_no_objects_are_rows_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n{"a":\n[1]\n' + b"[" * 100_000 + b'\n\xff\n{"a": 2}\n')
    rows = rows_of(path)
    assert [row.where for row in rows] == [f"bad.jsonl:{line}" for line in (1, 3, 4, 5, 6, 7)]
    assert [row.values for row in rows] == [{"a": 1}, None, None, None, None, {"a": 2}]
    assert [row.reason.partition(":")[0] for row in rows[1:-1]] == ["not JSON", "not a JSON object", *["not JSON"] * 2]


def test_the_rows_of_a_split_can_be_read_again(tmp_path: Path) -> None:
    [split] = splits_of(write(tmp_path / "mine.jsonl", ROWS))
    assert list(split.rows()) == list(split.rows()) != []


def test_a_folder_has_configs_by_subfolder_and_splits_by_name(tmp_path: Path) -> None:
    for name in (
        "dpo/train-0a1b.parquet",
        "dpo/train-2c3d.parquet",
        "dpo/test-4e5f.parquet",
        "kto/train.jsonl",
        "kto/validation/rows.csv",
        ".git/train.jsonl",
    ):
        write(tmp_path / name, ROWS)
    for name in ("curation.json", "dataset_infos.json", "README.md", "dpo/notes.txt"):
        (tmp_path / name).write_text("{}")
    assert names_of(tmp_path) == [("dpo", "train"), ("dpo", "test"), ("kto", "train"), ("kto", "validation")]
    assert [row.where for row in rows_of(tmp_path, config="dpo", split="train")] == [
        f"dpo/train-{part}.parquet:{number}" for part in ("0a1b", "2c3d") for number in (1, 2)
    ]


def test_a_folder_without_subfolders_is_one_config(tmp_path: Path) -> None:
    for name in ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"):
        write(tmp_path / name, ROWS)
    assert names_of(tmp_path) == [("default", "train"), ("default", "test")]


def test_a_word_that_only_contains_the_name_of_a_split_names_no_split(tmp_path: Path) -> None:
    assert names_of(write(tmp_path / "latest_contest.jsonl", ROWS)) == [("default", "train")]


@pytest.mark.parametrize(("option", "there"), [("config", "dpo, kto"), ("split", "test, train")])
def test_the_error_of_an_unknown_config_or_split_names_those_that_exist(
    tmp_path: Path, option: str, there: str
) -> None:
    write(tmp_path / "dpo/train.jsonl", ROWS)
    write(tmp_path / "kto/test.jsonl", ROWS)
    with pytest.raises(DataError, match=f"has no {option} 'reward'; it has {there}"):
        splits_of(tmp_path, **{option: "reward"})


def test_the_split_of_a_shard_is_the_name_before_its_numbers(tmp_path: Path) -> None:
    for split in ("train_prefs", "train_sft", "test_prefs", "rows"):
        write(tmp_path / f"data/{split}-00000-of-00001.parquet", ROWS)
    # The same name as `datasets` finds, but those of training first.
    assert [name for _, name in names_of(tmp_path)] == ["train_prefs", "train_sft", "rows", "test_prefs"]
    assert names_of(tmp_path / "data/test_prefs-00000-of-00001.parquet") == [("default", "test_prefs")]


def test_the_folder_names_the_split_of_shards_that_do_not(tmp_path: Path) -> None:
    for name in ("test/part-00000-of-00002.parquet", "test/part-00001-of-00002.parquet", "dpo/test_prefs-0.jsonl"):
        write(tmp_path / name, ROWS)
    assert names_of(tmp_path) == [("default", "test"), ("dpo", "test")]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_gzipped_files_of_a_folder_are_read_like_the_others(tmp_path: Path, suffix: str) -> None:
    plain = write(tmp_path / f"rows{suffix}", ROWS)
    (tmp_path / f"train{suffix}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.rename(tmp_path / f"test{suffix}")
    assert names_of(tmp_path) == [("default", "train"), ("default", "test")]
    assert [row.values for row in rows_of(tmp_path)] == [*ROWS, *ROWS]
    places = (2, 4) if suffix == ".csv" else (1, 2)
    assert [row.where for row in rows_of(tmp_path, split="train")] == [f"train{suffix}.gz:{row}" for row in places]


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", ROWS).rename(tmp_path / "MINE.JSONL")
    assert [row.values for row in rows_of(path)] == [row.values for row in rows_of(tmp_path)] == ROWS


def test_a_json_file_of_one_object_over_several_lines_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"data": [{"prompt": "Why?"}]}, indent=2))
    assert [row.values for row in rows_of(path)] == [{"data": [{"prompt": "Why?"}]}]


def test_a_csv_file_is_read_as_datasets_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "prompt,chosen,rejected,label\nWhy?,None,4,True\nHow?,N/A,5,\nWho?,null,6,FALSE\nIs it?,Yes,7,true\n"
    )
    [split] = datasets.load_dataset("csv", data_files=str(path), cache_dir=str(tmp_path / "cache")).values()
    rows = [row.values for row in rows_of(path)]
    assert rows == split.to_list()
    assert rows[1:3] == [
        {"prompt": "How?", "chosen": None, "rejected": 5, "label": None},
        {"prompt": "Who?", "chosen": None, "rejected": 6, "label": False},
    ]


@pytest.mark.parametrize("rows", ["Why?,yes,no\nWho?,a,b,c", "Who?,a,b,c\nWho?,a,b,c", "Why?,yes,no\nWho?,a"])
def test_a_csv_row_that_does_not_fit_the_header_is_an_error_and_shifts_no_cells(tmp_path: Path, rows: str) -> None:
    # pandas takes the first of four cells below a header of three for the name of the row.
    path = tmp_path / "mine.csv"
    path.write_text(f"prompt,chosen,rejected\n{rows}\n")
    line = 2 if rows.startswith("Who") else 3
    with pytest.raises(DataError, match=rf"mine\.csv, line {line}: the row that begins here has [24] cells, but .* 3"):
        rows_of(path)


def test_types_of_csv_are_those_of_datasets_with_every_separator(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("\r\nprompt;chosen;rejected;label\r\n\r\nWhy? é;N/A;4;True\r\n".encode("utf-16"))
    [row] = rows_of(path)
    assert row.values == {"prompt": "Why? é", "chosen": None, "rejected": 4, "label": True}
    assert row.where == "mine.csv:4"


def test_classes_are_read_as_their_names_except_in_the_column_label(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["edge_case", "direct_harm"])
    features = datasets.Features({"category": classes, "label": datasets.ClassLabel(names=["bad", "good"])})
    rows = datasets.Dataset.from_list([{"category": 1, "label": 1}, {"category": -1, "label": 0}], features=features)
    rows.to_parquet(tmp_path / "train.parquet")
    rows.save_to_disk(str(tmp_path / "saved"))
    expected = [{"category": "direct_harm", "label": 1}, {"category": None, "label": 0}]
    assert [row.values for row in rows_of(tmp_path / "train.parquet")] == expected
    assert [row.values for row in rows_of(tmp_path / "saved")] == expected


def test_a_text_file_is_read_by_its_name_but_not_as_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("Why?\n")
    write(tmp_path / "train.jsonl", ROWS)
    assert [row.values for row in rows_of(tmp_path / "prompts.txt")] == [{"text": "Why?"}]
    assert len(rows_of(tmp_path)) == len(ROWS)


@pytest.mark.slow
def test_few_rows_of_a_wide_parquet_file_are_in_memory_at_once(tmp_path: Path) -> None:
    # Of one value Arrow writes less than it says, so every picture is another.
    rows = [{"prompt": str(row), "image": random.Random(row).randbytes(1 << 20)} for row in range(48)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mine.parquet", row_group_size=4)
    [split] = splits_of(tmp_path / "mine.parquet")
    tracemalloc.start()
    try:
        assert [row.values["prompt"] for row in split.rows() if row.values] == [row["prompt"] for row in rows]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20


def test_a_missing_file_or_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no file or folder .*missing.jsonl"):
        splits_of(tmp_path / "missing.jsonl")
    with pytest.raises(MissingError, match=r"no file or folder data/missing.parquet"):
        splits_of("data/missing.parquet")


def test_a_folder_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.jsonl, \.ndjson, \.json, \.csv, \.tsv, \.parquet, \.arrow file"):
        splits_of(tmp_path)


def test_a_file_of_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"not one of the files that can be read: .* Save it as one of these"):
        splits_of(tmp_path / "rows.xlsx")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1"),
        ("a.arrow", b"ARROW1"),
        ("b.arrow", b"no Arrow at all"),
        ("c.arrow", b""),
        ("a.json", b"[{]"),
        ("b.json", b'{\n"a": 1\n}\n{\n"a": 2\n}'),
        ("a.jsonl.gz", b"{}"),
        ("b.jsonl.gz", gzip.compress(b'{"a": 1}', mtime=0)[:-9]),
        ("c.jsonl.gz", gzip.compress(b'{"a": 1}', mtime=0)[:12] + b"\xff" * 20),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_an_error_that_names_it(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is no "):
        rows_of(path)


def test_a_parquet_file_that_is_damaged_inside_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.parquet", ROWS * 50)
    path.write_bytes(path.read_bytes()[:200] + b"\xff" * 200 + path.read_bytes()[400:])
    with pytest.raises(DataError, match=r"mine\.parquet is no Parquet file that can be read"):
        rows_of(path)


@pytest.mark.parametrize("writer", [pa.ipc.new_stream, pa.ipc.new_file])
def test_both_formats_of_arrow_are_read_and_a_damaged_file_is_an_error_that_names_it(
    tmp_path: Path, writer: Any
) -> None:
    path = tmp_path / "mine.arrow"
    rows = [{"prompt": f"Question {row}?", "label": row % 2 == 0} for row in range(2500)]
    write_arrow(path, rows, writer)
    assert [row.values for row in rows_of(path)] == rows
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content.replace(b"\0" * 3 + b"\x0b", b"\xff" * 4)):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mine\.arrow is no Arrow file that can be read"):
            rows_of(path)


def test_a_folder_that_datasets_saved_to_disk_is_read(tmp_path: Path) -> None:
    rows = [{"prompt": "Why?", "completion": str(row), "label": row % 2 == 0} for row in range(20)]
    whole = datasets.Dataset.from_list(rows)
    datasets.DatasetDict({"train": whole, "test": whole.select([0])}).save_to_disk(str(tmp_path))
    assert names_of(tmp_path) == [("default", "train"), ("default", "test")]
    assert [row.values for row in rows_of(tmp_path)] == [*rows, rows[0]]


def test_files_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", ROWS)
    for name in ("README.md", "more/train.JSONL.ZST", "a.zip", "b.tar.gz", ".git/b.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
    assert unread(str(tmp_path)) == ("a.zip", "b.tar.gz", "more/train.JSONL.ZST")
    assert unread(str(tmp_path / "train.jsonl")) == unread("acme/mine") == ()


def test_a_file_that_disappears_before_it_is_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", ROWS)
    [split] = splits_of(path)
    path.unlink()
    with pytest.raises(DataError, match=r"mine\.jsonl is no JSON file that can be read: .*No such file"):
        list(split.rows())
