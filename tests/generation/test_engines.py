"""The three engines: the same rows for the same replies; and what the streaming one makes of pipelines of users."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distilabel.models.llms import TransformersLLM
from distilabel.pipeline import Pipeline, sample_n_steps
from distilabel.steps import GroupColumns, LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from curation.errors import AuthError, ConfigError
from curation.generation import run
from curation.generation.endpoints import EndpointsLLM
from curation.generation.engines import COLLECTED_EVERY
from curation.generation.runner import FailedRow
from curation.local.inference import Fault, Latency, Request, ScriptedServer
from tests.generation.own_steps import ALL_ASKED, Blocking, EchoLLM, Fussy, Sorted
from tests.scripts import scripted_reply

ROOT = Path(__file__).parent.parent.parent

WITH_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")


def results(what: str, engine: str, url: str, folder: Path) -> list[str]:
    """Run in a process of its own, as distilabel's engines change the process they are in."""
    file = folder / f"{what}-{engine}.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.generation.run_engine", what, engine, url, str(file)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HOME": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return file.read_text().splitlines()


def pipeline(*steps: Callable[[], Any], rows: int = 6) -> Pipeline:
    """A chain of steps after rows with an instruction each; distilabel wants them made within the pipeline."""
    with Pipeline(name="test") as built:
        last: Any = LoadDataFromDicts(data=[{"instruction": f"Question {number}"} for number in range(rows)])
        for step in steps:
            last = last >> step()
    return built


def text_generation(url: str, **options: Any) -> TextGeneration:
    return TextGeneration(name="answer", llm=EndpointsLLM(name="one", model_id="one", base_url=url, **options))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("what", "engine"),
    [("curation", "distilabel"), ("own", "distilabel"), pytest.param("curation", "ray", marks=WITH_RAY)],
)
def test_every_engine_gives_the_same_rows_for_the_same_replies(tmp_path: Path, what: str, engine: str) -> None:
    lost = Fault(kind="status", status=400, match="Question 7: why")
    with ScriptedServer(scripted_reply, faults=[lost] if what == "curation" else []) as server:
        streamed = results(what, "streaming", server.url, tmp_path)
        sent = len(server.requests)
        assert results(what, engine, server.url, tmp_path) == streamed
        assert len(server.requests) == 2 * sent
    assert len(streamed) == {"curation": 12, "own": 48}[what]


@pytest.mark.slow
def test_an_own_pipeline_runs_row_by_row_with_mappings_many_turns_and_steps_that_add_rows(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        rows = results("own", "streaming", server.url, tmp_path)
    # Twelve prompts, two generations each, two models grouped and expanded again.
    assert len(rows) == 48
    assert len(set(rows)) > 12


def test_a_row_that_a_step_raises_an_error_about_costs_no_other_row() -> None:
    rows = list(run(pipeline(lambda: Fussy(name="fussy"))))
    failed = [row for row in rows if isinstance(row, FailedRow)]
    assert [(row.step, row.error, row.row) for row in failed] == [
        ("fussy", "ValueError: no threes, please", {"instruction": "Question 3"})
    ]
    assert len(rows) == 6


def test_a_step_that_blocks_does_not_hold_the_requests_of_other_rows_back() -> None:
    asked: list[str] = []

    def reply(request: Request) -> str:
        asked.append(request.prompt)
        if len(asked) == 8:
            ALL_ASKED.set()
        return "Because."

    ALL_ASKED.clear()
    with ScriptedServer(reply) as server:
        rows = list(run(pipeline(lambda: text_generation(server.url), lambda: Blocking(name="slow"), rows=8)))
    # The step blocks with its first row until all eight have been asked.
    assert [row["released"] for row in rows if not isinstance(row, FailedRow)] == [True] * 8


def test_an_llm_without_asyncio_runs_in_a_thread_with_its_runtime_parameters() -> None:
    built = pipeline(lambda: TextGeneration(name="echo", llm=EchoLLM()))
    rows = list(run(built, parameters={"echo": {"llm": {"generation_kwargs": {"end": "!"}}}}))
    assert sorted(row["generation"] for row in rows if not isinstance(row, FailedRow)) == [
        f"QUESTION {number}!" for number in range(6)
    ]


def test_a_step_that_needs_all_rows_is_refused_with_the_engine_that_runs_it() -> None:
    with pytest.raises(ConfigError, match=r"The step 'sorted' .Sorted. needs all rows at once") as caught:
        list(run(pipeline(lambda: Sorted(name="sorted"))))
    assert caught.value.remedy == 'Use engine = "distilabel".'


def test_a_model_on_this_machine_is_refused_with_the_engine_that_runs_it() -> None:
    built = pipeline(lambda: TextGeneration(name="local", llm=TransformersLLM(model="acme/small")))
    with pytest.raises(ConfigError, match=r"The step 'local' .TextGeneration. computes on its own machine") as caught:
        list(run(built))
    assert caught.value.remedy == 'Use engine = "ray".'


@pytest.mark.slow
def test_routed_batches_are_refused_with_the_engine_that_runs_them() -> None:
    with Pipeline(name="test") as built:
        load = LoadDataFromDicts(data=[{"instruction": "Why?"}])
        tasks = [TextGeneration(name=f"t{number}", llm=EchoLLM()) for number in range(3)]
        group = GroupColumns(name="end", columns=["generation"])
        load >> sample_n_steps(2) >> tasks >> group
    with pytest.raises(ConfigError, match=r"sends whole batches to different steps.*distilabel"):
        list(run(built))


def test_a_pipeline_whose_columns_do_not_fit_is_refused_before_any_request() -> None:
    with ScriptedServer(scripted_reply) as server:
        built = pipeline(lambda: TextGeneration(name="t", llm=EchoLLM(), input_mappings={"instruction": "question"}))
        with pytest.raises(ConfigError, match="'t' requires inputs"):
            list(run(built))
        assert server.requests == ()


@pytest.mark.slow
def test_whoever_stops_taking_rows_stops_the_run() -> None:
    with ScriptedServer(scripted_reply, latency=Latency(0.01)) as server:
        rows = run(pipeline(lambda: text_generation(server.url), rows=2000))
        next(rows)
        rows.close()
        # The server may still be busy with requests that were broken off.
        time.sleep(0.2)
        while server.stats.in_flight:
            time.sleep(0.05)
        sent = len(server.requests)
        assert sent < 1000
        time.sleep(0.2)
        assert len(server.requests) == sent
    assert not [thread for thread in threading.enumerate() if thread.name == "generation"]


def test_the_garbage_collector_looks_more_rarely_while_rows_are_in_flight_and_only_then() -> None:
    before = gc.get_threshold()
    with ScriptedServer(scripted_reply) as server:
        rows = run(pipeline(lambda: text_generation(server.url)))
        next(rows)
        assert gc.get_threshold()[0] == max(COLLECTED_EVERY, before[0])
        rows.close()
    assert gc.get_threshold() == before


@pytest.mark.slow
def test_rows_that_nobody_takes_are_not_piled_up() -> None:
    with ScriptedServer(scripted_reply) as server:
        rows = run(pipeline(lambda: text_generation(server.url), rows=5000))
        next(rows)
        time.sleep(1.5)
        assert len(server.requests) < 1200
        rows.close()


def test_an_error_that_ends_the_run_comes_after_the_rows_that_were_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    refused = Fault(kind="status", status=401, match=r"Question ([2-9]|\d\d)$")
    found: list[dict[str, Any] | FailedRow] = []
    with ScriptedServer(scripted_reply, faults=[refused], latency=Latency(0.01)) as server:
        rows = run(pipeline(lambda: text_generation(server.url, max_concurrency=2), rows=60))
        with pytest.raises(AuthError, match="refused the key"):
            found.extend(rows)
        assert len(server.requests) < 20
    assert len([row for row in found if not isinstance(row, FailedRow) and row["generation"]]) == 2
