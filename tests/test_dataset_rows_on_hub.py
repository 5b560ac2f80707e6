"""Datasets of the Hub are read as files are, in bounded memory; what cannot be read is said in a sentence."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack

PAIRS = [
    {"prompt": f"What is {number} and two?", "chosen": f"It is {number + 2}.", "rejected": "Nobody knows that."}
    for number in range(6)
]
CARD = """---
dataset_info:
  features:
  - {{name: prompt, dtype: string}}
  - {{name: chosen, dtype: string}}
  - {{name: rejected, dtype: string}}
  - {{name: seen, dtype: {0}}}
---
"""


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def publish(stack: Stack, name: str, files: dict[str, bytes]) -> str:
    """Put files on the local Hub; return the dataset's id."""
    settings = stack.settings()
    api = HfApi(endpoint=settings["HF_ENDPOINT"], token=settings["HF_TOKEN"])
    repo_id = f"{api.whoami()['name']}/{name}"
    api.create_repo(repo_id, repo_type="dataset", private=True)
    added = [CommitOperationAdd(path, content) for path, content in files.items()]
    api.create_commit(repo_id, added, commit_message="files", repo_type="dataset")
    return repo_id


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("damaged", {"train.parquet": parquet(PAIRS * 50)[:200] + b"\xff" * 200 + parquet(PAIRS * 50)[400:]}),
        ("drifting", {"README.md": CARD.format("int64").encode(), "train.jsonl": lines([{**PAIRS[0], "seen": "x"}])}),
        ("scripted", {"scripted.py": b"import datasets\n", "rows.jsonl": lines(PAIRS)}),
        ("broken", {"train.json": b'[{"prompt": "a", "chosen": \n]'}),
    ],
)
def test_a_dataset_that_cannot_be_read_is_an_error(
    cli: CommandLine, stack: Stack, name: str, files: dict[str, bytes]
) -> None:
    repo_id = publish(stack, name, files)
    done = cli.run("lint", repo_id, "--format", "json")
    assert (done.returncode, done.stdout) == (1, "")
    # One object, and no line of `datasets` before it.
    error = json.loads(done.stderr)
    assert error["error"] == "DataError"
    assert repo_id in error["message"]


OF_TEXT = {
    "json": {
        "lines/train.jsonl": lines(PAIRS) + b"{broken\n",
        "array/test.json": json.dumps(PAIRS[:4], indent=1).encode(),
        "zipped/train.jsonl.gz": gzip.compress(lines(PAIRS[:3])),
    },
    "csv": {
        "commas/train.csv": b'prompt,chosen,rejected\n"Why, and\nhow?",It is so.,N/A\nWho?,3,4\n',
        "semicolons/train.csv": "prompt;chosen;rejected\nW\u00e9r?;It is so, as it is.;No.\n".encode("utf-16"),
    },
    "tsv": {
        "tabs/train-1.tsv": b"prompt\tchosen\trejected\nWhat?\tThis, that.\tThat.\n",
        "tabs/train-2.tsv": b"prompt\tchosen\trejected\nWhere?\tHere.\tThere.\n",
    },
}


@pytest.mark.parametrize(("name", "rows"), [("json", 14), ("csv", 3), ("tsv", 2)])
def test_files_on_the_hub_are_read_like_those_of_a_folder(cli: CommandLine, stack: Stack, name: str, rows: int) -> None:
    files = OF_TEXT[name]
    for path, content in files.items():
        (cli.folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (cli.folder / name / path).write_bytes(content)
    folders = sorted({path.partition("/")[0] for path in files})
    card = "".join(
        ["---\nconfigs:\n", *(f"- {{config_name: {each}, data_dir: {each}}}\n" for each in folders), "---\n"]
    )
    repo_id = publish(stack, f"of-text-{name}", {"README.md": card.encode(), **files})
    reports = []
    for dataset in (str(cli.folder / name), repo_id):
        report = json.loads(cli.run("lint", dataset, "--format", "json").stdout)
        # Rows of a folder are named by their file and line, those of the Hub by their split.
        excerpts = [[example["excerpt"] for example in finding["examples"]] for finding in report["findings"]]
        counts = [(finding["check"], finding["count"]) for finding in report["findings"]]
        reports.append((report["rows"], report["splits"], counts, excerpts))
    assert reports[0] == reports[1]
    assert reports[1][0] == rows


def test_a_gzipped_line_of_gigabytes_is_left_out_with_a_reason(cli: CommandLine, stack: Stack) -> None:
    line = b'{"prompt": "' + b"x" * (700 << 20) + b'"}\n'
    repo_id = publish(stack, "long-line", {"train.jsonl.gz": gzip.compress(line + lines(PAIRS), 1)})
    report = json.loads(cli.run("lint", repo_id, "--format", "json").stdout)
    counts = {finding["check"]: finding["count"] for finding in report["findings"]}
    assert (report["rows"], counts["row_too_large"]) == (7, 1)
    config = with_prompts_of(cli, repo_id, "long-line-prompts")
    report = cli.json("generate", str(config))
    assert (report["made"], report["dropped"]) == (6, {"row_too_large": 1})


def test_a_missing_column_of_a_json_row_is_null_and_a_broken_row_has_a_reason(cli: CommandLine, stack: Stack) -> None:
    rows = [{"prompt": "Why?"}, {"prompt": "How?", "kind": "b"}, {"kind": "c"}]
    repo_id = publish(stack, "uneven", {"train.jsonl": lines(rows)})
    config = with_prompts_of(cli, repo_id, "uneven", 'category_column = "kind"')
    report = cli.json("generate", str(config))
    assert (report["made"], report["dropped"]) == (2, {"empty": 1})
    repo_id = publish(stack, "broken-line", {"train.jsonl": lines(rows) + b"{broken\n"})
    config = with_prompts_of(cli, repo_id, "broken-line", 'category_column = "kind"')
    assert re.search(
        r"broken-line@\w+, row 4, is not JSON: .* In \.jsonl each line", cli.error("generate", str(config))
    )


def with_prompts_of(cli: CommandLine, repo_id: str, name: str, more: str = "") -> Path:
    """Write a config whose prompts are those of a dataset on the Hub."""
    config = write_config(cli.folder, name)
    source = f'type = "hub"\nrepo_id = "{repo_id}"\n{more}'
    config.write_text(config.read_text().replace('type = "file"\npath = "prompts.jsonl"', source))
    return config


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_pictures_and_sounds_are_not_decoded(cli: CommandLine, stack: Stack, kind: str) -> None:
    rows = [{**pair, "seen": {"bytes": b"neither", "path": None}} for pair in PAIRS]
    files = {"README.md": CARD.format(kind).encode(), "data/train-00000-of-00001.parquet": parquet(rows)}
    assert cli.json("lint", publish(stack, f"with-{kind}", files))["rows"] == 6


def test_a_small_parquet_file_that_unfolds_to_much_is_not_read_further(cli: CommandLine, stack: Stack) -> None:
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * (1 << 20)]))
    file = io.BytesIO()
    pq.write_table(pa.table({"prompt": pa.ListArray.from_arrays([0, 400], same), "label": [True]}), file)
    repo_id = publish(stack, "bomb", {"data/train-00000-of-00001.parquet": file.getvalue()})
    sentence = cli.error("lint", repo_id)
    assert re.search(r"train-00000-of-00001\.parquet has [\d,]+ bytes and unfolds to more than 419,4", sentence)
    config = with_prompts_of(cli, repo_id, "bomb-prompts")
    assert "it is not read further" in cli.error("generate", str(config))


def test_rows_that_datasets_streams_do_not_exceed_the_memory_limit(cli: CommandLine, stack: Stack) -> None:
    unfolded = b'{"data": [{"prompt": "' + b"x" * (700 << 20) + b'"}]}'
    card = b"---\nconfigs:\n- {config_name: default, data_files: mine.json.gz, field: data}\n---\n"
    repo_id = publish(stack, "zipped", {"README.md": card, "mine.json.gz": gzip.compress(unfolded, 1)})
    sentence = cli.error("lint", repo_id)
    assert f"{repo_id}, train, needs more than 512 MB of memory to be read: it is not read further." in sentence


def test_classes_are_read_as_their_names_and_rows_have_their_numbers(cli: CommandLine, stack: Stack) -> None:
    features = datasets.Features(
        {name: datasets.Value("string") for name in PAIRS[0]} | {"category": datasets.ClassLabel(names=["edge_case"])}
    )
    rows = datasets.Dataset.from_list([{**pair, "category": 0} for pair in PAIRS], features=features)
    file = io.BytesIO()
    rows.to_parquet(file)
    noted = publish(stack, "classes", {"data/train-00000-of-00001.parquet": file.getvalue()})
    report = cli.json("lint", noted, "--safety")
    counts = {each["category"]: each["count"] for each in report["coverage"]["shares"]}
    assert counts["edge_case"] == len(PAIRS)
    examples = [example["where"] for finding in report["findings"] for example in finding["examples"]]
    assert "default/train:1" in examples


def test_a_refused_token_needs_no_right_to_write(cli: CommandLine) -> None:
    sentence = cli.error("lint", "acme/any", HF_TOKEN="hf_wrong")
    assert "HF_TOKEN was refused (401). Set HF_TOKEN to a token that has access; publishing needs a write" in sentence
