"""Datasets of the Hub that cannot be read are said in a sentence; pictures and sounds need not be opened."""

from __future__ import annotations

import gzip
import io
import json
import re
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
        ("drifting", {"train-1.jsonl": lines(PAIRS), "train-2.jsonl": lines([{"prompt": ["x"]}])}),
        ("scripted", {"scripted.py": b"import datasets\n", "rows.jsonl": lines(PAIRS)}),
        ("broken", {"train.jsonl": b'{"prompt": "a", "chosen": \n'}),
    ],
)
def test_a_dataset_that_cannot_be_read_is_said(
    cli: CommandLine, stack: Stack, name: str, files: dict[str, bytes]
) -> None:
    repo_id = publish(stack, name, files)
    done = cli.run("lint", repo_id, "--format", "json")
    assert (done.returncode, done.stdout) == (1, "")
    # One object, and no line of `datasets` before it.
    error = json.loads(done.stderr)
    assert error["error"] == "DataError"
    assert repo_id in error["message"]


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_pictures_and_sounds_are_not_opened(cli: CommandLine, stack: Stack, kind: str) -> None:
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
    config = write_config(cli.folder, "bomb-prompts")
    config.write_text(
        config.read_text().replace('type = "file"\npath = "prompts.jsonl"', f'type = "hub"\nrepo_id = "{repo_id}"')
    )
    assert "it is not read further" in cli.error("generate", str(config))


def test_what_datasets_reads_takes_no_more_than_so_much_memory(cli: CommandLine, stack: Stack) -> None:
    unfolded = b'{"data": [{"prompt": "' + b"x" * (700 << 20) + b'"}]}'
    card = b"---\nconfigs:\n- {config_name: default, data_files: mine.json.gz, field: data}\n---\n"
    repo_id = publish(stack, "zipped", {"README.md": card, "mine.json.gz": gzip.compress(unfolded, 1)})
    sentence = cli.error("lint", repo_id)
    assert f"{repo_id}, train, needs more than 512 MB of memory to be read: it is not read further." in sentence


def test_classes_are_read_by_name_and_rows_by_their_number(cli: CommandLine, stack: Stack) -> None:
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
