"""The steps of review in a distilabel pipeline, and the documentation's example on both engines, on a real Argilla."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts

from curation.errors import ConfigError, MissingError
from curation.generation import run
from curation.generation.runner import FailedRow
from curation.local import Stack
from curation.local.inference import ScriptedServer
from curation.review.page import plain_fields
from curation.steps import ReviewFromArgilla, ReviewToArgilla
from tests.scripts import scripted_reply

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "distilabel.md").read_text(encoding="utf-8")
BUILD, ON_OURS, ON_STOCK = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
KEY = "argilla.apikey-that-nobody-may-see"

ROWS: list[dict[str, Any]] = [
    {"instruction": "Q1", "generations": ["good", "bad"]},
    {"instruction": "Q2", "generations": ["only", None]},
    {"instruction": None, "generations": ["a", "b"]},
]


def pipeline(*steps: str, rows: list[dict[str, Any]], **options: Any) -> Pipeline:
    kinds = {"push": ReviewToArgilla, "pull": ReviewFromArgilla}
    with Pipeline(name="test") as built:
        last: Any = LoadDataFromDicts(name="load", data=rows)
        for step in steps:
            last = last >> kinds[step](name=step, **options)
    return built


def rows_of(built: Pipeline) -> list[dict[str, Any]]:
    rows = list(run(built))
    assert not [row for row in rows if isinstance(row, FailedRow)]
    return [row for row in rows if isinstance(row, dict)]


@pytest.fixture
def argilla(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    """A client of the stack's Argilla, whose address and key are in the environment."""
    monkeypatch.setenv("ARGILLA_API_URL", stack.argilla.url)
    monkeypatch.setenv("ARGILLA_API_KEY", stack.argilla.api_key)
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    with closing(httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=60)) as client:
        yield client


def records(client: httpx2.Client, dataset: str) -> list[dict[str, Any]]:
    datasets = client.get("/me/datasets").raise_for_status().json()["items"]
    [dataset_id] = [item["id"] for item in datasets if item["name"] == dataset]
    items: list[dict[str, Any]] = client.get(f"/datasets/{dataset_id}/records").raise_for_status().json()["items"]
    return items


def answer(client: httpx2.Client, record: dict[str, Any], preference: str, **others: Any) -> None:
    values = {"preference": {"value": preference}, **{name: {"value": value} for name, value in others.items()}}
    body = {"status": "submitted", "values": values}
    client.post(f"/records/{record['id']}/responses", json=body).raise_for_status()


def example(code: str, folder: Path, **environment: str) -> str:
    """Run the example in a process of its own, because distilabel's runner changes the process it is in."""
    script = folder / "example.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HOME": str(folder), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.stack
def test_the_example_runs_on_both_engines_and_gives_what_people_answered(
    argilla: httpx2.Client, tmp_path: Path
) -> None:
    assert len(BUILD.strip().splitlines()) <= 22
    with ScriptedServer(scripted_reply) as server:
        environment = {"CURATION_INFERENCE_URL": server.url}
        assert example(BUILD + ON_OURS, tmp_path, **environment) == "None unreviewed"
        assert example(BUILD + ON_STOCK, tmp_path, **environment) == "None unreviewed"
        [record] = records(argilla, "sky")
        answer(argilla, record, "b")
        better = plain_fields(record["fields"])["response_b"]
        assert example(BUILD + ON_STOCK, tmp_path, **environment) == f"{better} None"
        assert example(BUILD + ON_OURS, tmp_path, **environment) == f"{better} None"
    assert len(records(argilla, "sky")) == 1


@pytest.mark.stack
def test_rows_that_were_saved_are_read_by_a_second_pipeline(argilla: httpx2.Client) -> None:
    pushed = rows_of(pipeline("push", rows=ROWS, dataset_name="saved"))
    assert [row["not_shown"] for row in pushed] == [None, "fewer_than_two_answers", "no_prompt"]
    [record] = records(argilla, "saved")
    assert record["external_id"] == pushed[0]["review_records"][0]["id"]
    shown = [ROWS[0]["generations"][place] for place in pushed[0]["review_records"][0]["shown"]]
    fields = plain_fields(record["fields"])
    assert [fields["response_a"], fields["response_b"]] == shown
    answer(argilla, record, "a" if shown[0] == "good" else "b", edit="best")

    pulled = rows_of(pipeline("pull", rows=pushed, dataset_name="saved"))
    assert [row["scores"] for row in pulled] == [[1.0, 0.0], [None, None], [None, None]]
    assert [row["unresolved"] for row in pulled] == [None, "fewer_than_two_answers", "no_prompt"]
    assert [(row["chosen"], row["rejected"]) for row in pulled] == [("best", "bad"), (None, None), (None, None)]
    assert (pulled[0]["reviewers"], pulled[0]["label_source"], pulled[0]["edits"]) == (1, "human", ["best"])

    two = rows_of(pipeline("pull", rows=pushed, dataset_name="saved", min_reviewers=2))
    assert two[0]["unresolved"] == "too_few_reviewers"
    with pytest.raises(MissingError, match="There is no Argilla dataset 'other'"):
        rows_of(pipeline("pull", rows=pushed, dataset_name="other"))


@pytest.mark.stack
def test_one_answer_at_a_time_makes_the_scores_of_a_row_from_several_records(argilla: httpx2.Client) -> None:
    pushed = rows_of(pipeline("push", rows=ROWS[:2], dataset_name="single", task="binary"))
    assert [len(row["review_records"]) for row in pushed] == [2, 1]
    by_id = {record["external_id"]: record for record in records(argilla, "single")}
    for entry in pushed[0]["review_records"]:
        place = entry["shown"][0]
        question = argilla.get(f"/datasets/{by_id[entry['id']]['dataset_id']}/questions").json()["items"][0]
        value = "good" if ROWS[0]["generations"][place] == "good" else "bad"
        body = {"status": "submitted", "values": {question["name"]: {"value": value}}}
        argilla.post(f"/records/{by_id[entry['id']]['id']}/responses", json=body).raise_for_status()
    pulled = rows_of(pipeline("pull", rows=pushed, dataset_name="single", task="binary"))
    assert [row["scores"] for row in pulled] == [[1.0, 0.0], [None, None]]
    assert [row["unresolved"] for row in pulled] == [None, "unreviewed"]


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince211")
def test_no_key_is_in_a_pipeline_that_is_saved_and_it_can_be_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARGILLA_API_KEY", KEY)
    options = {"api_url": "http://127.0.0.1:9", "task_options": {"scale": 7}}
    built = pipeline("push", "pull", rows=ROWS, dataset_name="d", **options)
    built.save(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if KEY in file.read_text(encoding="utf-8")]
    assert KEY not in str(built.dump())
    again = Pipeline.from_dict(built.dump()).dag.get_step("push")["step"]
    assert isinstance(again, ReviewToArgilla)
    assert (again.task_options, again.dataset_name) == ({"scale": 7}, "d")


@pytest.mark.parametrize("url", ["http://ann:secret@127.0.0.1:9", "http://127.0.0.1:9?token=secret", "nowhere"])
def test_an_address_with_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="without a key; the key is read from ARGILLA_API_KEY"):
        pipeline("push", rows=ROWS, dataset_name="d", api_url=url)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"task": "pears"}, "There is no review task 'pears'; there are pairwise, binary"),
        ({"task_options": {"scale": 5}}, "The options of the review task 'pairwise' are wrong: scale"),
        ({}, "ARGILLA_API_URL and ARGILLA_API_KEY not set"),
    ],
)
def test_what_is_wrong_is_named_before_a_row_is_read(
    options: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ARGILLA_API_URL", "ARGILLA_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=sentence):
        list(run(pipeline("push", rows=ROWS, dataset_name="d", **options)))
