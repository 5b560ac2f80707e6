"""The scripted server in this process: what it answers, what goes wrong on demand, what it counts."""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from curation.errors import ConfigError, DataError, ServiceError
from curation.local.inference import (
    Fault,
    Latency,
    ModelSettings,
    Refusal,
    Reply,
    Request,
    ScriptedServer,
    content_key,
)
from curation.local.inference.faults import FaultPlan, dump_faults, load_faults
from curation.local.inference.models import DEFAULT_MODELS, dump_models, load_models
from curation.local.inference.scripted import load_table, table_reply

pytestmark = pytest.mark.stack


def echo(request: Request) -> str:
    return f"{request.model} heard {request.prompt}"


def chat(prompt: str, **fields: Any) -> dict[str, Any]:
    return {"model": "a", "messages": [{"role": "user", "content": prompt}], **fields}


def post(server: ScriptedServer, body: object, **options: Any) -> httpx2.Response:
    with httpx2.Client(trust_env=False, verify=False, timeout=300) as client:
        return client.post(f"{server.url}/chat/completions", json=body, **options)


def get(server: ScriptedServer, path: str) -> httpx2.Response:
    with httpx2.Client(trust_env=False, verify=False, timeout=300) as client:
        return client.get(server.address + path)


def request(prompt: str, **fields: Any) -> Request:
    return Request(model="a", messages=({"role": "user", "content": prompt},), **fields)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(echo, names=["a", "b"]) as running:
        yield running


# --- answers


def test_huggingface_client_gets_a_completion_with_usage(server: ScriptedServer) -> None:
    async def ask() -> Any:
        async with AsyncInferenceClient(base_url=server.url, api_key="hf_test") as client:
            return await client.chat_completion(
                [{"role": "user", "content": "one two"}], model="b", max_tokens=9, temperature=0.5, seed=3, stop=["."]
            )

    answer = asyncio.run(ask())
    assert answer.choices[0].message.content == "b heard one two"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (2, 4, 6)
    sent = server.requests[0].request
    assert (sent.model, sent.max_tokens, sent.temperature, sent.seed, sent.stop) == ("b", 9, 0.5, 3, (".",))
    assert sent.authorization == "Bearer hf_test"
    assert "hf_test" not in repr(server.requests)


def test_huggingface_client_streams_word_by_word(server: ScriptedServer) -> None:
    async def ask() -> list[Any]:
        async with AsyncInferenceClient(base_url=server.url) as client:
            stream = await client.chat_completion(
                [{"role": "user", "content": "one  two"}], stream=True, stream_options={"include_usage": True}
            )
            return [chunk async for chunk in stream]

    *chunks, last = asyncio.run(ask())
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "dummy heard one  two"
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", None, None, None, None]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage.completion_tokens == 4


def test_an_address_without_v1_is_completed_by_the_client(server: ScriptedServer) -> None:
    client = InferenceClient(base_url=server.address)
    answer = client.chat_completion([{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "dummy heard hi"


def test_the_address_of_a_model_names_the_model(server: ScriptedServer) -> None:
    client = InferenceClient(base_url=f"{server.address}/models/org/b")
    answer = client.chat_completion([{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "org/b heard hi"


def test_the_function_is_called_once_for_each_choice() -> None:
    with ScriptedServer(lambda request: f"reply {request.choice}") as server:
        choices = post(server, chat("hi", n=3)).json()["choices"]
        streamed = post(server, chat("hi", n=2, stream=True)).text
    assert [(choice["index"], choice["message"]["content"]) for choice in choices] == [
        (0, "reply 0"),
        (1, "reply 1"),
        (2, "reply 2"),
    ]
    assert streamed.count('"finish_reason": "stop"') == 2
    assert streamed.endswith("data: [DONE]\n\n")


def test_a_reply_may_say_how_it_finished() -> None:
    reply = Reply(text="half", finish_reason="length", prompt_tokens=70, completion_tokens=30)
    with ScriptedServer(lambda _: reply) as server:
        answer = post(server, chat("hi")).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"] == {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}


def test_content_in_parts_is_read_as_text(server: ScriptedServer) -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    body = {"model": "a", "messages": [{"role": "user", "content": parts}]}
    assert post(server, body).json()["choices"][0]["message"]["content"] == "a heard one two"


def test_models_and_health_are_listed(server: ScriptedServer) -> None:
    assert [model["id"] for model in get(server, "/v1/models").json()["data"]] == ["a", "b"]
    assert get(server, "/health").json() == {"status": "ok"}


# --- refusals


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"messages": [{"role": "user", "content": "hi"}]}, "model"),
        ({"model": "a"}, "messages"),
        ({"model": "a", "messages": []}, "messages"),
        ({"model": "a", "messages": ["hi"]}, "messages"),
        (chat("hi", temperature=3), "temperature"),
        (chat("hi", temperature="hot"), "temperature"),
        (chat("hi", n=0), "n"),
        (chat("hi", max_tokens=0), "max_tokens"),
        (chat("hi", seed=True), "seed"),
    ],
)
def test_a_wrong_body_is_400_and_names_the_field(server: ScriptedServer, body: object, param: str | None) -> None:
    answer = post(server, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "invalid_request", param)


def test_a_body_that_is_not_json_is_400(server: ScriptedServer) -> None:
    with httpx2.Client(trust_env=False, verify=False) as client:
        assert client.post(f"{server.url}/chat/completions", content=b"{").status_code == 400


def test_an_unknown_route_is_404_in_the_shape_of_openai(server: ScriptedServer) -> None:
    answer = get(server, "/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_route")
    assert get(server, "/v1/chat/completions").status_code == 405


def test_only_the_right_key_is_accepted_and_every_key_is_recorded() -> None:
    with ScriptedServer(echo, api_key="right") as server:
        assert InferenceClient(base_url=server.url, api_key="right").chat_completion([{"role": "user", "content": "x"}])
        with pytest.raises(HfHubHTTPError, match="401"):
            InferenceClient(base_url=server.url, api_key="wrong").chat_completion([{"role": "user", "content": "x"}])
        assert post(server, chat("x")).json()["error"]["code"] == "invalid_api_key"
        assert get(server, "/v1/models").status_code == 401
    assert [(exchange.status, exchange.request.authorization) for exchange in server.requests] == [
        (200, "Bearer right"),
        (401, "Bearer wrong"),
        (401, None),
    ]


def test_a_function_may_refuse(server: ScriptedServer) -> None:
    def reply(request: Request) -> str:
        raise Refusal(404, f"No {request.model}.", code="model_not_found", param="model")

    with ScriptedServer(reply) as server:
        for stream in (False, True):
            answer = post(server, chat("hi", stream=stream))
            assert (answer.status_code, answer.json()["error"]["message"]) == (404, "No a.")


def test_a_defect_in_the_function_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def reply(request: Request) -> str:
        raise KeyError(request.model)

    with ScriptedServer(reply) as server:
        answer = post(server, chat("hi"))
        assert server.stats.in_flight == 0
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "server_failed")
    assert "KeyError" in caplog.text


# --- faults


def test_a_status_fault_has_code_headers_and_body() -> None:
    busy = Fault(kind="status", status=429, headers={"Retry-After": "7"}, model="a")
    down = Fault(kind="status", status=500, body="<broken>", model="b")
    with ScriptedServer(echo, faults=[busy, down]) as server:
        answer = post(server, chat("hi"))
        other = post(server, {**chat("hi"), "model": "b"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert (other.status_code, other.text) == (500, "<broken>")


def test_a_hang_answers_late_and_tolerates_a_client_that_leaves() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="hang", seconds=0.6)]) as server:
        with pytest.raises(httpx2.ReadTimeout):
            post(server, chat("hi"), timeout=httpx2.Timeout(300, read=0.2))
        started = time.monotonic()
        assert post(server, chat("hi")).status_code == 200
        assert time.monotonic() - started >= 0.6
    assert [(exchange.status, exchange.fault) for exchange in server.requests] == [(499, "hang"), (200, "hang")]
    assert server.stats.in_flight == 0


def test_stopping_does_not_wait_for_a_hang() -> None:
    # If it waited, the limit of the whole test would end it.
    with ScriptedServer(echo, faults=[Fault(kind="hang", seconds=36_000)]) as server:
        waiting = threading.Thread(target=lambda: _reset_by_peer(server))
        waiting.start()
        while server.stats.in_flight == 0:
            time.sleep(0.005)
    waiting.join()


def _reset_by_peer(server: ScriptedServer) -> None:
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        post(server, chat("hi"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_breaks_the_connection_in_the_middle_of_the_answer(stream: bool) -> None:
    with ScriptedServer(echo, faults=[Fault(kind="reset", attempts=1)]) as server:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            post(server, chat("hi", stream=stream))
        assert post(server, chat("hi", stream=stream)).status_code == 200
    assert [exchange.status for exchange in server.requests] == [0, 200]


def test_malformed_json_has_status_200() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="malformed")]) as server:
        answer = post(server, chat("hi"))
        streamed = post(server, chat("hi", stream=True))
        with pytest.raises(json.JSONDecodeError):
            InferenceClient(base_url=server.url).chat_completion([{"role": "user", "content": "x"}])
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    with pytest.raises(json.JSONDecodeError):
        json.loads(streamed.text.removeprefix("data: ").partition("\n")[0])


def test_html_has_status_200() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="html")]) as server:
        answer = post(server, chat("hi"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_empty_has_no_choices_and_null_no_content() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="empty", match="^e"), Fault(kind="null", match="^n")]) as server:
        client = InferenceClient(base_url=server.url)
        assert client.chat_completion([{"role": "user", "content": "e"}]).choices == []
        assert client.chat_completion([{"role": "user", "content": "n"}]).choices[0].message.content is None
        assert "heard x" in str(client.chat_completion([{"role": "user", "content": "x"}]))


def test_truncate_gives_half_the_text_and_finish_reason_length() -> None:
    with ScriptedServer(lambda _: "one two", faults=[Fault(kind="truncate")]) as server:
        choice = post(server, chat("hi")).json()["choices"][0]
        streamed = post(server, chat("hi", stream=True)).text
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one", "length")
    assert '"finish_reason": "length"' in streamed


def test_the_numbers_of_a_fault_count_requests_in_order_of_arrival() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="status", status=503, numbers=(2, 3))]) as server:
        assert [post(server, chat("hi")).status_code for _ in range(4)] == [200, 503, 503, 200]
        server.reset()
        assert [post(server, chat("hi")).status_code for _ in range(2)] == [200, 503]


def test_fates_do_not_depend_on_the_order_of_concurrent_requests() -> None:
    async def statuses(prompts: list[str]) -> dict[str, list[int]]:
        faults = [Fault(kind="status", status=429, share=0.2), Fault(kind="status", status=500, share=0.2)]
        with ScriptedServer(echo, faults=faults, latency=Latency(0.001, 0.01), seed=5) as server:
            async with httpx2.AsyncClient(trust_env=False, verify=False) as client:

                async def twice(prompt: str) -> tuple[str, list[int]]:
                    url = f"{server.url}/chat/completions"
                    return prompt, [(await client.post(url, json=chat(prompt))).status_code for _ in range(2)]

                return dict(await asyncio.gather(*(twice(prompt) for prompt in prompts)))

    prompts = [f"prompt {number}" for number in range(60)]
    first, second = asyncio.run(statuses(prompts)), asyncio.run(statuses(prompts[::-1]))
    assert first == second
    assert {status for pair in first.values() for status in pair} == {200, 429, 500}


def test_a_fault_hits_its_share_of_requests_and_another_seed_hits_others() -> None:
    faults = (Fault(kind="reset", share=0.1),)

    def struck(seed: int) -> set[int]:
        plan = FaultPlan(faults=faults, seed=seed)
        return {number for number in range(4000) if plan.fate(request(f"prompt {number}"), number).fault}

    assert 0.085 < len(struck(1)) / 4000 < 0.115
    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


def test_faults_survive_a_file(tmp_path: Path) -> None:
    faults = (Fault(kind="status", status=429, headers={"Retry-After": "1"}, numbers=(1, 2)), Fault(kind="html"))
    (tmp_path / "faults.json").write_text(dump_faults(faults))
    assert load_faults(tmp_path / "faults.json") == faults


@pytest.mark.parametrize(
    "text", ["{", "3", "[3]", '[{"kind": "boom"}]', '[{"king": "html"}]', '[{"kind": "html", "share": 2}]']
)
def test_a_file_of_wrong_faults_is_a_config_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "faults.json").write_text(text)
    with pytest.raises(ConfigError):
        load_faults(tmp_path / "faults.json")


# --- latency


def test_lognormal_latency_has_the_median_and_the_99th_percentile_asked_for() -> None:
    plan = FaultPlan(latency=Latency(median_s=0.2, p99_s=2.0), seed=1)
    seconds = sorted(plan.fate(request(f"prompt {number}"), number).seconds for number in range(20_000))
    assert statistics.median(seconds) == pytest.approx(0.2, rel=0.05)
    assert seconds[19_800] == pytest.approx(2.0, rel=0.15)
    assert Latency(0.2, 2.0).sample(0.5) == pytest.approx(0.2)
    assert Latency(0.2, 2.0).sample(0.99) == pytest.approx(2.0)


def test_fixed_latency_delays_every_answer() -> None:
    plan = FaultPlan(latency=Latency(0.05))
    assert {plan.fate(request(f"prompt {number}"), number).seconds for number in range(100)} == {0.05}
    with ScriptedServer(echo, latency=Latency(0.05)) as server:
        started = time.monotonic()
        post(server, chat("hi"))
        assert time.monotonic() - started >= 0.05


def test_a_latency_is_read_back_from_its_text() -> None:
    for latency in (Latency(), Latency(0.2), Latency(0.2, 2.0)):
        assert Latency.parse(str(latency)) == latency
    for text in ("soon", "1,2,3", "2,1", "-1"):
        with pytest.raises(ConfigError):
            Latency.parse(text)


# --- counts


def test_requests_are_counted_by_model_status_and_content_and_pieces_by_model() -> None:
    with ScriptedServer(lambda _: Reply(text="yes")) as server:
        for body in (chat("one"), chat("one"), chat("two"), {**chat("one"), "model": "b"}):
            post(server, body)
        stats = get(server, "/stats").json()
        with httpx2.Client(trust_env=False, verify=False) as client:
            client.post(server.address + "/stats/reset")
        emptied = server.stats
    assert stats["requests"] == {"a": 3, "b": 1}
    assert stats["statuses"] == {"200": 4}
    assert stats["contents"][content_key("a", [{"role": "user", "content": "one"}])] == 2
    assert stats["pieces"] == {"a": 3, "b": 1}
    assert (stats["in_flight"], stats["most_in_flight"]) == (0, 1)
    assert (emptied.requests, emptied.pieces, emptied.most_in_flight) == ({}, {}, 0)


def test_the_most_requests_in_flight_are_counted() -> None:
    with ScriptedServer(echo, faults=[Fault(kind="hang", seconds=36_000)]) as server:
        waiting = [threading.Thread(target=lambda: _reset_by_peer(server)) for _ in range(4)]
        for thread in waiting:
            thread.start()
        while server.stats.in_flight < 4:
            time.sleep(0.005)
        assert get(server, "/stats").json()["most_in_flight"] == 4
    for thread in waiting:
        thread.join()


def test_attempts_count_requests_with_the_same_content() -> None:
    with ScriptedServer(lambda request: str(request.attempt)) as server:
        replies = [post(server, chat(prompt)).json()["choices"][0]["message"]["content"] for prompt in ("x", "x", "y")]
    assert replies == ["1", "2", "1"]


def test_a_stopped_server_leaves_no_thread_and_no_address() -> None:
    with ScriptedServer(echo) as server:
        post(server, chat("hi"))
    assert not any(thread.name == "scripted-server" for thread in threading.enumerate())
    with pytest.raises(ServiceError, match="not running"):
        _ = server.url
    server.stop()


# --- tables


def test_a_table_answers_by_last_user_message_and_model(tmp_path: Path) -> None:
    lines = [
        {"prompt": "hi", "replies": {"a": "hello", "b": ["one", "two"]}},
        {
            "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "bye"}],
            "replies": {"a": "so long"},
        },
    ]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    reply = table_reply(load_table(tmp_path / "table.jsonl"))
    assert reply(request("hi")) == "hello"
    assert reply(request("bye")) == "so long"
    with pytest.raises(Refusal, match="no reply of model 'a' to the prompt 'what'"):
        reply(request("what"))
    assert table_reply({}, default="so?")(request("what")) == "so?"


def test_several_replies_take_turns_by_attempt_and_choice_or_by_seed() -> None:
    reply = table_reply({"hi": {"a": ("0", "1", "2")}})
    assert [reply(request("hi", attempt=attempt)) for attempt in (1, 2, 3, 4)] == ["0", "1", "2", "0"]
    assert [reply(request("hi", n=2, attempt=2, choice=choice)) for choice in (0, 1)] == ["2", "0"]
    assert [reply(request("hi", seed=7, attempt=attempt)) for attempt in (1, 2)] == ["1", "1"]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"prompt": "hi"}', '{"prompt": "hi", "replies": {"a": 3}}', '{"prompt": "hi", "replies": {"a": []}}'],
)
def test_a_wrong_line_of_a_table_is_a_data_error_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "table.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DataError, match="Line 2 of"):
        load_table(tmp_path / "table.jsonl")


def test_a_table_cannot_have_two_replies_of_a_model_to_a_prompt(tmp_path: Path) -> None:
    (tmp_path / "table.jsonl").write_text('{"prompt": "hi", "replies": {"a": "x"}}\n' * 2)
    with pytest.raises(DataError, match="again for a"):
        load_table(tmp_path / "table.jsonl")


def test_models_survive_a_file_and_wrong_ones_are_config_errors(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text(dump_models(DEFAULT_MODELS))
    assert load_models(path) == DEFAULT_MODELS
    for text in ("[]", '{"a": {"temperature": 9}}', '{"a": {"grammar": "haiku"}}', '{"a": {"warmth": 1}}'):
        path.write_text(text)
        with pytest.raises(ConfigError):
            load_models(path)
    assert ModelSettings().grammar is None
