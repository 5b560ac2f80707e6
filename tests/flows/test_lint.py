"""`curation lint` as users run it: on files and on the local Hub, with the right exit codes and sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from tests.conftest import CommandLine
from tests.quality.test_tokens import needs_transformers, write_tokenizer
from tests.stages.test_lint import NOT_COUNTED, labelled, pair, said, write

pytestmark = pytest.mark.stack

CARD = """---
configs:
- config_name: dpo
  data_files:
  - {split: train, path: dpo/train-*.parquet}
  - {split: test, path: dpo/test-*.parquet}
- config_name: kto
  data_files: [{split: train, path: kto/train-*.parquet}]
- config_name: sft
  data_files: [{split: train, path: sft/train-*.parquet}]
---
"""
TALK = [{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]}]


def publish(stack: Stack, folder: Path, name: str, files: dict[str, list[dict[str, Any]]]) -> str:
    """Put Parquet files with a card on the local Hub; return the dataset's id."""
    for path, rows in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / path)
    (folder / "README.md").write_text(CARD)
    settings = stack.settings()
    api = HfApi(endpoint=settings["HF_ENDPOINT"], token=settings["HF_TOKEN"])
    repo_id = f"{api.whoami()['name']}/{name}"
    api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
    api.upload_folder(repo_id=repo_id, folder_path=folder, repo_type="dataset")
    return repo_id


@pytest.fixture
def published(stack: Stack, tmp_path: Path) -> str:
    """A private dataset with one prompt in train and test, one pair of equal answers, and a null label."""
    return publish(
        stack,
        tmp_path / "checkout",
        "lint-me",
        {
            "dpo/train-00.parquet": [pair(number) for number in range(20)],
            "dpo/test-00.parquet": [pair(3, rejected=said("Nobody can say.")), pair(30, chosen=pair(30)["rejected"])],
            "kto/train-00.parquet": [labelled(0), labelled(1, label=False), labelled(2, label=None)],
            "sft/train-00.parquet": TALK,
        },
    )


def errors(report: dict[str, Any]) -> dict[str, int]:
    return {found["check"]: found["count"] for found in report["findings"] if found["severity"] == "error"}


def test_all_configs_of_a_dataset_on_the_hub_are_linted(cli: CommandLine, published: str) -> None:
    report = cli.json("lint", published, exit_code=1)
    assert errors(report) == {"prompt_in_two_splits": 1, "identical": 1, "label_missing": 1}
    assert [(split["config"], split["split"], split["rows"]) for split in report["splits"]] == [
        ("dpo", "train", 20),
        ("dpo", "test", 2),
        ("kto", "train", 3),
    ]
    assert report["notes"] == [
        "The config sft contains no preferences and was skipped.",
        NOT_COUNTED,
    ]
    [example] = [found["examples"] for found in report["findings"] if found["check"] == "identical"]
    assert [row["where"] for row in example] == ["dpo/test:2"]


def test_one_config_and_split_of_the_hub_can_be_named(cli: CommandLine, published: str) -> None:
    assert errors(cli.json("lint", published, "--config", "dpo", "--split", "train")) == {}
    sentence = cli.error("lint", published, "--config", "reward")
    assert "has no config 'reward'; it has dpo, kto, sft." in sentence
    assert "it has test, train." in cli.error("lint", published, "--config", "dpo", "--split", "dev")


def test_a_checkout_of_the_dataset_gives_the_same_errors(cli: CommandLine, published: str) -> None:
    local = cli.json("lint", "checkout", exit_code=1)
    assert errors(local) == {"prompt_in_two_splits": 1, "identical": 1, "label_missing": 1}
    assert local["notes"] == [
        "The config sft contains no preferences and was skipped.",
        NOT_COUNTED,
    ]


def test_a_dataset_that_is_not_on_the_hub_is_an_error(cli: CommandLine) -> None:
    sentence = cli.error("lint", "nobody/nothing-here")
    assert "nobody/nothing-here is no file or folder here, and no dataset on http://127.0.0.1" in sentence


def test_a_hub_that_does_not_answer_is_a_temporary_problem(cli: CommandLine) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "CURATION_PATIENCE": "1"}
    assert "did not answer" in cli.error("lint", "acme/any", exit_code=3, **nowhere)


def test_people_read_a_table_and_programs_an_object(cli: CommandLine) -> None:
    write(cli.folder / "clean.jsonl", [pair(number) for number in range(10)])
    done = cli.run("lint", "clean.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "clean.jsonl: 10 rows, 10 different prompts."
    assert done.stdout.splitlines()[-1] == "Clean: no errors and no warnings."
    assert cli.run("lint", "clean.jsonl", "--format", "quiet").stdout == ""
    report = json.loads(cli.run("lint", "clean.jsonl", "--format", "json", "--safety", "--use", "domain").stdout)
    assert (report["safety"], report["use"], report["coverage"]["total"]) == (True, "domain", 10)


@pytest.mark.train
@needs_transformers
def test_tokens_are_counted_with_a_tokenizer_without_other_output(cli: CommandLine) -> None:
    write(cli.folder / "mine.jsonl", [*(pair(number) for number in range(3)), pair(4, chosen=said("word " * 2000))])
    folder = write_tokenizer(cli.folder / "tokenizer")
    # A tokenizer warns of texts that are longer than its model takes.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 8}))
    done = cli.run("lint", "mine.jsonl", "--tokenizer", "tokenizer", "--max-length", "30", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["tokenizer"], report["max_length"]) == ("tokenizer", 30)
    assert {found["check"]: found["count"] for found in report["findings"]}["too_long"] == 1
    assert "name a folder, or owner/name" in cli.error("lint", "mine.jsonl", "--tokenizer", "missing").lower()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.jsonl", None, "There is no file or folder missing.jsonl."),
        ("empty.jsonl", "", "empty.jsonl holds no rows."),
        ("other.jsonl", '{"text": "a"}', "other.jsonl is no preference dataset: its columns are text."),
        ("notes.txt", "a", "notes.txt is no preference dataset: its columns are text"),
        ("bad.parquet", "a", "bad.parquet is no Parquet file that can be read"),
    ],
)
def test_bad_input_gives_a_sentence(cli: CommandLine, name: str, content: str | None, sentence: str) -> None:
    if content is not None:
        (cli.folder / name).write_text(content)
    assert sentence in cli.error("lint", name)
