"""What a run has done so far, stage by stage: counts of requests, tokens and dollars, and a line that says it all."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tenacity

from curation.generation import (
    Amount,
    Evolver,
    Generator,
    Meter,
    Models,
    RunProgress,
    UltraFeedbackJudge,
    client,
    stage_meters,
)
from curation.generation import meter as meter_module
from curation.generation.meter import NOTHING, StageMeter, StageProgress
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import CandidateSet, Failure, Usage
from tests.rows import made_sets, make_prompt, make_set

PRICED = {"price_in": 1.0, "price_out": 10.0}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


def answer(request: Request) -> Reply:
    if read_judge_prompt(request.messages) is not None:
        return Reply(text=ultrafeedback_reply(request.messages), prompt_tokens=100, completion_tokens=20)
    return Reply(text=f"{request.model} says.", prompt_tokens=10, completion_tokens=40)


def models(server: ScriptedServer, **options: Any) -> Models:
    place: dict[str, Any] = {"base_url": server.url, "max_attempts": 2, **options}
    return Models(
        generators=tuple(Generator(model_id=name, **place) for name in ("one", "two")),
        evolve=(Evolver(model_id="large", **place),),
        judges=(UltraFeedbackJudge(model_id="judge", **place),),
    )


def measured(
    models: Models, *, prompts: int = 6, **options: Any
) -> tuple[list[CandidateSet], dict[str, StageProgress]]:
    """Return the sets of a run and its progress at the end, by stage."""
    meter = Meter()
    sets = made_sets(models, [make_prompt(f"Question {number}") for number in range(prompts)], meter=meter, **options)
    progress = meter.progress()
    assert (progress.prompts, progress.done) == (prompts, prompts)
    return sets, {stage.stage: stage for stage in progress.stages}


def test_every_stage_counts_its_own_requests_tokens_and_dollars() -> None:
    with ScriptedServer(answer) as server:
        _, stages = measured(models(server, **PRICED, max_concurrency=3))
    assert list(stages) == ["generate one", "generate two", "evolve evolved", "judge judge"]
    for name, stage in stages.items():
        tokens = (100, 20) if name == "judge judge" else (10, 40)
        assert (stage.done, stage.cached, stage.failed, stage.in_flight, stage.limit) == (6, 0, 0, 0, 3)
        assert (stage.input_tokens, stage.output_tokens) == (6 * tokens[0], 6 * tokens[1])
        assert stage.cost == pytest.approx(6 * (tokens[0] + 10 * tokens[1]) / 1e6)
        assert stage.per_second > 0


def test_what_comes_from_the_cache_is_counted_apart_and_costs_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(answer) as server:
        measured(models(server, **PRICED), prompts=4, cache=cache)
        _, stages = measured(models(server, **PRICED), prompts=6, cache=cache)
    for stage in stages.values():
        assert (stage.done, stage.cached, stage.failed) == (2, 4, 0)
    assert stages["generate one"].cost == pytest.approx(2 * (10 + 10 * 40) / 1e6)


def test_a_request_that_fails_after_all_its_attempts_is_one_failure() -> None:
    with ScriptedServer(answer, faults=[Fault(kind="status", status=500, model="one", match="[024]$")]) as server:
        sets, stages = measured(models(server))
    assert (stages["generate one"].done, stages["generate one"].failed) == (3, 3)
    assert (stages["generate two"].done, stages["generate two"].failed) == (6, 0)
    assert sum(len(found.failures) for found in sets) == 3


def test_a_request_that_succeeds_at_last_is_no_failure() -> None:
    with ScriptedServer(answer, faults=[Fault(kind="status", status=500, attempts=1)]) as server:
        _, stages = measured(models(server), prompts=2)
        assert server.stats.statuses == {"200": 8, "500": 8}
    assert [(stage.done, stage.failed) for stage in stages.values()] == [(2, 0)] * 4


def test_while_requests_are_on_their_way_they_are_counted_up_to_the_limit() -> None:
    meter, seen = Meter(), []

    def reply(request: Request) -> str:
        [stage] = meter.progress().stages
        seen.append((stage.in_flight, stage.limit))
        return "So."

    with ScriptedServer(reply) as server:
        generator = Generator(model_id="one", base_url=server.url, max_concurrency=3)
        made_sets(Models(generators=(generator,)), [make_prompt(f"Question {n}") for n in range(9)], meter=meter)
    assert len(seen) == 9
    assert {in_flight for in_flight, _ in seen} <= {1, 2, 3}
    assert {limit for _, limit in seen} == {3}
    assert meter.stages[0].in_flight == 0


def test_a_limit_that_follows_the_server_is_told_as_a_story() -> None:
    meter = Meter()
    pushing_back = Fault(kind="status", status=429, attempts=1, headers={"Retry-After": "0"})
    with ScriptedServer(answer, faults=[pushing_back]) as server:
        generator = Generator(model_id="one", base_url=server.url, max_concurrency=4)
        made_sets(Models(generators=(generator,)), [make_prompt(f"Question {n}") for n in range(8)], meter=meter)
    story = meter.story.popleft()
    assert story.startswith("answers: one: 4 -> ")
    assert story.endswith(" of 4 replies were 429 or timeouts.")


def test_a_story_keeps_its_newest_sentences() -> None:
    meter = Meter()
    meter.story.extend(str(number) for number in range(1500))
    assert (len(meter.story), meter.story.popleft()) == (1000, "500")


def stage(**prices: float) -> StageMeter:
    return StageMeter("generate one", Generator(model_id="one", **prices))


def test_a_reply_adds_its_tokens_and_its_cost() -> None:
    one = stage(**PRICED)
    one.replied(100, 20)
    one.replied(50, 5)
    assert (one.done, one.cached, one.input_tokens, one.output_tokens) == (2, 0, 150, 25)
    assert one.cost == pytest.approx(400e-6)
    assert one.used == pytest.approx((400e-6, 175))
    assert one.dearest == pytest.approx((300e-6, 120))


def test_the_dearest_reply_may_be_another_in_tokens_than_in_dollars() -> None:
    one = stage(**PRICED)
    one.replied(1000, 1)
    one.replied(10, 200)
    assert one.dearest == pytest.approx((2010e-6, 1001))


def test_a_cached_reply_is_used_but_neither_done_nor_paid_for() -> None:
    one = stage(**PRICED)
    one.replied(100, 20, cached=True)
    assert (one.done, one.cached, one.input_tokens, one.output_tokens, one.cost) == (0, 1, 0, 0, 0.0)
    assert one.used == one.dearest == pytest.approx((300e-6, 120))


@pytest.mark.parametrize("counts", [(None, 20), (100, None), (None, None)])
def test_a_reply_without_counts_makes_the_cost_unknown_and_uses_what_was_assumed(
    counts: tuple[int | None, int | None],
) -> None:
    one = stage(**PRICED)
    one.assumed = Amount(0.5, 700)
    one.replied(100, 20)
    one.replied(*counts)
    one.replied(100, 20)
    assert (one.done, one.cost) == (3, None)
    assert (one.input_tokens, one.output_tokens) == (200 + (counts[0] or 0), 40 + (counts[1] or 0))
    assert one.used == pytest.approx((0.5006, 940))


@pytest.mark.parametrize("prices", [{}, {"price_in": 1.0}, {"price_out": 1.0}])
def test_without_both_prices_the_cost_is_unknown_and_never_zero(prices: dict[str, float]) -> None:
    one = stage(**prices)
    assert one.cost == 0.0
    one.replied(100, 20)
    assert one.cost is None
    assert one.used == Amount(0.0, 120)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meter_module, "time", clock)
    return clock


def two_stages(*, prompts: int = 12, priced: bool = True) -> Meter:
    prices: dict[str, Any] = PRICED if priced else {}
    judge = UltraFeedbackJudge(model_id="judge", **PRICED)
    meter = Meter()
    meter.start(
        stage_meters(Models(generators=(Generator(model_id="one", **prices),), judges=(judge,))), prompts=prompts
    )
    return meter


def test_the_time_that_is_left_follows_from_the_requests_that_are_through_and_those_that_run(clock: Clock) -> None:
    meter = two_stages()
    clock.now += 30
    assert meter.progress().seconds_left is None
    answers, judgements = meter.stages
    answers.running(2, 16)
    clock.now += 10
    answers.replied(10, 40)
    answers.running(2, 16)
    # One is through and two are on their way, which is as much work as two requests in ten seconds: ten are left.
    assert meter.progress().seconds_left == pytest.approx((11 - 1) * 10 / (1 + 1))
    assert meter.progress().stages[0].per_second == pytest.approx(1 / 10)
    judgements.running(1, 16)
    clock.now += 10
    judgements.failed += 1
    judgements.running(0, 16)
    # The judge is the slower one now: eleven requests at one in ten seconds.
    assert meter.progress().seconds_left == pytest.approx(110)


def test_a_stage_that_runs_without_a_reply_so_far_is_reckoned_with(clock: Clock) -> None:
    meter = two_stages()
    answers, judgements = meter.stages
    answers.running(0, 16)
    clock.now += 10
    for _ in range(12):
        answers.replied(10, 40)
    judgements.running(6, 16)
    clock.now += 40
    # Six judgements have been running for 40 seconds: as if three were through, and nine were left.
    assert meter.progress().seconds_left == pytest.approx(9 * 40 / 3)
    assert [stage.seconds_left for stage in meter.progress().stages] == [0, None]


def test_a_few_prompts_from_the_cache_promise_nothing_while_requests_run(clock: Clock) -> None:
    meter = two_stages()
    meter.stages[0].replied(10, 40, cached=True)
    meter.finished(make_set(), counted=True)
    meter.stages[0].running(3, 16)
    clock.now += 1
    assert meter.progress().seconds_left is None


def test_where_all_came_from_the_cache_the_prompts_say_how_long_it_takes(clock: Clock) -> None:
    meter = two_stages()
    clock.now += 30
    for _ in range(3):
        meter.stages[0].replied(10, 40, cached=True)
        meter.finished(make_set(), counted=True)
    assert meter.progress().seconds_left == 90


def test_a_prompt_that_is_done_needs_no_judge_any_more(clock: Clock) -> None:
    meter = two_stages()
    answers, judgements = meter.stages
    judgements.running(0, 16)
    clock.now += 10
    judgements.replied(10, 40)
    answers.failed += 11
    for _ in range(12):
        meter.finished(make_set(), counted=True)
    assert meter.progress().seconds_left == 0


def simulated(clock: Clock, *, prompts: int, at_once: int, seconds: Callable[[], float]) -> list[tuple[float, float]]:
    """Send requests, so many at once; return after each reply the time that was said to be left, and that which was."""
    meter = Meter()
    meter.start(stage_meters(Models(generators=(Generator(model_id="one", max_concurrency=at_once),))), prompts=prompts)
    [stage] = meter.stages
    waiting = prompts
    running: list[float] = []
    said: list[tuple[float, float]] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            heapq.heappush(running, clock.now + seconds())
            waiting -= 1
            stage.running(len(running), at_once)
        clock.now = heapq.heappop(running)
        stage.replied(10, 40)
        stage.running(len(running), at_once)
        left = meter.progress().seconds_left
        assert left is not None
        said.append((left, clock.now))
    return [(left, clock.now - at) for left, at in said]


@pytest.mark.parametrize("spread", [0.2, 0.5])
def test_the_time_that_is_left_is_there_from_the_first_answer_and_steady(clock: Clock, spread: float) -> None:
    chance = random.Random(7)
    told = simulated(clock, prompts=400, at_once=16, seconds=lambda: chance.lognormvariate(1.0, spread))
    assert len(told) == 400
    first, true = told[0]
    assert true / 4 < first < 4 * true
    # From the fortieth answer on it is never off by more than a third, in the first two thirds of the run.
    assert max(abs(left / true - 1) for left, true in told[40:270]) < 0.34
    # And from one answer to the next it moves by little.
    assert max(abs(later[0] - sooner[0]) for sooner, later in pairwise(told[40:])) < 0.1 * told[0][1]


def test_before_any_time_has_passed_there_is_no_rate(clock: Clock) -> None:
    meter = two_stages()
    meter.stages[0].replied(10, 40)
    [answers, _] = meter.progress().stages
    assert (answers.per_second, answers.seconds_left) == (0.0, None)


def test_a_stage_has_a_request_of_every_prompt_or_several_and_its_own_time_left(clock: Clock) -> None:
    judge = UltraFeedbackJudge(model_id="judge", order="swap", aspects=("honesty", "helpfulness"))
    meter = Meter()
    meter.start(stage_meters(Models(generators=(Generator(model_id="one"),), judges=(judge,))), prompts=12)
    clock.now += 30
    answers, judgements = meter.stages
    for _ in range(3):
        answers.replied(10, 40)
    answers.replied(10, 40, cached=True)
    answers.failed += 2
    found = meter.progress().stages
    assert [stage.total for stage in found] == [12, 48]
    # Three answers and two failures took 30 seconds, and 6 of 12 are left; of the judge nothing is known yet.
    assert [stage.seconds_left for stage in found] == [36, None]
    for _ in range(50):
        judgements.replied(10, 40)
    assert meter.progress().stages[1].seconds_left == 0


def test_a_run_costs_what_its_stages_cost_and_unknown_if_one_is() -> None:
    known, unknown = two_stages(), two_stages(priced=False)
    for meter in (known, unknown):
        meter.stages[0].replied(100, 20)
        meter.stages[1].replied(50, 5)
    assert known.progress().cost == pytest.approx(400e-6)
    assert unknown.progress().cost is None
    assert known.progress().tokens == unknown.progress().tokens == 175


def test_a_prompt_that_did_not_come_through_is_counted_as_failed() -> None:
    meter = two_stages()
    meter.min_candidates = 2
    failure = Failure(stage="judge", generator="judge", reason="http_500", attempts=2)
    for found in (make_set(), make_set(ratings=[None]), make_set().model_copy(update={"failures": (failure,)})):
        meter.finished(found, counted=True)
    progress = meter.progress()
    assert (progress.done, progress.failed) == (3, 2)


def test_what_was_not_counted_request_by_request_is_counted_set_by_set() -> None:
    meter = two_stages()
    usage = (
        Usage(request="a", stage="generate", generator="one", input_tokens=100, output_tokens=20, cost=None),
        Usage(request="b", stage="judge", generator="judge", input_tokens=50, output_tokens=5, cost=None),
        Usage(request="c", stage="judge", generator="judge", input_tokens=None, output_tokens=None, cost=None),
    )
    meter.finished(make_set().model_copy(update={"usage": usage}), counted=True)
    assert [stage.done for stage in meter.stages] == [0, 0]
    meter.finished(make_set().model_copy(update={"usage": usage}), counted=False)
    assert [stage.done for stage in meter.stages] == [1, 2]
    assert meter.stages[0].cost == pytest.approx(300e-6)
    assert meter.stages[1].cost is None
    assert meter.progress().tokens == 175


def progress(**changes: Any) -> RunProgress:
    values: dict[str, Any] = {
        "prompts": 12_000,
        "done": 3_000,
        "failed": 7,
        "seconds": 65.4,
        "seconds_left": 3725.0,
        "cost": 0.01234,
        "tokens": 1_234_567,
        "stages": (),
    }
    return RunProgress(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "Generating: 3,000 of 12,000 prompts, 7 failed, 1,234,567 tokens, $0.0123, 1:05 so far, about 1:00:00 left",
        ),
        (
            {"cost": None, "seconds": 59.6, "seconds_left": 0.4},
            "Generating: 3,000 of 12,000 prompts, 7 failed, 1,234,567 tokens, 1:00 so far, about 0:05 left",
        ),
        (
            {"prompts": 5, "done": 0, "failed": 0, "tokens": 0, "cost": 0.0, "seconds": 0.0, "seconds_left": None},
            "Generating: 0 of 5 prompts, 0 failed, 0 tokens, 0:00 so far",
        ),
    ],
)
def test_a_run_in_one_line(changes: dict[str, Any], line: str) -> None:
    assert progress(**changes).line == line


def test_people_read_what_a_stage_does_and_whose_it_is() -> None:
    judge = UltraFeedbackJudge(model_id="large")
    generators = (Generator(model_id="meta-llama/Llama-3.1-8B"), Generator(model_id="qwen", name="brief"))
    models = Models(generators=generators, evolve=(Evolver(model_id="large"),), judges=(judge,))
    assert list(models.labels) == list(models.stages)
    assert list(models.labels.values()) == ["answers: Llama-3.1-8B", "answers: brief", "rewrites", "judge"]
    # Where the short names are alike, the whole ones stand.
    twins = (Generator(model_id="a/x"), Generator(model_id="b/x"))
    judges = (judge, UltraFeedbackJudge(model_id="fair"))
    labels = Models(generators=twins, judges=judges).labels
    assert list(labels.values()) == ["answers: a/x", "answers: b/x", "judge: large", "judge: fair"]


def test_a_meter_that_was_not_started_has_nothing_to_show() -> None:
    progress = Meter().progress()
    assert (progress.prompts, progress.stages, progress.cost, progress.tokens) == (0, (), 0, 0)
    assert stage().used == NOTHING
