"""What models think is no answer: it is cut away or kept apart, and a judge without room to answer is given more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tenacity

from curation.generation import Evolver, Generator, Models, UltraFeedbackJudge, client
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import CandidateSet, Failure
from tests.rows import made_sets, make_prompt

THOUGHT = (
    "<think>\nText 1 is bad.\n\n#### Output for Text 1\nRating: 1\n\n#### Output for Text 2\nRating: 5\n</think>\n\n"
)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


def is_judged(request: Request) -> bool:
    return read_judge_prompt(request.messages[:2]) is not None


def rated(request: Request) -> str:
    """Return a good reply: the first text that is shown gets 4, the second 2."""
    return ultrafeedback_reply(request.messages[:2], (4, 2))


def models(server: ScriptedServer, *, judge: bool = False, **options: Any) -> Models:
    place: dict[str, Any] = {"base_url": server.url, "max_attempts": 1}
    return Models(
        generators=(Generator(model_id="one", **place, **options), Generator(model_id="two", **place)),
        judges=(UltraFeedbackJudge(model_id="judge", max_new_tokens=100, **place),) if judge else (),
    )


def answered(reply: Callable[[Request], str | Reply], **options: Any) -> tuple[CandidateSet, list[Request]]:
    """Return the set of one prompt, and the requests to its judge."""
    faults = options.pop("faults", ())
    with ScriptedServer(reply, faults=faults) as server:
        [found] = made_sets(models(server, **options), [make_prompt()])
        return found, [exchange.request for exchange in server.requests if is_judged(exchange.request)]


def test_what_a_model_thinks_reaches_neither_judge_nor_set() -> None:
    def reply(request: Request) -> str:
        return rated(request) if is_judged(request) else f"<think>Hm, {request.model}.</think>\n\n{request.model}."

    found, [judged] = answered(reply, judge=True)
    assert [candidate.text for candidate in found.candidates] == ["one.", "two."]
    assert "Hm," not in found.model_dump_json()
    assert "Hm," not in judged.prompt


def test_with_keep_reasoning_a_generators_thoughts_stand_beside_its_answer_alone() -> None:
    def reply(request: Request) -> str:
        return rated(request) if is_judged(request) else f"<think>Hm, {request.model}.</think>\n\n{request.model}."

    found, [judged] = answered(reply, judge=True, keep_reasoning=True)
    assert [(one.text, one.thinking) for one in found.candidates] == [("one.", "Hm, one."), ("two.", None)]
    assert "Hm," not in judged.prompt


def test_an_answer_is_the_same_whether_its_thoughts_are_kept_or_not() -> None:
    def reply(request: Request) -> str:
        return f"<think>Hm, {request.model}.</think>\n\n{request.model}."

    kept, without = (answered(reply, keep_reasoning=keep)[0] for keep in (True, False))
    assert [one.id for one in kept.candidates] == [one.id for one in without.candidates]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<think>\nThe user asks for", "only_reasoning"),
        ("<think>Hm.</think>\n", "only_reasoning"),
        ("\u200b\u2060\ufeff", "empty_reply"),
    ],
)
def test_a_thought_without_an_answer_and_an_answer_without_a_sign_are_failures(text: str, reason: str) -> None:
    found, _ = answered(lambda request: text if request.model == "two" else "One.")
    assert [candidate.text for candidate in found.candidates] == ["One."]
    [failure] = found.failures
    assert (failure.stage, failure.generator, failure.reason) == ("generate", "two", reason)


def test_what_an_evolver_thinks_is_no_answer() -> None:
    def reply(request: Request) -> str:
        return "<think>Hm.</think>Better." if request.model == "better" else f"{request.model}."

    with ScriptedServer(reply) as server:
        evolver = Evolver(model_id="better", base_url=server.url)
        [found] = made_sets(models(server).model_copy(update={"evolve": (evolver,)}), [make_prompt()])
    assert [candidate.text for candidate in found.candidates] == ["one.", "two.", "Better."]


def by_room(short: str | Reply, enough: Callable[[Request], str | Reply]) -> Callable[[Request], str | Reply]:
    """Return a judge that says `short` with its 100 tokens, and `enough` with more."""

    def reply(request: Request) -> str | Reply:
        if not is_judged(request):
            return f"{request.model}."
        return short if request.body["max_tokens"] == 100 else enough(request)

    return reply


@pytest.mark.parametrize("short", [THOUGHT, THOUGHT.removesuffix("</think>\n\n"), THOUGHT.removeprefix("<think>\n")])
def test_a_judge_that_only_thought_is_asked_again_with_more_room(short: str) -> None:
    found, [first, second] = answered(by_room(short, lambda request: THOUGHT + rated(request)), judge=True)
    assert second.messages == first.messages
    assert (first.body["max_tokens"], second.body["max_tokens"]) == (100, 400)
    [judgement] = found.judgements
    assert [judgement.ratings[place] for place in judgement.order] == [4, 2]
    assert found.failures == ()
    assert len([usage for usage in found.usage if usage.stage == "judge"]) == 2


def test_a_judge_that_was_cut_off_is_asked_again_with_more_room_and_without_its_thoughts() -> None:
    def cut(request: Request) -> Reply:
        return Reply(text=THOUGHT + rated(request).partition("#### Output for Text 2")[0], finish_reason="length")

    def reply(request: Request) -> str | Reply:
        if not is_judged(request):
            return f"{request.model}."
        return cut(request) if request.body["max_tokens"] == 100 else rated(request)

    found, [_, second] = answered(reply, judge=True)
    assert [message["role"] for message in second.messages] == ["system", "user", "assistant", "user"]
    assert "Text 1 is bad." not in str(second.messages)
    [judgement] = found.judgements
    assert [judgement.ratings[place] for place in judgement.order] == [4, 2]


def test_a_judge_that_says_something_else_is_asked_again_with_as_much_room() -> None:
    said = iter(["I like both."])
    found, requests = answered(
        lambda request: next(said, rated(request)) if is_judged(request) else f"{request.model}.", judge=True
    )
    assert [request.body["max_tokens"] for request in requests] == [100, 100]
    assert found.failures == ()


def test_a_judge_that_only_thinks_rates_nothing_and_is_a_failure_of_its_ratings() -> None:
    found, requests = answered(by_room(THOUGHT, lambda request: THOUGHT), judge=True)
    assert len(requests) == 2
    assert [candidate.rating for candidate in found.candidates] == [None, None]
    assert found.failures == tuple(
        Failure(stage="rating", generator=name, reason="only_reasoning", attempts=2) for name in ("one", "two")
    )
    assert found.came_through(2)


def test_a_judge_that_fails_once_it_is_given_more_room_is_asked_by_a_later_run() -> None:
    again = Fault(kind="status", status=500, model="judge", numbers=(4,))
    found, requests = answered(by_room(THOUGHT, rated), judge=True, faults=[again])
    assert len(requests) == 2
    assert [(failure.stage, failure.reason) for failure in found.failures] == [("judge", "http_500")]
    assert not found.came_through(2)
