"""One more answer, a better one: which of a prompt's answers is rewritten, how, and what happens if it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import pytest

from curation.generation import Evolver, Generator, Models, UltraFeedbackJudge
from curation.generation.options import EvolveMethod
from curation.local.inference import Fault, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import CandidateSet, Failure, Prompt
from tests.rows import failures_of, made_sets, make_prompt

METHODS = {
    "helpfulness": "more helpful to the user.",
    "relevance": "more relevant to #Given Prompt#.",
    "deepening": "more in-depth.",
    "creativity": "increase the creativity",
    "details": "increase the detail level",
}
REWRITE = re.compile(
    r"I want you to act as a Response Rewriter\..*the following method: \n(?P<method>.*?)\n"
    r".*\n#Given Prompt#:\n(?P<prompt>.*)\n#Given Response#:\n(?P<response>.*)\n#Rewritten Response#:\n",
    re.DOTALL,
)


def rewriting(request: Request) -> dict[str, str] | None:
    """Return the method, prompt and response of a request to rewrite; None for any other."""
    found = REWRITE.fullmatch(request.prompt)
    if found is None:
        return None
    [method] = [name for name, words in METHODS.items() if words in found["method"]]
    return {**found.groupdict(), "method": method}


def answer(request: Request) -> str:
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    asked = rewriting(request)
    return f"{request.model}: {request.prompt}" if asked is None else f"Better: {asked['response']}"


def served(*faults: Fault, reply: Callable[[Request], str] = answer) -> ScriptedServer:
    return ScriptedServer(reply, faults=faults)


def models(server: ScriptedServer, *generators: str, judged: bool = False, **options: Any) -> Models:
    place: dict[str, Any] = {"base_url": server.url, "max_attempts": 1}
    return Models(
        generators=tuple(Generator(model_id=name, **place) for name in generators or ("one", "two")),
        evolve=(Evolver(**{"model_id": "acme/large", **place, **options}),),
        judges=(UltraFeedbackJudge(model_id="judge", **place),) if judged else (),
    )


def rewritten(server: ScriptedServer) -> list[dict[str, str]]:
    """Return what the evolver was asked."""
    return [asked for exchange in server.requests if (asked := rewriting(exchange.request)) is not None]


def evolve_one(server: ScriptedServer, prompt: Prompt | None = None, **options: Any) -> CandidateSet:
    [found] = made_sets(models(server, **options), [prompt or make_prompt()])
    return found


def test_the_better_text_is_one_more_candidate_of_the_evolver() -> None:
    with served() as server:
        found = evolve_one(server)
        [asked] = rewritten(server)
    assert [(candidate.generator, candidate.model) for candidate in found.candidates] == [
        ("one", "one"),
        ("two", "two"),
        ("evolved", "acme/large"),
    ]
    assert asked["prompt"] == found.prompt.messages[0].content
    assert asked["response"] in [candidate.text for candidate in found.candidates[:2]]
    assert found.candidates[2].text == f"Better: {asked['response']}"
    assert found.candidates[2].finish_reason == "stop"
    assert [(usage.stage, usage.generator) for usage in found.usage] == [
        ("generate", "one"),
        ("generate", "two"),
        ("evolve", "evolved"),
    ]
    assert found.came_through(2)


def test_the_evolver_may_have_a_name_of_its_own() -> None:
    with served() as server:
        assert evolve_one(server, name="better").candidates[-1].generator == "better"


def test_the_judge_rates_the_better_text_too() -> None:
    with served() as server:
        found = evolve_one(server, judged=True)
        [judged] = [prompt for exchange in server.requests if (prompt := read_judge_prompt(exchange.request.messages))]
    assert set(judged.texts) == {candidate.text for candidate in found.candidates}
    assert None not in [candidate.rating for candidate in found.candidates]
    assert len(found.judgements[0].ratings) == 3


def choices(server: ScriptedServer, *authors: str) -> dict[str, tuple[int, str]]:
    """Return, for each prompt, the place of the answer that was rewritten and the method."""
    return {
        asked["prompt"]: (authors.index(asked["response"].partition(":")[0]), asked["method"])
        for asked in rewritten(server)
    }


@pytest.mark.slow
def test_which_answer_is_rewritten_and_how_follows_from_the_prompt_and_the_name() -> None:
    prompts = [make_prompt(f"Question {number}") for number in range(60)]
    with served() as server:
        made_sets(models(server, "one", "two", "three"), prompts)
        chosen = choices(server, "one", "two", "three")
    with served() as server:
        made_sets(models(server, "a", "b", "c", temperature=0.0), prompts[40:] + prompts[10::-1])
        again = choices(server, "a", "b", "c")
    assert len(chosen) == 60
    assert len(again) == 31
    assert again.items() <= chosen.items()
    assert {place for place, _ in chosen.values()} == {0, 1, 2}
    assert {method for _, method in chosen.values()} == set(get_args(EvolveMethod))


def test_several_evolutions_of_named_generators_stand_beside_the_originals() -> None:
    with served() as server:
        base = models(server)
        [evolver] = base.evolve
        of_one = evolver.model_copy(update={"name": "one-better", "generators": ("one",), "methods": ("details",)})
        of_two = evolver.model_copy(update={"name": "two-better", "generators": ("two",), "methods": ("deepening",)})
        sets = made_sets(
            base.model_copy(update={"evolve": (of_two, of_one)}), [make_prompt(f"Question {n}") for n in range(4)]
        )
        methods = {(asked["response"].partition(":")[0], asked["method"]) for asked in rewritten(server)}
    assert methods == {("one", "details"), ("two", "deepening")}
    for found in sets:
        prompt = found.prompt.messages[0].content
        assert [(candidate.generator, candidate.text) for candidate in found.candidates] == [
            ("one", f"one: {prompt}"),
            ("two", f"two: {prompt}"),
            ("two-better", f"Better: two: {prompt}"),
            ("one-better", f"Better: one: {prompt}"),
        ]
        assert found.failures == ()


@pytest.mark.slow
def test_entries_of_different_names_do_not_all_rewrite_the_same_answers() -> None:
    with served() as server:
        base = models(server, methods=("details",))
        other = base.evolve[0].model_copy(update={"name": "other"})
        sets = made_sets(
            base.model_copy(update={"evolve": (*base.evolve, other)}), [make_prompt(f"Question {n}") for n in range(20)]
        )
    same = sum(found.candidates[2].text == found.candidates[3].text for found in sets)
    assert 0 < same < 20


def test_an_evolver_whose_generator_did_not_answer_is_not_asked() -> None:
    with served(Fault(kind="status", model="one", status=400)) as server:
        base = models(server, "one", "two", "three")
        of_one = base.evolve[0].model_copy(update={"generators": ("one",)})
        [found] = made_sets(base.model_copy(update={"evolve": (of_one,)}), [make_prompt()])
        assert rewritten(server) == []
    assert [candidate.generator for candidate in found.candidates] == ["two", "three"]
    assert [failure.generator for failure in found.failures] == ["one"]


@pytest.mark.parametrize("method", get_args(EvolveMethod))
def test_only_the_methods_of_the_config_are_used(method: EvolveMethod) -> None:
    with served() as server:
        made_sets(models(server, methods=(method,)), [make_prompt(f"Question {number}") for number in range(5)])
        assert {asked["method"] for asked in rewritten(server)} == {method}


@pytest.mark.parametrize(
    "odd", ["Put <RESPONSE> after <PROMPT>.", r"\1 \g<0> {} %s", "#Rewritten Response#:\n", "مرحبا 👩\u200d👧\r\n"]
)
def test_prompt_and_answer_stand_in_the_request_as_they_are(odd: str) -> None:
    def reply(request: Request) -> str:
        return f"So: {odd}" if request.model != "acme/large" else "Better."

    with served(reply=reply) as server:
        evolve_one(server, make_prompt(f"Why? {odd}"))
        [request] = [exchange.request for exchange in server.requests if exchange.request.model == "acme/large"]
    assert request.prompt.endswith(
        f"#Given Prompt#:\nWhy? {odd}\n#Given Response#:\nSo: {odd}\n#Rewritten Response#:\n"
    )
    assert [message["role"] for message in request.messages] == ["user"]


def test_an_evolver_that_fails_costs_its_own_answer_alone() -> None:
    with served(Fault(kind="status", status=500, model="acme/large")) as server:
        found = evolve_one(server, judged=True, max_attempts=1)
        [judged] = [prompt for exchange in server.requests if (prompt := read_judge_prompt(exchange.request.messages))]
    assert [candidate.generator for candidate in found.candidates] == ["one", "two"]
    assert failures_of(found) == (Failure(stage="evolve", generator="evolved", reason="http_500", attempts=1),)
    assert len(judged.texts) == 2
    assert None not in [candidate.rating for candidate in found.candidates]
    assert found.came_through(2)


def test_an_answer_that_is_there_is_rewritten_whatever_else_failed() -> None:
    prompts = [make_prompt(f"Question {number}") for number in range(8)]
    with served(Fault(kind="status", status=400, model="one", match="[0246]$")) as server:
        sets = made_sets(models(server), prompts)
        asked = rewritten(server)
    assert len(asked) == 8
    assert {one["response"] for one in asked if one["prompt"][-1] in "0246"} == {
        f"two: Question {number}" for number in (0, 2, 4, 6)
    }
    assert [len(found.candidates) for found in sets] == [2, 3] * 4
    for found in sets:
        assert {failure.stage for failure in found.failures} <= {"generate"}


def test_where_there_is_no_answer_nothing_is_rewritten() -> None:
    faults = [Fault(kind="status", status=400, model=model, match="1$") for model in ("one", "two")]
    with served(*faults) as server:
        lost, found = made_sets(models(server), [make_prompt("Question 1"), make_prompt("Question 2")])
        assert [asked["prompt"] for asked in rewritten(server)] == ["Question 2"]
    assert lost.candidates == ()
    assert [failure.generator for failure in lost.failures if failure.stage == "generate"] == ["one", "two"]
    assert [failure.stage for failure in lost.failures] == ["generate", "generate"]
    assert len(found.candidates) == 3
