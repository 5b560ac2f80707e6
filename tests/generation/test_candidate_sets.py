"""From prompts to candidate sets: what each model said, what the judge thought, and a reason for what is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest
import tenacity

from curation import ids
from curation.generation import (
    Generator,
    UltraFeedbackJudge,
    endpoints,
    generate_candidate_sets,
    settings_id,
)
from curation.local.inference import Fault, Reply, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.types import CandidateSet, Failure, Message, Prompt
from tests.rows import make_prompt

JUDGE = UltraFeedbackJudge(model_id="judge")
RATED = {"one": 5, "two": 3, "three": 1}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between tries, and no token."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(endpoints, "_backoff", tenacity.wait_none())


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server as the one address of all models."""
    servers = []

    def start(reply: Callable[[Request], str | Reply] | None = None, *faults: Fault) -> ScriptedServer:
        server = ScriptedServer(reply or answer, faults=faults).start()
        servers.append(server)
        monkeypatch.setenv("CURATION_INFERENCE_URL", server.url)
        return server

    yield start
    for server in servers:
        server.stop()


def answer(request: Request) -> str:
    """Answer with the model's name; as judge, rate each answer by the model that it names."""
    asked = read_judge_prompt(request.messages)
    if asked is None:
        return f"{request.model} answers: {request.prompt}"
    return ultrafeedback_reply(request.messages, [RATED[text.split()[0]] for text in asked.texts])


def generate(
    *models: str, judge: UltraFeedbackJudge | None = JUDGE, prompts: Sequence[Prompt] | None = None
) -> list[CandidateSet]:
    found: list[CandidateSet] = []
    generate_candidate_sets(
        "test",
        prompts if prompts is not None else [make_prompt()],
        generators=[Generator(model_id=model) for model in models],
        judge=judge,
        finished=found.append,
    )
    return found


def ratings(found: CandidateSet) -> dict[str, float | None]:
    return {candidate.generator: candidate.rating for candidate in found.candidates}


def asked(server: ScriptedServer, model: str) -> list[Request]:
    return [exchange.request for exchange in server.requests if exchange.request.model == model]


@pytest.mark.parametrize("models", [("one", "two"), ("three", "one", "two")])
def test_a_set_holds_every_answer_with_its_rating_in_the_order_of_the_config(
    serve: Callable[..., ScriptedServer], models: tuple[str, ...]
) -> None:
    serve()
    prompt = make_prompt()
    [found] = generate(*models)
    assert [candidate.generator for candidate in found.candidates] == list(models)
    assert ratings(found) == {model: RATED[model] for model in models}
    assert found.failures == ()
    assert found.prompt == prompt
    assert found.settings == settings_id([Generator(model_id=model) for model in models], JUDGE)
    assert found.id == ids.candidate_set_id(prompt.id, found.settings, [c.id for c in found.candidates])
    first = found.candidates[0]
    text = f"{models[0]} answers: Why is the sky blue?"
    assert first.model_dump() == {
        "id": ids.candidate_id(prompt.id, models[0], text),
        "text": text,
        "generator": models[0],
        "model": models[0],
        "finish_reason": "stop",
        "input_tokens": 5,
        "output_tokens": len(text.split()),
        "rating": RATED[models[0]],
        "rationale": f"Text 1 is {({5: 'excellent', 1: 'poor'})[RATED[models[0]]]}.",
    }


def test_without_a_judge_there_are_answers_without_ratings(serve: Callable[..., ScriptedServer]) -> None:
    server = serve()
    [found] = generate("one", "two", judge=None)
    assert ratings(found) == {"one": None, "two": None}
    assert found.failures == ()
    assert len(server.requests) == 2


def test_two_settings_of_one_model_are_two_candidates(serve: Callable[..., ScriptedServer]) -> None:
    serve(lambda request: f"At {request.temperature}.")
    found: list[CandidateSet] = []
    generators = [Generator(model_id="m", name=name, temperature=t) for name, t in (("cool", 0.2), ("warm", 1.0))]
    generate_candidate_sets("test", [make_prompt()], generators=generators, judge=None, finished=found.append)
    assert [(c.generator, c.model, c.text) for c in found[0].candidates] == [
        ("cool", "m", "At 0.2."),
        ("warm", "m", "At 1.0."),
    ]


def test_every_prompt_gets_its_own_answers(serve: Callable[..., ScriptedServer]) -> None:
    serve()
    prompts = [make_prompt(f"Question {number}") for number in range(40)]
    found = generate("one", "two", prompts=prompts)
    assert sorted(row.prompt.id for row in found) == sorted(prompt.id for prompt in prompts)
    for row in found:
        assert [c.text for c in row.candidates] == [
            f"{model} answers: {row.prompt.messages[0].content}" for model in ("one", "two")
        ]


def test_an_odd_prompt_reaches_the_models_to_the_last_byte(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(lambda request: request.prompt)
    odd = "مرحبا 👩\u200d👧\r\n{{ 7 * 7 }} \u202e\u2028 e\u0301 " + "word " * 40_000
    [found] = generate("one", "two", judge=None, prompts=[make_prompt(odd)])
    assert {request.prompt for request in asked(server, "one")} == {odd}
    assert {candidate.text for candidate in found.candidates} == {odd}


def test_a_conversation_is_sent_as_it_is(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(lambda request: "So.")
    messages = (
        Message(role="system", content="Be kind."),
        Message(role="user", content="Why?"),
        Message(role="assistant", content="Because."),
        Message(role="user", content="Really?"),
    )
    generate("one", "two", judge=None, prompts=[Prompt(id="p", messages=messages, source="s")])
    [request] = asked(server, "one")
    assert list(request.messages) == [message.model_dump() for message in messages]


def test_a_failed_answer_is_named_never_judged_and_spoils_no_other(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(None, Fault(kind="status", status=400, model="two"))
    [found] = generate("one", "two", "three")
    assert ratings(found) == {"one": 5, "three": 1}
    assert found.failures == (Failure(stage="generate", generator="two", reason="http_400", attempts=1),)
    assert found.reviewable
    [judged] = asked(server, "judge")
    shown = read_judge_prompt(judged.messages)
    assert shown is not None
    assert [text.split()[0] for text in shown.texts] == ["one", "three"]


def test_a_failed_answer_of_one_prompt_leaves_the_other_prompts_alone(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="status", status=400, model="two", match="Question 3"))
    found = generate("one", "two", prompts=[make_prompt(f"Question {number}") for number in range(8)])
    failed = {row.prompt.messages[0].content: len(row.failures) for row in found}
    assert failed == {f"Question {number}": int(number == 3) for number in range(8)}
    assert all(ratings(row) == {"one": 5, "two": 3} for row in found if not row.failures)


@pytest.mark.parametrize(("broken", "left"), [("two", ["one"]), ("one|two", [])])
def test_with_fewer_than_two_answers_the_judge_is_not_asked(
    serve: Callable[..., ScriptedServer], broken: str, left: list[str]
) -> None:
    faults = [Fault(kind="status", status=400, model=model) for model in broken.split("|")]
    server = serve(None, *faults)
    [found] = generate("one", "two")
    assert [candidate.generator for candidate in found.candidates] == left
    assert {failure.stage for failure in found.failures} == {"generate"}
    assert not found.reviewable
    assert asked(server, "judge") == []


@pytest.mark.parametrize(
    ("said", "reason"), [("high", "rating_is_not_a_number"), ("-1", "rating_out_of_range"), ("4/10", None)]
)
def test_an_unreadable_rating_costs_only_itself(
    serve: Callable[..., ScriptedServer], said: str, reason: str | None
) -> None:
    serve(lambda request: answer(request).replace("Rating: 3", f"Rating: {said}"))
    [found] = generate("one", "two", "three")
    assert ratings(found) == {"one": 5, "two": None, "three": 1}
    assert [candidate.rationale is not None for candidate in found.candidates] == [True, True, True]
    [failure] = found.failures
    assert (failure.stage, failure.generator) == ("judge", "two")
    assert failure.reason == (reason or "rating_is_not_a_number")


def test_a_judge_that_says_something_else_altogether_costs_the_ratings_and_no_answer(
    serve: Callable[..., ScriptedServer],
) -> None:
    serve(lambda request: "Both are fine." if request.model == "judge" else answer(request))
    [found] = generate("one", "two")
    assert ratings(found) == {"one": None, "two": None}
    assert {(failure.generator, failure.reason) for failure in found.failures} == {
        ("one", "no_output_for_this_text"),
        ("two", "no_output_for_this_text"),
    }


def test_a_judge_that_fails_costs_the_ratings_and_no_answer(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="html", model="judge"))
    [found] = generate("one", "two")
    assert ratings(found) == {"one": None, "two": None}
    assert found.failures == (
        Failure(stage="judge", generator="judge", reason="reply_is_not_json", attempts=endpoints.ATTEMPTS),
    )


def test_a_model_that_answers_like_another_is_still_a_candidate_of_its_own(
    serve: Callable[..., ScriptedServer],
) -> None:
    serve(lambda request: "The same.")
    [found] = generate("one", "two", judge=None)
    assert len({candidate.id for candidate in found.candidates}) == 2


def test_two_runs_ask_the_same_and_get_the_same(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(lambda request: f"{request.seed}" if read_judge_prompt(request.messages) is None else "?")
    first = generate("one", "two", judge=None)
    second = generate("one", "two", judge=None)
    assert first == second
    assert len({request.seed for request in asked(server, "one")}) == 1


def test_what_is_finished_is_handed_over_before_the_rest_is_done(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="hang", seconds=30, match="Question 0$"))

    class Enough(Exception):
        pass

    found: list[CandidateSet] = []

    def finished(row: CandidateSet) -> None:
        found.append(row)
        if len(found) == 5:
            raise Enough

    with pytest.raises(Enough):
        generate_candidate_sets(
            "test",
            [make_prompt(f"Question {number}") for number in range(6)],
            generators=[Generator(model_id="one"), Generator(model_id="two")],
            judge=None,
            finished=finished,
        )
    assert len(found) == 5


def test_using_distilabel_leaves_the_way_errors_are_shown_alone() -> None:
    script = (
        "import sys; hook = sys.excepthook\n"
        "from curation.generation import _load_distilabel\n"
        "_load_distilabel('endpoints')\n"
        "assert 'distilabel' in sys.modules and sys.excepthook is hook\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
