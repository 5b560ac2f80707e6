"""Files and folders as datasets: the same rows from each kind of file, configs and splits by name, faults by line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import DataError, MissingError
from curation.quality.sources import SourceRow, Split, open_dataset

ROWS = [
    {"prompt": 'Why, "quoted"?\nSecond line 👩', "completion": "x" * 200_000, "label": True, "score": 0.5},
    {"prompt": "7", "completion": "true", "label": False, "score": None},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def splits_of(dataset: Path | str, **options: Any) -> tuple[Split, ...]:
    return open_dataset(str(dataset), endpoint="http://127.0.0.1:9", token=None, **options)


def rows_of(dataset: Path, **options: Any) -> list[SourceRow]:
    return [row for split in splits_of(dataset, **options) for row in split.rows()]


def names_of(dataset: Path, **options: Any) -> list[tuple[str, str]]:
    return [(split.config, split.name) for split in splits_of(dataset, **options)]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    rows = rows_of(write(tmp_path / f"mine{suffix}", ROWS))
    assert [row.values for row in rows] == ROWS
    assert [row.where for row in rows] == [f"mine{suffix}:1", f"mine{suffix}:2"]


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
    for name in ("data/train-00000-of-00001.parquet", "data/eval-00000-of-00001.parquet"):
        write(tmp_path / name, ROWS)
    assert names_of(tmp_path) == [("default", "train"), ("default", "test")]


def test_a_word_that_only_contains_the_name_of_a_split_is_none(tmp_path: Path) -> None:
    assert names_of(write(tmp_path / "latest_contest.jsonl", ROWS)) == [("default", "train")]


@pytest.mark.parametrize(("option", "there"), [("config", "dpo, kto"), ("split", "test, train")])
def test_an_unknown_config_or_split_is_named_with_those_there_are(tmp_path: Path, option: str, there: str) -> None:
    write(tmp_path / "dpo/train.jsonl", ROWS)
    write(tmp_path / "kto/test.jsonl", ROWS)
    with pytest.raises(DataError, match=f"has no {option} 'reward'; it has {there}"):
        splits_of(tmp_path, **{option: "reward"})


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"no file or folder .*missing.jsonl"):
        splits_of(tmp_path / "missing.jsonl")
    with pytest.raises(MissingError, match=r"no file or folder data/missing.parquet"):
        splits_of("data/missing.parquet")


def test_a_folder_without_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \.jsonl, \.json, \.csv, \.parquet file"):
        splits_of(tmp_path)


def test_another_kind_of_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="none of the files that can be read"):
        splits_of(tmp_path / "rows.xlsx")


@pytest.mark.parametrize(
    ("name", "content"), [("a.parquet", b"PAR1"), ("a.csv", b"prompt\n\xff\xfe"), ("a.json", b"[{]")]
)
def test_a_file_that_is_broken_as_a_whole_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is not"):
        rows_of(path)
