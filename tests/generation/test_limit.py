"""The limit of requests in flight: its arithmetic, and how it follows a server that pushes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import tenacity

from curation.generation import Generator, Meter, Models, client, generate_candidate_sets, spooled
from curation.generation.client import ChatClient
from curation.generation.endpoint_options import Endpoint
from curation.generation.limit import AdaptiveLimit
from curation.local.inference import Fault, Latency, Refusal, Request, ScriptedServer
from tests.rows import make_prompt


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


def limit(most: int, story: list[str] | None = None) -> AdaptiveLimit:
    return AdaptiveLimit(most, name="generate cool", story=None if story is None else story.append)


def a_round(of: AdaptiveLimit, *, pushed_back: int) -> int:
    """Count as many replies as are allowed at once; return what is allowed then."""
    replies = of.now
    for number in range(replies):
        assert of.now == replies, "the limit changed within a round"
        of.answered(pushed_back=number < pushed_back)
    return of.now


def test_it_begins_with_all_that_the_config_allows() -> None:
    assert limit(16).now == 16


def test_a_round_that_was_all_pushed_back_halves_it_but_one_is_always_allowed() -> None:
    full = limit(16)
    assert [a_round(full, pushed_back=16) for _ in range(6)] == [8, 4, 2, 1, 1, 1]


def test_after_any_push_back_it_falls_by_half_of_the_share() -> None:
    assert a_round(limit(20), pushed_back=2) == 19
    assert a_round(limit(100), pushed_back=10) == 95
    assert a_round(limit(100), pushed_back=50) == 75


def test_small_shares_add_up() -> None:
    # 50 * 0.95 + 0.9 = 48.4; 48.4 * (1 - 4.8/96) + 0.9 = 46.9 with 5 of 48; and so on, down to where both are the same.
    fifty = limit(50)
    found = [a_round(fifty, pushed_back=round(fifty.now / 10)) for _ in range(60)]
    assert found[:2] == [48, 46]
    assert found[-1] in range(15, 26)


def test_a_steady_share_of_other_faults_does_not_let_it_collapse() -> None:
    fifty = limit(50)
    for _ in range(200):
        a_round(fifty, pushed_back=round(fifty.now * 0.15))
    assert fifty.now >= 8


def test_a_round_without_push_back_adds_one_but_never_beyond_the_config() -> None:
    four = limit(4)
    a_round(four, pushed_back=4)
    assert [a_round(four, pushed_back=0) for _ in range(4)] == [3, 4, 4, 4]


def test_however_long_it_was_down_to_one_it_rises_with_the_first_round_without_push_back() -> None:
    one = limit(4)
    for _ in range(10):
        a_round(one, pushed_back=one.now)
    assert [a_round(one, pushed_back=0) for _ in range(4)] == [2, 3, 4, 4]


def test_every_change_is_one_sentence_and_no_change_is_none() -> None:
    story: list[str] = []
    told = limit(4, story)
    a_round(told, pushed_back=0)
    assert story == []
    a_round(told, pushed_back=4)
    a_round(told, pushed_back=0)
    assert story == [
        "generate cool: 4 -> 2 requests at once; 4 of 4 replies were 429 or timeouts.",
        "generate cool: 2 -> 3 requests at once; 0 of 2 replies were 429 or timeouts.",
    ]
    one = limit(1, story)
    a_round(one, pushed_back=1)
    assert len(story) == 2


def test_a_fall_lets_those_in_flight_finish_and_no_more_begin() -> None:
    async def run() -> tuple[int, int]:
        four, begun, leave = limit(4), 0, asyncio.Event()

        async def one() -> None:
            nonlocal begun
            async with four:
                begun += 1
                await leave.wait()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(one())
            await asyncio.sleep(0)
            a_round(four, pushed_back=4)
            tasks.create_task(one())
            for _ in range(5):
                await asyncio.sleep(0)
            counted = four.in_flight, begun
            leave.set()
        return counted

    assert asyncio.run(run()) == (4, 4)


def test_whoever_gives_up_waiting_takes_no_slot() -> None:
    async def run() -> tuple[bool, int]:
        one = limit(1)

        async def wait() -> None:
            async with one:
                pass

        async with one:
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return waiting.cancelled(), one.in_flight

    assert asyncio.run(run()) == (True, 0)


def changes(story: list[str]) -> list[tuple[int, int]]:
    """Return from what to what the limit changed, one by one."""
    found = []
    for line in story:
        before, _, after = line.partition(": ")[2].partition(" requests")[0].partition(" -> ")
        found.append((int(before), int(after)))
    return found


def ask(server: ScriptedServer, times: int, story: list[str], **options: Any) -> list[str | None]:
    async def run() -> list[str | None]:
        endpoint = Endpoint(model_id="small", base_url=server.url, **options)
        asking = ChatClient(
            endpoint, name="cool", url=server.url, api_key=None, cache=None, meter=None, story=story.append
        )
        bodies = [{"model": "small", "messages": [{"role": "user", "content": str(n)}]} for n in range(times)]
        try:
            replies = await asyncio.gather(*(asking.ask(body, nth=0) for body in bodies))
        finally:
            await asking.aclose()
        return [reply["generation"] for reply in replies]

    return asyncio.run(run())


@pytest.mark.slow
def test_it_falls_while_the_server_refuses_and_rises_when_it_does_not() -> None:
    busy = Fault(kind="status", status=429, numbers=tuple(range(1, 25)))
    story: list[str] = []
    with ScriptedServer(lambda request: "Because.", faults=[busy]) as server:
        assert ask(server, 100, story, max_concurrency=8) == ["Because."] * 100
    found = changes(story)
    falls = [change for change in found if change[1] < change[0]]
    assert falls[0] == (8, 4)
    assert min(after for _, after in found) <= 2
    # Nothing but push-back takes requests away, and without it all come back.
    assert found[: len(falls)] == falls
    assert found[len(falls) :] == [(before, before + 1) for before in range(falls[-1][1], 8)]


@pytest.mark.slow
def test_it_settles_near_what_a_server_takes() -> None:
    def few_at_once(request: Request) -> str:
        if server.stats.in_flight > 4:
            raise Refusal(429, "Too many at once.", code="rate_limit_exceeded")
        return "Because."

    story: list[str] = []
    with ScriptedServer(few_at_once, latency=Latency(0.002)) as server:
        assert ask(server, 200, story, max_concurrency=32, max_attempts=100) == ["Because."] * 200
        refused = server.stats.statuses["429"]
    found = changes(story)
    assert found[0][0] == 32
    assert all(after <= 8 for _, after in found[-5:])
    assert any(after > before for before, after in found)
    assert refused < 200


def test_timeouts_push_back_too_and_other_failures_do_not() -> None:
    story: list[str] = []
    with ScriptedServer(lambda request: "Because.", faults=[Fault(kind="status", status=503, attempts=1)]) as server:
        ask(server, 8, story, max_concurrency=4)
    assert story == []
    slow = Fault(kind="hang", seconds=30, attempts=1)
    with ScriptedServer(lambda request: "Because.", faults=[slow]) as server:
        ask(server, 4, story, max_concurrency=4, timeout=0.1)
    assert changes(story)[0] == (4, 2)


def test_the_story_of_a_run_names_the_stage() -> None:
    meter = Meter()
    busy = Fault(kind="status", status=429, model="one", attempts=1)
    with ScriptedServer(lambda request: "Because.", faults=[busy]) as server:
        models = Models(
            generators=tuple(
                Generator(model_id=model, base_url=server.url, max_concurrency=4) for model in ("one", "two")
            )
        )
        with spooled([make_prompt(f"Question {number}") for number in range(12)]) as spool:
            list(generate_candidate_sets("test", spool, models=models, meter=meter))
    assert meter.story[0] == "answers: one: 4 -> 2 requests at once; 4 of 4 replies were 429 or timeouts."
    assert {line.rpartition(": ")[0] for line in meter.story} == {"answers: one"}


def test_who_waits_gets_a_turn_in_order_and_who_is_cancelled_takes_none() -> None:
    async def turns() -> tuple[list[int], int]:
        one = limit(1)
        came: list[int] = []

        async def take(number: int) -> None:
            async with one:
                came.append(number)
                await asyncio.sleep(0)

        async with one:
            tasks = [asyncio.create_task(take(number)) for number in range(5)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.sleep(0)
        # The turn has been given to the first that waits, which is cancelled before it can take it.
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return came, one.in_flight

    assert asyncio.run(turns()) == ([2, 3, 4], 0)
