"""The runner: rows flow on their own, few at a time, and nothing is left running."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from distilabel.pipeline import Pipeline
from distilabel.steps import GlobalStep, StepInput, StepOutput

from curation.errors import ConfigError, TemporaryError
from curation.generation import Generator, Models, UltraFeedbackJudge
from curation.generation.pipeline import build_pipeline
from curation.generation.rows import prompt_row
from curation.generation.runner import FailedRow, Row, stream
from curation.generation.tasks import LoadPrompts
from curation.local.inference import Fault, Latency, ScriptedServer
from tests.rows import make_prompt
from tests.scripts import scripted_reply

TEXTS = [f"Question {number}" for number in range(12)]


def pipeline(
    folder: Path,
    *generators: Generator,
    judge: bool = False,
    texts: Sequence[str] = TEXTS,
    cache: Path | None = None,
) -> Pipeline:
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(prompt_row(make_prompt(text))) + "\n" for text in texts))
    judges = (UltraFeedbackJudge(model_id="judge", base_url=generators[0].base_url),) if judge else ()
    return build_pipeline("test", prompts=path, models=Models(generators=generators, judges=judges), cache=cache)


def pair(url: str, **options: Any) -> tuple[Generator, Generator]:
    return (
        Generator(model_id="one", base_url=url, **options),
        Generator(model_id="two", base_url=url, **options),
    )


async def collect(built: Pipeline, **options: Any) -> list[dict[str, Any]]:
    async with aclosing(stream(built, **options)) as rows:
        found = [row async for row in rows]
    assert not [row for row in found if isinstance(row, FailedRow)]
    return [row for row in found if not isinstance(row, FailedRow)]


def run(built: Pipeline, **options: Any) -> list[dict[str, Any]]:
    return asyncio.run(collect(built, **options))


def test_every_prompt_comes_out_once_with_the_answers_in_the_order_of_the_generators(tmp_path: Path) -> None:
    with ScriptedServer(lambda request: f"{request.model}: {request.prompt}", latency=Latency(0.005, 0.03)) as server:
        rows = run(pipeline(tmp_path, *pair(server.url)))
    assert sorted(row["instruction"] for row in rows) == sorted(TEXTS)
    for row in rows:
        assert row["generation_models"] == ["one", "two"]
        assert row["generations"] == [f"one: {row['instruction']}", f"two: {row['instruction']}"]


def test_no_more_rows_are_in_flight_than_allowed(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply, latency=Latency(0.01)) as server:
        run(pipeline(tmp_path, *pair(server.url)), rows_in_flight=2)
        assert server.stats.most_in_flight == 4


def test_the_branches_of_a_row_run_at_the_same_time(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply, latency=Latency(0.02)) as server:
        run(pipeline(tmp_path, *pair(server.url), texts=TEXTS[:1]))
        assert server.stats.most_in_flight == 2


def test_no_more_requests_are_in_flight_than_each_generator_allows(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply, latency=Latency(0.005)) as server:
        run(pipeline(tmp_path, *pair(server.url, max_concurrency=2)), rows_in_flight=12)
        assert server.stats.most_in_flight == 4


def test_a_slow_row_does_not_hold_the_others_back(tmp_path: Path) -> None:
    async def all_but_one(built: Pipeline) -> list[str]:
        async with aclosing(stream(built, rows_in_flight=2)) as rows:
            return [instruction_of(await anext(rows)) for _ in TEXTS[1:]]

    slow = Fault(kind="hang", seconds=600, match="Question 0$")
    with ScriptedServer(scripted_reply, faults=[slow]) as server:
        others = asyncio.run(all_but_one(pipeline(tmp_path, *pair(server.url), judge=True)))
    assert sorted(others) == sorted(TEXTS[1:])


def instruction_of(row: Row | FailedRow) -> str:
    assert not isinstance(row, FailedRow)
    return str(row["instruction"])


def test_rows_are_read_as_they_are_needed(tmp_path: Path) -> None:
    async def first_three(built: Pipeline) -> int:
        async with aclosing(stream(built, rows_in_flight=2)) as rows:
            return len([await anext(rows) for _ in range(3)])

    with ScriptedServer(scripted_reply, latency=Latency(0.002)) as server:
        built = pipeline(tmp_path, *pair(server.url), texts=[f"Question {number}" for number in range(500)])
        assert asyncio.run(first_three(built)) == 3
        assert len(server.requests) < 20


def test_a_dead_endpoint_stops_the_run_before_any_request(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as gone:
        dead = gone.url
    with ScriptedServer(scripted_reply) as server:
        built = pipeline(
            tmp_path, Generator(model_id="one", base_url=server.url), Generator(model_id="two", base_url=dead)
        )
        with pytest.raises(TemporaryError, match=r"The endpoint of two at .* does not answer"):
            run(built)
        assert server.requests == ()


def test_a_run_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    async def cancelled(built: Pipeline) -> tuple[int, float]:
        running = asyncio.create_task(collect(built))
        while server.stats.in_flight == 0:
            await asyncio.sleep(0.01)
        started = time.perf_counter()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return len(asyncio.all_tasks()), time.perf_counter() - started

    problems: list[dict[str, Any]] = []

    async def watched(built: Pipeline) -> tuple[int, float]:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        return await cancelled(built)

    with ScriptedServer(scripted_reply, faults=[Fault(kind="hang", seconds=30)]) as server:
        tasks, seconds = asyncio.run(watched(pipeline(tmp_path, *pair(server.url))))
    assert tasks == 1
    # Each reply would have taken thirty seconds: none was waited for.
    assert seconds < 10
    assert {exchange.status for exchange in server.requests} == {499}
    assert problems == []


def test_a_consumer_that_stops_early_leaves_nothing_running(tmp_path: Path) -> None:
    async def stop_early(built: Pipeline) -> int:
        async with aclosing(stream(built)) as rows:
            await anext(rows)
            assert len(asyncio.all_tasks()) > 1
        return len(asyncio.all_tasks())

    with ScriptedServer(scripted_reply, faults=[Fault(kind="hang", seconds=30, match="Question [1-9]")]) as server:
        assert asyncio.run(stop_early(pipeline(tmp_path, *pair(server.url)))) == 1


@pytest.mark.slow
def test_rows_that_the_cache_answers_are_through_at_once_and_cost_no_task(tmp_path: Path) -> None:
    async def count_tasks(built: Pipeline) -> tuple[list[str], int]:
        tasks = 0

        def create(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            nonlocal tasks
            tasks += 1
            return asyncio.Task(coroutine, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(create)
        return [row["instruction"] for row in await collect(built)], tasks

    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(scripted_reply, latency=Latency(0.005, 0.03)) as server:
        models = pair(server.url)
        run(pipeline(tmp_path, *models, judge=True, texts=TEXTS[2:], cache=cache))
        rows, few = asyncio.run(count_tasks(pipeline(tmp_path, *models, judge=True, cache=cache)))
        # What the cache has comes in its order, before the two rows that had to be asked.
        assert rows[:10] == TEXTS[2:]
        assert sorted(rows) == sorted(TEXTS)
        rows, none = asyncio.run(count_tasks(pipeline(tmp_path, *models, judge=True, cache=cache)))
        assert rows == TEXTS
        # The two had a task for each generator and one for the row, besides those of the connections.
        assert few - none >= 6
        assert none < len(TEXTS)
        assert len(server.requests) == 3 * len(TEXTS)


def test_a_row_that_has_only_just_begun_is_given_up_like_any(tmp_path: Path) -> None:
    async def first(built: Pipeline) -> tuple[str, int]:
        async with aclosing(stream(built)) as rows:
            row = await anext(rows)
        assert not isinstance(row, FailedRow)
        return str(row["instruction"]), len(asyncio.all_tasks())

    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(scripted_reply) as server:
        run(pipeline(tmp_path, *pair(server.url), texts=TEXTS[1:], cache=cache))
        # The first row is not in the cache; the second is, and comes before the task of the first has begun.
        assert asyncio.run(first(pipeline(tmp_path, *pair(server.url), cache=cache))) == (TEXTS[1], 1)


def test_no_prompts_are_no_rows(tmp_path: Path) -> None:
    with ScriptedServer(scripted_reply) as server:
        assert run(pipeline(tmp_path, *pair(server.url), texts=[])) == []


class Sorted(GlobalStep):  # type: ignore[misc]
    def process(self, inputs: StepInput) -> StepOutput:
        yield inputs


def test_a_step_that_needs_all_rows_is_refused(tmp_path: Path) -> None:
    with Pipeline(name="test") as built:
        LoadPrompts(name="load", path=str(tmp_path / "x")) >> Sorted(name="sorted")
    with pytest.raises(ConfigError, match=r"The step 'sorted' .Sorted. needs all rows at once"):
        run(built)


def test_a_pipeline_with_two_ends_is_refused(tmp_path: Path) -> None:
    with Pipeline(name="test") as built:
        load = LoadPrompts(name="load", path=str(tmp_path / "x"))
        load >> [Sorted(name="one"), Sorted(name="two")]
    with pytest.raises(ConfigError, match=r"1 first steps \(load\) and 2 last steps \(one, two\)"):
        run(built)
