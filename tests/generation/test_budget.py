"""The cap on what a curation may cost: no row is begun that could go beyond it, and nearly all of it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from curation.generation import (
    Amount,
    Budget,
    BudgetGate,
    Evolver,
    Generator,
    Meter,
    Models,
    UltraFeedbackJudge,
    estimate,
    generate_candidate_sets,
    spooled,
    stage_meters,
)
from curation.generation.cache import RequestCache
from curation.generation.estimates import CHAT_TOKENS, estimate_run
from curation.generation.meter import NOTHING, StageMeter
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from tests.rows import make_prompt

ANSWER, JUDGED = (10, 40), (100, 20)
ROW = 2 * sum(ANSWER) + sum(JUDGED)
DOLLARS_PER_TOKEN = 0.001


class Run(NamedTuple):
    """What a run with a budget came to."""

    sets: int
    gate: BudgetGate
    meter: Meter

    @property
    def tokens(self) -> int:
        """All that counts against the budget."""
        return self.gate.used.tokens


def serving(
    *faults: Fault, answer: tuple[int, int] = ANSWER, judged: tuple[int, int] = JUDGED, rating: str = "Rating: "
) -> ScriptedServer:
    """Return a server whose replies have these tokens, in and out; a judge's ratings begin with `rating`."""

    def reply(request: Request) -> Reply:
        if read_judge_prompt(request.messages[:2]) is None:
            return Reply(text=f"{request.model} says.", prompt_tokens=answer[0], completion_tokens=answer[1])
        text = ultrafeedback_reply(request.messages[:2]).replace("Rating: ", rating)
        return Reply(text=text, prompt_tokens=judged[0], completion_tokens=judged[1])

    return ScriptedServer(reply, faults=faults)


def all_models(server: ScriptedServer, *, evolve: bool = False, **judge: Any) -> Models:
    options: dict[str, Any] = {
        "base_url": server.url,
        "max_new_tokens": 50,
        "max_attempts": 1,
        "price_in": 1e6 * DOLLARS_PER_TOKEN,
        "price_out": 1e6 * DOLLARS_PER_TOKEN,
    }
    return Models(
        generators=tuple(Generator(model_id=name, **options) for name in ("one", "two")),
        evolve=(Evolver(model_id="large", **options),) if evolve else (),
        judges=(UltraFeedbackJudge(model_id="judge", **options, **judge),),
    )


def spend(
    server: ScriptedServer,
    budget: Budget,
    *,
    prompts: int = 100,
    spent: Amount = NOTHING,
    cache: Path | None = None,
    **options: Any,
) -> Run:
    """Ask as many prompts as the budget lets, as the stage does."""
    models, meter = all_models(server, **options), Meter()
    with spooled(make_prompt(f"Question {number:02}") for number in range(prompts)) as spool:
        meter.start(stage_meters(models), prompts=spool.prompts)
        expected = estimate(spool, models, cache=cache)
        gate = BudgetGate(budget, meter, estimate=expected, longest_prompt=spool.longest, spent=spent)
        sets = generate_candidate_sets("test", spool, models=models, meter=meter, room=gate.room, cache=cache)
        return Run(sum(1 for _ in sets), gate, meter)


def nearly_used_up(done: Run, tokens: int, *, row: int = ROW) -> bool:
    return tokens - 2 * row < done.tokens <= tokens


@pytest.mark.parametrize("values", [{"money": 0}, {"money": -1.0}, {"tokens": 0}, {}, {"euro": 5}])
def test_a_budget_is_of_money_or_tokens_and_not_zero(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(values)


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [9_000, 12_345, 20_000])
def test_a_budget_of_tokens_is_kept_and_nearly_used_up(tokens: int) -> None:
    with serving() as server:
        done = spend(server, Budget(tokens=tokens))
    assert nearly_used_up(done, tokens)
    assert done.tokens == done.sets * ROW == done.meter.progress().tokens
    assert done.gate.closed


@pytest.mark.slow
@pytest.mark.parametrize("money", [9.0, 12.345, 20.0])
def test_a_budget_of_money_is_kept_and_nearly_used_up(money: float) -> None:
    with serving() as server:
        done = spend(server, Budget(money=money))
    assert money - 2 * ROW * DOLLARS_PER_TOKEN < done.gate.used.usd <= money
    assert done.gate.used.usd == pytest.approx(done.sets * ROW * DOLLARS_PER_TOKEN)
    assert done.meter.progress().cost == pytest.approx(done.gate.used.usd)
    assert done.gate.closed


@pytest.mark.slow
@pytest.mark.parametrize("budget", [Budget(tokens=10_000, money=100.0), Budget(tokens=10**6, money=10.0)])
def test_of_two_budgets_the_first_to_be_reached_counts(budget: Budget) -> None:
    with serving() as server:
        done = spend(server, budget)
    assert nearly_used_up(done, 10_000)
    assert done.gate.closed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({"order": "swap"}, ROW + sum(JUDGED)),
        ({"aspects": ("honesty", "helpfulness", "truthfulness")}, ROW + 2 * sum(JUDGED)),
        ({"evolve": True}, ROW + sum(ANSWER)),
    ],
)
def test_every_request_of_a_row_counts(options: dict[str, Any], row: int) -> None:
    with serving() as server:
        done = spend(server, Budget(tokens=25_000), **options)
    assert nearly_used_up(done, 25_000, row=row)
    assert done.tokens == done.sets * row


@pytest.mark.slow
def test_a_budget_is_kept_though_every_judgement_is_asked_for_twice() -> None:
    with serving(rating="Rating: about ") as server:
        done = spend(server, Budget(tokens=10_000))
        assert server.stats.requests == {"one": done.sets, "two": done.sets, "judge": 2 * done.sets}
    assert nearly_used_up(done, 10_000, row=ROW + sum(JUDGED))


@pytest.mark.slow
def test_a_budget_is_kept_though_requests_cost_more_than_was_estimated(tmp_path: Path) -> None:
    # Earlier replies had one token; now each prompt has several times as many as its bytes led to expect.
    cache = tmp_path / "requests.sqlite"
    with RequestCache(cache) as opened:
        for model in ("one", "two", "judge"):
            opened.put(model, {"output_tokens": 1, "seconds": 0.1}, model=model)
    with serving(answer=(70, 50), judged=(1000, 50)) as server:
        done = spend(server, Budget(tokens=20_000), cache=cache)
    assert nearly_used_up(done, 20_000, row=2 * 120 + 1050)


@pytest.mark.slow
def test_a_budget_that_is_not_reached_stops_nothing() -> None:
    with serving() as server:
        done = spend(server, Budget(tokens=10**6), prompts=20)
    assert done.sets == 20
    assert not done.gate.closed


def test_a_budget_below_what_one_row_may_cost_asks_nothing() -> None:
    with serving() as server:
        done = spend(server, Budget(tokens=1000))
        assert server.requests == ()
    assert done.sets == 0
    assert done.gate.used == NOTHING
    assert done.gate.row.tokens > 1000
    assert done.gate.closed


@pytest.mark.slow
def test_what_earlier_runs_spent_counts() -> None:
    with serving() as server:
        done = spend(server, Budget(tokens=20_000), spent=Amount(0.0, 10_000))
        assert nearly_used_up(done, 20_000)
        assert done.sets * ROW == done.tokens - 10_000
        assert spend(server, Budget(money=10.0), spent=Amount(9.9, 0)).sets == 0


@pytest.mark.slow
def test_replies_from_the_cache_count_as_used_and_are_not_paid_for_again(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with serving() as server:
        assert spend(server, Budget(tokens=10**6), prompts=60, cache=cache).sets == 60
        server.reset()
        done = spend(server, Budget(tokens=10_000), prompts=60, cache=cache)
        assert server.requests == ()
    assert nearly_used_up(done, 10_000)
    assert done.gate.used.usd == pytest.approx(done.tokens * DOLLARS_PER_TOKEN)
    progress = done.meter.progress()
    assert (progress.cost, progress.tokens) == (0.0, 0)
    assert sum(stage.cached for stage in progress.stages) == 3 * done.sets


@pytest.mark.slow
def test_a_reply_without_token_counts_is_taken_to_cost_what_the_estimate_says() -> None:
    uncounted = json.dumps({"choices": [{"message": {"content": "So."}}]})
    silent = [Fault(kind="status", status=200, body=uncounted, model=model) for model in ("one", "two")]
    with serving(*silent) as server:
        done = spend(server, Budget(tokens=10_000))
    one, two, judge = done.meter.stages
    # "Question 00" has 11 bytes, and an answer at most 50 tokens.
    assert one.assumed.tokens == two.assumed.tokens == round(11 / 4 + 50)
    row = 2 * one.assumed.tokens + sum(JUDGED)
    assert nearly_used_up(done, 10_000, row=row)
    assert done.tokens == done.sets * row
    assert one.used.usd == pytest.approx(done.sets * one.assumed.usd)
    assert one.assumed.usd == pytest.approx((11 / 4 + 50) * DOLLARS_PER_TOKEN, rel=0.01)
    assert done.meter.progress().tokens == done.sets * sum(JUDGED)
    assert done.meter.progress().cost is None
    assert judge.cost == pytest.approx(done.sets * sum(JUDGED) * DOLLARS_PER_TOKEN)


def test_requests_that_fail_use_up_nothing() -> None:
    with serving(Fault(kind="status", status=400, model="one", match="[02468]$")) as server:
        done = spend(server, Budget(tokens=10**6), prompts=8)
    assert done.sets == 8
    assert done.tokens == 8 * sum(ANSWER) + 4 * (sum(ANSWER) + sum(JUDGED))


def gate_of(budget: Budget, *, spent: Amount = NOTHING) -> tuple[BudgetGate, StageMeter]:
    """Return the gate of one generator that may write 90 tokens, for prompts of 40 bytes, and its meter."""
    models, meter = Models(generators=(Generator(model_id="one", max_new_tokens=90),)), Meter()
    meter.start(stage_meters(models), prompts=10)
    expected = estimate_run(models, prompts=10, prompt_bytes=400, experience={})
    return BudgetGate(budget, meter, estimate=expected, longest_prompt=40, spent=spent), meter.stages[0]


MOST = 40 + CHAT_TOKENS + 90


@pytest.mark.parametrize(("tokens", "room"), [(MOST - 1, [False]), (MOST, [True, False]), (2 * MOST, [True, False])])
def test_the_first_row_goes_alone_and_may_cost_the_most_that_is_possible(tokens: int, room: list[bool]) -> None:
    gate, _ = gate_of(Budget(tokens=tokens))
    assert gate.row.tokens == MOST
    assert [gate.room(in_flight) for in_flight in range(len(room))] == room
    assert gate.closed is (tokens < MOST)


def test_after_the_first_reply_every_row_on_its_way_may_cost_what_the_dearest_did() -> None:
    gate, stage = gate_of(Budget(tokens=5000))
    for output_tokens in (10, 140, 20):
        stage.replied(60, output_tokens)
    assert (gate.used.tokens, gate.row.tokens) == (350, 200)
    # 4,650 are left.
    assert [gate.room(in_flight) for in_flight in (0, 22, 23)] == [True, True, False]


def test_the_gate_is_closed_only_once_nothing_is_on_its_way() -> None:
    gate, stage = gate_of(Budget(tokens=250), spent=Amount(0.0, 50))
    stage.replied(60, 40)
    assert not gate.room(1)
    assert not gate.closed
    assert gate.room(0)
    stage.replied(60, 40)
    assert not gate.room(0)
    assert gate.closed
