"""From prompts to candidate sets: what each model said, what the judge thought, and a reason for what is missing."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import tenacity

from curation import ids
from curation.errors import AuthError, CurationError, MissingError, TemporaryError
from curation.generation import (
    Generator,
    Meter,
    Models,
    UltraFeedbackJudge,
    client,
    generate_candidate_sets,
    settings_id,
    spooled,
)
from curation.generation.budget import MAX_PAID_ATTEMPTS
from curation.generation.cache import RequestCache
from curation.generation.endings import FEW, OUTAGE
from curation.generation.runner import LEAST_ROWS_IN_FLIGHT
from curation.local.inference import (
    Fault,
    Latency,
    Reply,
    Request,
    ScriptedServer,
    read_judge_prompt,
    ultrafeedback_reply,
)
from curation.local.inference.wire import Refusal
from curation.types import CandidateSet, Failure, Message, Prompt
from tests.rows import failures_of, made_sets, make_prompt

JUDGE = UltraFeedbackJudge(model_id="judge")
RATED = {"one": 5, "two": 3, "three": 1}
WORDS = {5: "excellent", 3: "fair", 1: "poor"}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between tries, and no token."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a server as the one address of all models."""
    servers = []

    def start(reply: Callable[[Request], str | Reply] | None = None, *faults: Fault, **options: Any) -> ScriptedServer:
        server = ScriptedServer(reply or answer, faults=faults, **options).start()
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


def models_of(*names: str, judge: UltraFeedbackJudge | None = JUDGE, **options: Any) -> Models:
    generators = tuple(Generator(model_id=name, **options) for name in names)
    return Models(generators=generators, judges=(judge,) if judge is not None else ())


def generate(
    *names: str,
    judge: UltraFeedbackJudge | None = JUDGE,
    prompts: Sequence[Prompt] | None = None,
    cache: Path | None = None,
    **options: Any,
) -> list[CandidateSet]:
    """Return the sets in the order of their prompts."""
    models = models_of(*names, judge=judge, **options)
    return made_sets(models, prompts if prompts is not None else [make_prompt()], cache=cache)


def questions(count: int) -> list[Prompt]:
    return [make_prompt(f"Question {number}.") for number in range(count)]


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
    assert found.settings == settings_id(models_of(*models))
    assert found.id == ids.candidate_set_id(prompt.id, found.settings, [c.id for c in found.candidates])
    first = found.candidates[0]
    text = f"{models[0]} answers: Why is the sky blue?"
    assert first.model_dump() == {
        "id": ids.candidate_id(prompt.id, models[0], text),
        "text": text,
        "generator": models[0],
        "model": models[0],
        "thinking": None,
        "finish_reason": "stop",
        "input_tokens": 5,
        "output_tokens": len(text.split()),
        "rating": RATED[models[0]],
        "rationale": f"Text {1 + found.judgements[0].order.index(0)} is {WORDS[RATED[models[0]]]}.",
        "imported": None,
    }


def test_without_a_judge_there_are_answers_without_ratings(serve: Callable[..., ScriptedServer]) -> None:
    server = serve()
    [found] = generate("one", "two", judge=None)
    assert ratings(found) == {"one": None, "two": None}
    assert found.failures == ()
    assert len(server.requests) == 2


def test_two_settings_of_one_model_are_two_candidates(serve: Callable[..., ScriptedServer]) -> None:
    serve(lambda request: f"At {request.temperature}.")
    settings = (("cool", 0.2), ("warm", 1.0))
    generators = tuple(Generator(model_id="m", name=name, temperature=temperature) for name, temperature in settings)
    [found] = made_sets(Models(generators=generators), [make_prompt()])
    assert [(c.generator, c.model, c.text) for c in found.candidates] == [
        ("cool", "m", "At 0.2."),
        ("warm", "m", "At 1.0."),
    ]


@pytest.mark.slow
def test_every_prompt_gets_its_own_answers(serve: Callable[..., ScriptedServer]) -> None:
    serve()
    prompts = questions(40)
    found = generate("one", "two", prompts=prompts)
    assert [row.prompt for row in found] == prompts
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
    assert failures_of(found) == (Failure(stage="generate", generator="two", reason="http_400", attempts=1),)
    assert len(found.candidates) >= 2
    [judged] = asked(server, "judge")
    shown = read_judge_prompt(judged.messages)
    assert shown is not None
    assert sorted(text.split()[0] for text in shown.texts) == ["one", "three"]


def test_a_failed_answer_of_one_prompt_leaves_the_other_prompts_alone(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="status", status=400, model="two", match="Question 3"))
    found = generate("one", "two", prompts=questions(8))
    assert [len(row.failures) for row in found] == [int(number == 3) for number in range(8)]
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
    assert len(found.candidates) < 2
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
    # It is asked for once more, and then given up.
    failure = Failure(stage="rating", generator="two", reason=reason or "rating_is_not_a_number", attempts=2)
    assert found.failures == (failure,)
    assert found.came_through(2)


def test_a_judge_that_says_something_else_altogether_costs_the_ratings_and_no_answer(
    serve: Callable[..., ScriptedServer],
) -> None:
    serve(lambda request: "Both are fine." if request.model == "judge" else answer(request))
    [found] = generate("one", "two")
    assert ratings(found) == {"one": None, "two": None}
    assert {(failure.stage, failure.generator, failure.reason) for failure in found.failures} == {
        ("rating", "one", "no_output_for_this_text"),
        ("rating", "two", "no_output_for_this_text"),
    }


def test_a_judge_that_fails_costs_the_ratings_and_no_answer(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="malformed", model="judge"))
    [found] = generate("one", "two")
    assert ratings(found) == {"one": None, "two": None}
    assert failures_of(found) == (
        Failure(stage="judge", generator="judge", reason="reply_is_not_json", attempts=MAX_PAID_ATTEMPTS),
    )
    assert len(found.candidates) >= 2
    assert not found.came_through(2)


def test_a_model_that_answers_like_another_is_still_a_candidate_of_its_own(
    serve: Callable[..., ScriptedServer],
) -> None:
    serve(lambda request: "The same.")
    [found] = generate("one", "two", judge=None)
    assert len({candidate.id for candidate in found.candidates}) == 2


@pytest.mark.slow
def test_two_runs_ask_the_same_and_get_the_same(serve: Callable[..., ScriptedServer]) -> None:
    server = serve(lambda request: f"{request.seed}" if read_judge_prompt(request.messages) is None else "?")
    first = generate("one", "two", judge=None)
    second = generate("one", "two", judge=None)
    assert first == second
    assert len({request.seed for request in asked(server, "one")}) == 1


def test_what_is_finished_is_handed_over_before_the_rest_is_done(serve: Callable[..., ScriptedServer]) -> None:
    serve(None, Fault(kind="hang", seconds=30, match="Question 0"))
    with spooled(questions(6)) as spool:
        sets = generate_candidate_sets("test", spool, models=models_of("one", "two", judge=None))
        with closing(sets):
            found = [next(sets).prompt.messages[0].content for _ in range(5)]
    assert sorted(found) == [f"Question {number}." for number in range(1, 6)]


def test_what_a_prompt_used_is_said_request_by_request(serve: Callable[..., ScriptedServer]) -> None:
    def counted(request: Request) -> Reply:
        return Reply(text=answer(request), prompt_tokens=10, completion_tokens=4)

    serve(counted, Fault(kind="status", status=400, model="two"))
    [found] = generate("one", "two", "three", price_in=1.0, price_out=2.0)
    assert [(usage.stage, usage.generator, usage.input_tokens, usage.output_tokens) for usage in found.usage] == [
        ("generate", "one", 10, 4),
        ("generate", "three", 10, 4),
        ("judge", "judge", 10, 4),
    ]
    assert [usage.cost for usage in found.usage] == [pytest.approx(18e-6), pytest.approx(18e-6), None]
    assert len({usage.request for usage in found.usage}) == 3


MANY = 200
LIMIT = 4


def ended(models: Models, cache: Path, *, prompts: int = MANY) -> tuple[CurationError, list[CandidateSet]]:
    """Return the error that ended a run, and what came out before."""
    found: list[CandidateSet] = []
    with spooled(questions(prompts)) as spool, pytest.raises(CurationError) as caught:
        found.extend(generate_candidate_sets("test", spool, models=models, cache=cache))
    return caught.value, found


def test_a_model_that_is_not_there_ends_the_requests_to_the_others_too(
    serve: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    server = serve(None, Fault(kind="status", status=404, model="two"), latency=Latency(median_s=0.02))
    error, _ = ended(models_of("one", "two", judge=None, max_concurrency=LIMIT), tmp_path / "cache")
    assert type(error) is MissingError
    sent = len(asked(server, "one"))
    assert sent <= FEW + 2 * LIMIT
    # What had been sent is not lost.
    assert replies_in(tmp_path / "cache") == sent


def replies_in(cache: Path) -> int:
    with RequestCache(cache) as opened:
        return opened.info().replies


@pytest.mark.parametrize(
    ("fault", "kind", "names"),
    [
        (Fault(kind="status", status=401, model="two"), AuthError, "MY_KEY"),
        (Fault(kind="status", status=404, model="two"), MissingError, "no model 'two'"),
        (Fault(kind="status", status=400, model="two", body='"model_not_supported"'), MissingError, "no model 'two'"),
    ],
    ids=["401", "404", "400"],
)
def test_a_wrong_key_or_model_ends_a_run_after_a_few_requests(
    serve: Callable[..., ScriptedServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    kind: type[CurationError],
    names: str,
) -> None:
    monkeypatch.setenv("MY_KEY", "key_sesame")
    server = serve(None, fault)
    models = models_of("one", "two", judge=None, max_concurrency=LIMIT, api_key_env="MY_KEY")
    error, _ = ended(models, tmp_path / "cache")
    assert type(error) is kind
    assert names in str(error)
    assert len(asked(server, "two")) <= FEW + LIMIT
    # What the other model answered before was paid for and is kept.
    assert replies_in(tmp_path / "cache") == len(asked(server, "one"))


def test_a_key_that_the_server_refuses_outright_ends_a_run_before_the_first_request(
    serve: Callable[..., ScriptedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "key_sesame")
    server = serve(api_key="another")
    error, found = ended(models_of("one", judge=None, api_key_env="MY_KEY"), tmp_path / "cache")
    assert type(error) is AuthError
    assert "MY_KEY" in str(error)
    assert found == []
    assert server.requests == ()


@pytest.mark.slow
def test_a_judge_with_a_wrong_key_ends_a_run_too(serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    server = serve(None, Fault(kind="status", status=403, model="judge"))
    models = models_of("one", "two", judge=UltraFeedbackJudge(model_id="judge", max_concurrency=LIMIT))
    error, found = ended(models, tmp_path / "cache")
    assert type(error) is AuthError
    assert "The endpoint of judge" in str(error)
    assert len(asked(server, "judge")) <= FEW + LIMIT
    assert not [failure for row in found for failure in row.failures if failure.stage != "judge"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "body", ['"maximum context length is 8192 tokens"', '"content_filter"'], ids=["long", "filter"]
)
def test_what_is_wrong_with_every_prompt_never_ends_a_run(serve: Callable[..., ScriptedServer], body: str) -> None:
    serve(None, Fault(kind="status", status=400, model="two", body=body))
    found = generate("one", "two", judge=None, prompts=questions(60))
    assert [len(row.failures) for row in found] == [1] * 60
    assert {failure.generator for row in found for failure in row.failures} == {"two"}


@pytest.mark.slow
def test_an_outage_ends_a_run_and_the_next_one_asks_only_what_was_not_answered(
    serve: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    models = models_of("one", judge=None, max_concurrency=LIMIT, max_attempts=2)
    well, answered, down = 20, count(1), [True]

    def reply(request: Request) -> str:
        if down and next(answered) > well:
            raise Refusal(503, "Out for lunch.", code="unavailable")
        return answer(request)

    server = serve(reply)
    error, _ = ended(models, tmp_path / "cache")
    assert type(error) is TemporaryError
    assert f"{OUTAGE} requests to one in a row failed" in str(error)
    begun = {exchange.request.prompt for exchange in server.requests}
    assert len(begun) <= well + LEAST_ROWS_IN_FLIGHT + OUTAGE < MANY
    assert replies_in(tmp_path / "cache") == well
    server.reset()
    down.clear()
    assert len(generate("one", judge=None, prompts=questions(MANY), cache=tmp_path / "cache")) == MANY
    assert len(server.requests) == MANY - well


def test_no_secret_gets_into_the_cache_the_story_the_rows_or_an_error(
    serve: Callable[..., ScriptedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "key_sesame")
    meter = Meter()
    server = serve(None, Fault(kind="status", status=429, attempts=1), api_key="key_sesame")
    models = models_of("one", "two", judge=None, max_concurrency=2, api_key_env="MY_KEY")
    rows = made_sets(models, questions(4), cache=tmp_path / "cache", meter=meter)
    assert {exchange.request.authorization for exchange in server.requests} == {"Bearer key_sesame"}
    serve(None, Fault(kind="status", status=401))
    error, _ = ended(models, tmp_path / "other", prompts=20)
    shown = [*meter.story, *(row.model_dump_json() for row in rows), meter.progress().model_dump_json()]
    shown += ["".join(traceback.format_exception(error)), repr(error)]
    assert meter.story
    assert not [text for text in shown if "sesame" in text]
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert b"one answers" in b"".join(files)
    assert not [content for content in files if b"sesame" in content]


@pytest.mark.slow
def test_using_distilabel_leaves_the_way_errors_are_shown_alone() -> None:
    script = (
        "import sys; hook = sys.excepthook\n"
        "from curation.generation.loading import load_distilabel\n"
        "load_distilabel('curation.generation.endpoints')\n"
        "assert 'distilabel' in sys.modules and sys.excepthook is hook\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=300)
