"""The endpoints LLM: which key goes where, what is asked, what is tried again, and what a failure is called."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import tenacity

from curation.errors import AuthError, ConfigError, TemporaryError
from curation.generation import Generator, check_endpoint, endpoints
from curation.generation.endpoints import EndpointsLLM, endpoints_llm
from curation.local.inference import Fault, Reply, ScriptedServer

ASKED = [{"role": "user", "content": "Why?"}]
SECRETS = {"HF_TOKEN": "hf_sesame", "MY_KEY": "key_sesame"}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test, and no waiting between tries."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "CURATION_INFERENCE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(endpoints, "_backoff", tenacity.wait_none())


@contextmanager
def serving(*faults: Fault, text: str = "Because.", **options: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda request: text, faults=faults, **options) as server:
        yield server


def ask(llm: EndpointsLLM, *, times: int = 1, generations: int = 1, **options: Any) -> list[dict[str, Any]]:
    """Return distilabel's output for the same conversation, asked `times` at once."""

    async def run() -> list[dict[str, Any]]:
        llm.load()
        try:
            asked = (
                llm.agenerate(input=ASKED, num_generations=generations, **llm.get_generation_kwargs(), **options)
                for _ in range(times)
            )
            return list(await asyncio.gather(*asked))
        finally:
            await llm.aclose()

    return asyncio.run(run())


def outcome(llm: EndpointsLLM) -> tuple[str | None, str | None, int]:
    """Return the generation, the failure and the attempts of one request."""
    [output] = ask(llm)
    statistics = output["statistics"]
    return output["generations"][0], statistics.get("failure", [None])[0], statistics["attempts"][0]


def llm_at(server: ScriptedServer, **options: Any) -> EndpointsLLM:
    return endpoints_llm(Generator(model_id="small", base_url=server.url, **options), name="small")


def authorizations(server: ScriptedServer) -> set[str | None]:
    return {exchange.request.authorization for exchange in server.requests}


def closed_address() -> str:
    """Return an address at which nothing listens any more."""
    with serving() as server:
        return server.url


def test_a_base_url_elsewhere_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    with serving() as server:
        ask(llm_at(server))
        assert authorizations(server) == {None}


def test_the_address_of_all_models_gets_no_token_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    with serving() as server:
        monkeypatch.setenv("CURATION_INFERENCE_URL", server.url)
        assert ask(endpoints_llm(Generator(model_id="small"), name="small"))[0]["generations"] == ["Because."]
        assert authorizations(server) == {None}


def test_a_base_url_at_the_hubs_own_origin_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        ask(llm_at(server))
        assert authorizations(server) == {"Bearer hf_sesame"}


def test_the_key_that_a_config_names_is_sent_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        ask(llm_at(server, api_key_env="MY_KEY"))
        assert authorizations(server) == {"Bearer key_sesame"}


@pytest.mark.parametrize("value", [None, ""])
def test_a_key_that_is_not_set_is_a_config_error_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setenv("MY_KEY", value) if value is not None else monkeypatch.delenv("MY_KEY", raising=False)
    with serving() as server, pytest.raises(ConfigError) as caught:
        ask(llm_at(server, api_key_env="MY_KEY", name="cool"))
    assert caught.value.message == "small takes its key from MY_KEY, which is not set."
    assert caught.value.remedy == "export MY_KEY=..."


def test_a_model_by_its_id_alone_is_asked_at_the_router_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    for empty in ("CURATION_INFERENCE_URL", "HF_ENDPOINT"):
        monkeypatch.setenv(empty, "")
    llm = endpoints_llm(Generator(model_id="small"), name="small")
    llm.load()
    assert llm._url == "https://router.huggingface.co/v1/chat/completions"
    assert llm._api_key == "hf_sesame"


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")
def test_nothing_that_is_printed_or_dumped_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with serving() as server:
        llm = llm_at(server, api_key_env="MY_KEY")
        llm.load()
        assert llm._api_key == "key_sesame"
        shown = [repr(llm), str(llm), str(llm.dump()), llm.model_dump_json()]
    assert not [text for text in shown if "sesame" in text]


def test_a_request_says_what_the_options_say() -> None:
    generator = Generator(model_id="small", temperature=0.25, max_new_tokens=77)
    with serving() as server:
        llm = endpoints_llm(
            generator.model_copy(update={"base_url": server.url}), name="cool", temperature=0.25, max_new_tokens=77
        )
        [output] = ask(llm)
        [exchange] = server.requests
    body = dict(exchange.request.body)
    assert isinstance(body.pop("seed"), int)
    assert body == {"model": "small", "messages": ASKED, "stream": False, "max_tokens": 77, "temperature": 0.25}
    assert output["generations"] == ["Because."]
    assert llm.model_name == "cool"


def test_what_the_server_says_of_a_reply_is_kept() -> None:
    reply = Reply(text="Because.", finish_reason="length", prompt_tokens=7, completion_tokens=3)
    with ScriptedServer(lambda request: reply) as server:
        [output] = ask(llm_at(server))
    assert output["statistics"] == {
        "attempts": [1],
        "finish_reason": ["length"],
        "input_tokens": [7],
        "output_tokens": [3],
    }


def test_a_reply_is_kept_to_the_last_byte() -> None:
    odd = " مرحبا 👩\u200d👧\r\n\ttab \u202e e\u0301 \n"
    with serving(text=odd) as server:
        assert outcome(llm_at(server))[0] == odd


def seeds(server: ScriptedServer) -> list[int | None]:
    return [exchange.request.seed for exchange in server.requests]


def test_the_same_request_has_the_same_seed_in_every_run() -> None:
    with serving() as server:
        for _ in range(3):
            ask(llm_at(server))
        first, *others = seeds(server)
        assert others == [first, first]
        assert first is not None


def test_several_answers_to_one_prompt_and_two_settings_of_one_model_have_different_seeds() -> None:
    with serving() as server:
        ask(llm_at(server), generations=3)
        ask(endpoints_llm(Generator(model_id="small", base_url=server.url), name="other"))
        assert len(set(seeds(server))) == 4


def test_a_retry_asks_the_same_again() -> None:
    with serving(Fault(kind="status", status=503, attempts=2)) as server:
        assert outcome(llm_at(server)) == ("Because.", None, 3)
        assert len({str(exchange.request.body) for exchange in server.requests}) == 1


NOW = {"retry-after": "0"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=429, headers=NOW, attempts=1),
        Fault(kind="status", status=429, attempts=1),
        Fault(kind="status", status=500, attempts=1),
        Fault(kind="status", status=408, attempts=1),
        Fault(kind="status", status=504, headers={"retry-after": "soon"}, attempts=1),
        Fault(kind="reset", attempts=1),
        Fault(kind="html", attempts=1),
        Fault(kind="malformed", attempts=1),
        Fault(kind="empty", attempts=1),
        Fault(kind="null", attempts=1),
        Fault(kind="hang", seconds=5, attempts=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}" if fault.kind == "status" else fault.kind,
)
def test_what_may_pass_is_tried_again(fault: Fault) -> None:
    with serving(fault) as server:
        assert outcome(llm_at(server, timeout=0.3 if fault.kind == "hang" else 5.0)) == ("Because.", None, 2)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="status", status=429), "rate_limited"),
        (Fault(kind="status", status=500), "http_500"),
        (Fault(kind="reset"), "connection_lost"),
        (Fault(kind="html"), "reply_is_not_json"),
        (Fault(kind="malformed"), "reply_is_not_json"),
        (Fault(kind="empty"), "reply_has_no_choice"),
        (Fault(kind="hang", seconds=5), "timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_pass_is_given_up_and_named(fault: Fault, reason: str) -> None:
    with serving(fault) as server:
        generation, failure, attempts = outcome(llm_at(server, timeout=0.05 if fault.kind == "hang" else 5.0))
        assert (generation, failure) == (None, reason)
        assert attempts == len(server.requests) == endpoints.ATTEMPTS


TOO_LONG = '{"error": {"message": "This model\'s maximum context length is 8192 tokens."}}'


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="status", status=400, body=TOO_LONG), "context_too_long"),
        (Fault(kind="status", status=400, body="{}"), "http_400"),
        (Fault(kind="status", status=401), "unauthorized"),
        (Fault(kind="status", status=403), "forbidden"),
        (Fault(kind="status", status=404), "not_found"),
        (Fault(kind="status", status=422), "http_422"),
    ],
)
def test_what_would_fail_again_is_not_tried_again(fault: Fault, reason: str) -> None:
    with serving(fault) as server:
        assert outcome(llm_at(server)) == (None, reason, 1)
        assert len(server.requests) == 1


def test_a_reply_that_a_filter_cut_is_no_answer_and_not_asked_for_again() -> None:
    with ScriptedServer(lambda request: Reply(text="I", finish_reason="content_filter")) as server:
        assert outcome(llm_at(server)) == (None, "content_filter", 1)


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_reply_without_text_is_no_answer(text: str) -> None:
    with serving(text=text) as server:
        assert outcome(llm_at(server))[:2] == (None, "empty_reply")


def test_one_failure_among_several_generations_is_that_one_alone() -> None:
    with serving(Fault(kind="status", status=400, numbers=(1,))) as server:
        [output] = ask(llm_at(server), generations=3)
    assert sorted(map(str, output["generations"])) == ["Because.", "Because.", "None"]
    assert [reason for reason in output["statistics"]["failure"] if reason] == ["http_400"]


def test_the_wait_that_a_server_asks_for_is_kept_to_but_not_for_ever() -> None:
    waits = [_wait_after(seconds) for seconds in (2.5, 0.0, 3600.0)]
    assert waits == [2.5, 0.0, endpoints.LONGEST_WAIT_SECONDS]


def _wait_after(seconds: float) -> float:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    failed = endpoints.RequestFailed("rate_limited", retry=True, after=seconds)
    state.set_exception((type(failed), failed, None))
    return endpoints._wait(state)


def test_no_more_requests_are_in_flight_than_the_config_allows() -> None:
    with serving(Fault(kind="hang", seconds=0.02)) as server:
        ask(llm_at(server, max_concurrency=3), times=15)
        assert server.stats.most_in_flight == 3


def test_waiting_for_ones_turn_is_not_waiting_for_the_server() -> None:
    with serving(Fault(kind="hang", seconds=0.1)) as server:
        outputs = ask(llm_at(server, max_concurrency=1, timeout=0.3), times=5)
    assert [output["statistics"]["attempts"] for output in outputs] == [[1]] * 5


def test_nothing_to_ask_is_no_request() -> None:
    with serving() as server:
        llm = llm_at(server)
        llm.load()
        assert asyncio.run(llm.agenerate(input=[], num_generations=1)) == {"generations": [None], "statistics": {}}
        assert server.requests == ()


def test_a_dead_endpoint_is_temporary_and_named() -> None:
    url = closed_address()
    with pytest.raises(TemporaryError, match=f"The endpoint of cool at {url}/chat/completions does not answer"):
        check_endpoint(Generator(model_id="small", base_url=url), name="cool")


def test_an_endpoint_that_refuses_the_key_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "wrong_sesame")
    with serving(api_key="right") as server:
        with pytest.raises(AuthError) as caught:
            check_endpoint(Generator(model_id="small", base_url=server.url, api_key_env="MY_KEY"), name="cool")
        with pytest.raises(AuthError, match="HF_TOKEN"):
            check_endpoint(Generator(model_id="small", base_url=server.url), name="cool")
    assert "refused the key (401)" in caught.value.message
    assert "MY_KEY" in str(caught.value.remedy)
    assert "sesame" not in str(caught.value)


def test_an_endpoint_that_answers_says_where() -> None:
    with serving() as server:
        sentence = check_endpoint(Generator(model_id="small", base_url=server.url), name="cool")
        assert sentence == f"answers at {server.url}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "reply_has_no_choice"),
        (b"null", "reply_has_no_choice"),
        (b'"text"', "reply_has_no_choice"),
        (b"{}", "reply_has_no_choice"),
        (b'{"choices": []}', "reply_has_no_choice"),
        (b'{"choices": [null]}', "reply_has_no_choice"),
        (b'{"choices": [{"message": null}]}', "reply_has_no_choice"),
        (b'{"choices": [{"message": {"content": null}}]}', "empty_reply"),
        (b'{"choices": [{"message": {"content": ["parts"]}}]}', "empty_reply"),
        (b"\xff\xfe", "reply_is_not_json"),
        (b"", "reply_is_not_json"),
    ],
)
def test_an_answer_in_another_shape_has_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(endpoints.RequestFailed) as caught:
        endpoints.read_completion(httpx2.Response(200, content=body))
    assert caught.value.reason == reason


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}])
def test_a_server_that_counts_no_tokens_is_no_failure(usage: object) -> None:
    body = {"choices": [{"message": {"content": "Because."}}], "usage": usage}
    found = endpoints.read_completion(httpx2.Response(200, json=body))
    assert found["generation"] == "Because."
    assert found["input_tokens"] is None
