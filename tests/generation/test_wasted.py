"""Replies that were paid for and are of no use: what they came to is counted in this run and in every later one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tenacity

from curation.errors import ServiceError
from curation.generation import (
    Amount,
    Budget,
    BudgetGate,
    Generator,
    Meter,
    Models,
    client,
    estimate,
    generate_candidate_sets,
    spooled,
    stage_meters,
)
from curation.generation.meter import StageMeter
from curation.local.inference import Fault, Reply, ScriptedServer
from curation.types import CandidateSet, Failure, Usage
from tests.rows import make_prompt


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


def body(message: object, *, finish_reason: str = "stop", usage: object = None) -> str:
    usage = usage or {"prompt_tokens": 20, "completion_tokens": 512}
    return json.dumps({"choices": [{"message": message, "finish_reason": finish_reason}], "usage": usage})


CUT = body({"content": None}, finish_reason="length")
RAISE = "512 tokens went into reasoning; raise max_new_tokens"
HIDDEN = {"prompt_tokens": 20, "completion_tokens": 512, "completion_tokens_details": {"reasoning_tokens": 500}}
BROKEN = '{"choices": [{"message": {"content": "half'
COUNTED = '{"usage": {"prompt_tokens": 20, "completion_tokens": 512}, "choices": [{"message": {"content": "half'


def models(url: str, **options: Any) -> Models:
    """Two generators at 1 and 2 dollars a million tokens: a reply of 20 + 512 tokens costs 1,044 millionths."""
    place: dict[str, Any] = {"base_url": url, "price_in": 1.0, "price_out": 2.0, **options}
    return Models(generators=(Generator(model_id="good", **place), Generator(model_id="bad", **place)))


def made(url: str, *, cache: Path | None = None, meter: Meter | None = None) -> CandidateSet:
    """Return the candidate set of one prompt."""
    with spooled([make_prompt()]) as spool:
        [candidate_set] = generate_candidate_sets("test", spool, models=models(url), cache=cache, meter=meter)
    return candidate_set


def bad(answer: str, **options: Any) -> Fault:
    return Fault(kind="status", status=200, body=answer, model="bad", **options)


def good(text: str = "Because.") -> Any:
    return lambda request: Reply(text=text, prompt_tokens=10, completion_tokens=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "reason", "detail", "attempts"),
    [
        (CUT, "only_reasoning", RAISE, 1),
        (body({"content": ""}, finish_reason="length"), "only_reasoning", RAISE, 1),
        (body({"content": "<think>Well, I"}, finish_reason="length"), "only_reasoning", RAISE, 1),
        (body({"content": None, "reasoning_content": "Hm."}), "only_reasoning", "512 tokens went into reasoning", 1),
        (body({"content": ""}, usage=HIDDEN), "only_reasoning", "500 tokens went into reasoning", 1),
        (body({"content": None}), "empty_reply", None, 3),
        (body({"content": "\u200b"}), "empty_reply", None, 3),
        (body({"content": None, "refusal": "I can not help."}), "refusal", "I can not help.", 1),
        (body({"content": "I"}, finish_reason="content_filter"), "content_filter", None, 1),
        (body({"content": None, "tool_calls": [{"id": "1"}]}), "tool_calls", "The model called a tool", 3),
        (COUNTED, "reply_is_not_json", None, 3),
    ],
    ids=[
        "cut",
        "cut-empty",
        "cut-thought",
        "thought",
        "hidden",
        "null",
        "invisible",
        "refusal",
        "filter",
        "tool",
        "broken",
    ],
)
def test_a_reply_of_no_use_says_what_happened_and_is_counted_to_the_token(
    tmp_path: Path, answer: str, reason: str, detail: str | None, attempts: int
) -> None:
    meter = Meter()
    with ScriptedServer(good(), faults=[bad(answer)]) as server:
        meter.start(stage_meters(models(server.url)), prompts=1)
        candidate_set = made(server.url, cache=tmp_path / "requests.sqlite", meter=meter)
    [failure] = candidate_set.failures
    assert (failure.generator, failure.reason, failure.attempts) == ("bad", reason, attempts)
    assert failure.detail == detail if detail != "The model called a tool" else failure.detail is not None
    wasted = [usage for usage in candidate_set.usage if usage.wasted]
    assert [(usage.input_tokens, usage.output_tokens) for usage in wasted] == [(20, 512)] * attempts
    assert len({usage.request for usage in candidate_set.usage}) == 1 + attempts
    # 10 tokens in at 1 dollar and 4 out at 2 of the good answer, 20 and 512 of each bad one, a million of them.
    cost = (10 + 8 + attempts * (20 + 1024)) / 1e6
    assert sum(usage.cost or 0.0 for usage in candidate_set.usage) == pytest.approx(cost)
    progress = meter.progress()
    assert progress.cost == pytest.approx(cost)
    assert progress.tokens == 14 + attempts * 532
    assert [(stage.useless, stage.failed) for stage in meter.stages] == [(0, 0), (attempts, 1)]


def test_a_reply_that_cannot_be_counted_is_of_unknown_cost_and_none_is_free() -> None:
    with ScriptedServer(good(), faults=[bad(BROKEN)]) as server:
        wasted = [usage for usage in made(server.url).usage if usage.wasted]
    assert [(usage.input_tokens, usage.output_tokens, usage.cost) for usage in wasted] == [(None, None, None)] * 3


@pytest.mark.parametrize(
    "answer", ['{"error": {"code": 429}}', '{"error": {"message": "Content Exists Risk"}}', "<html></html>", "down"]
)
def test_what_is_no_completion_is_not_called_paid_for(answer: str) -> None:
    with ScriptedServer(good(), faults=[bad(answer)]) as server:
        candidate_set = made(server.url)
    assert [(usage.generator, usage.wasted) for usage in candidate_set.usage] == [("good", False)]


def test_what_a_reply_came_to_before_an_answer_is_counted_with_it() -> None:
    with ScriptedServer(good(), faults=[bad(body({"content": None}), attempts=2)]) as server:
        candidate_set = made(server.url)
    assert candidate_set.failures == ()
    assert [(usage.generator, usage.wasted, usage.output_tokens) for usage in candidate_set.usage] == [
        ("good", False, 4),
        ("bad", True, 512),
        ("bad", True, 512),
        ("bad", False, 4),
    ]


def test_every_run_that_pays_adds_to_what_the_runs_before_it_paid(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(good(), faults=[bad(CUT)]) as server:
        counts = [made(server.url, cache=cache).usage for _ in range(3)]
    assert [sum(usage.wasted for usage in usages) for usages in counts] == [1, 2, 3]
    assert {usage.request for usage in counts[0]} < {usage.request for usage in counts[1]}


def test_thoughts_that_only_the_total_counts_are_counted_as_written() -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 12, "total_tokens": 532}
    with ScriptedServer(good(), faults=[bad(body({"content": "Yes."}, usage=usage))]) as server:
        candidate_set = made(server.url)
    assert [(usage.input_tokens, usage.output_tokens) for usage in candidate_set.usage] == [(10, 4), (20, 512)]


@pytest.mark.slow
@pytest.mark.parametrize("answer", [CUT, body({"content": None})], ids=["once", "tried-again"])
def test_a_run_that_ends_gives_what_its_rows_were_paid_for(answer: str) -> None:
    sets: list[CandidateSet] = []
    with ScriptedServer(good(), faults=[bad(answer)]) as server:
        with spooled(make_prompt(f"Question {number}.") for number in range(60)) as spool:
            asked = generate_candidate_sets("test", spool, models=models(server.url))
            with pytest.raises(ServiceError, match="replies in a row that cannot be used"):
                sets.extend(asked)
        paid = sum(exchange.request.model == "bad" for exchange in server.requests)
    # `extend` keeps what came before the error.
    assert paid >= 5
    assert sum(usage.wasted for candidate_set in sets for usage in candidate_set.usage) == paid


def _gate(budget: Budget, *, spent: Amount, uncounted: int = 0) -> tuple[BudgetGate, StageMeter]:
    generator = Generator(model_id="small", price_in=1.0, price_out=2.0, max_new_tokens=100)
    chosen = Models(
        generators=(generator, Generator(model_id="other", price_in=1.0, price_out=2.0, max_new_tokens=100))
    )
    meter = Meter()
    meter.start(stage_meters(chosen), prompts=1)
    with spooled([make_prompt()]) as spool:
        expected = estimate(spool, chosen, cache=None)
        gate = BudgetGate(
            budget, meter, estimate=expected, longest_prompt=spool.longest, spent=spent, uncounted=uncounted
        )
    return gate, meter.stages[0]


def test_replies_without_counts_of_earlier_runs_are_taken_to_cost_what_is_expected() -> None:
    gate, stage = _gate(Budget(tokens=10_000), spent=Amount(0.5, 1000), uncounted=3)
    assert gate.used == Amount(0.5 + 3 * stage.assumed.usd, 1000 + 3 * stage.assumed.tokens)


def test_a_row_is_given_room_for_all_tries_once_a_model_gave_a_reply_of_no_use() -> None:
    gate, stage = _gate(Budget(tokens=10_000), spent=Amount(0.0, 0))
    stage.replied(20, 80)
    before = gate.row.tokens
    stage.wasted(20, 80)
    assert gate.row.tokens == before + 2 * 100
    assert gate.used.tokens == 200


def test_values_of_a_failure_and_of_a_wasted_reply_are_part_of_the_set() -> None:
    with ScriptedServer(good(), faults=[bad(CUT)]) as server:
        candidate_set = made(server.url)
    assert CandidateSet.model_validate_json(candidate_set.model_dump_json()) == candidate_set
    assert isinstance(candidate_set.failures[0], Failure)
    assert isinstance(candidate_set.usage[0], Usage)
