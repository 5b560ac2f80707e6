"""The endpoints LLM: which key goes where, what exactly is asked, and what distilabel gets back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tenacity
from pydantic import BaseModel

from curation.errors import AuthError, ConfigError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation import Generator, check_endpoint, client, reach_endpoint
from curation.generation.endpoints import EndpointsLLM, endpoints_llm
from curation.local.inference import Fault, Reply, ScriptedServer

ASKED = [{"role": "user", "content": "Why?"}]
SECRETS = {"HF_TOKEN": "hf_sesame", "MY_KEY": "key_sesame"}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test, and no waiting between tries."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "CURATION_INFERENCE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_backoff", tenacity.wait_none())


@contextmanager
def serving(*faults: Fault, text: str = "Because.", **options: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda request: text, faults=faults, **options) as server:
        yield server


def ask(llm: EndpointsLLM, input: Any = ASKED, *, generations: int = 1, **options: Any) -> dict[str, Any]:
    """Return distilabel's output for one conversation."""

    async def run() -> dict[str, Any]:
        llm.load()
        try:
            given = {**llm.get_generation_kwargs(), **options}
            return await llm.agenerate(input=input, num_generations=generations, **given)
        finally:
            await llm.aclose()

    return asyncio.run(run())


def llm_at(server: ScriptedServer, *, cache: Path | None = None, **options: Any) -> EndpointsLLM:
    return endpoints_llm(Generator(model_id="small", base_url=server.url, **options), name="small", cache=cache)


def authorizations(server: ScriptedServer) -> set[str | None]:
    return {exchange.request.authorization for exchange in server.requests}


def sent(server: ScriptedServer) -> dict[str, Any]:
    """Return the body of the one request that was sent."""
    [exchange] = server.requests
    return dict(exchange.request.body)


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
        assert ask(endpoints_llm(Generator(model_id="small"), name="small"))["generations"] == ["Because."]
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
    assert caught.value.message == "The key of small is read from MY_KEY, which is not set."
    assert caught.value.remedy == "export MY_KEY=..."


def test_a_model_by_its_id_alone_is_asked_at_the_router_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_sesame")
    for empty in ("CURATION_INFERENCE_URL", "HF_ENDPOINT"):
        monkeypatch.setenv(empty, "")
    llm = endpoints_llm(Generator(model_id="small"), name="small")
    llm.load()
    assert llm._client.url == "https://router.huggingface.co/v1"
    assert llm._client._api_key == "hf_sesame"


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")
def test_nothing_that_is_printed_or_dumped_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with serving() as server:
        llm = llm_at(server, api_key_env="MY_KEY")
        llm.load()
        assert llm._client._api_key == "key_sesame"
        shown = [repr(llm), str(llm), repr(llm._client), str(llm.dump()), llm.model_dump_json()]
    assert not [text for text in shown if "sesame" in text]


def test_a_request_says_what_the_options_say() -> None:
    with serving() as server:
        generator = Generator(model_id="small", base_url=server.url)
        llm = endpoints_llm(generator, name="cool", temperature=0.25, max_new_tokens=77)
        output = ask(llm)
        body = sent(server)
    assert isinstance(body.pop("seed"), int)
    assert body == {"model": "small", "messages": ASKED, "stream": False, "max_tokens": 77, "temperature": 0.25}
    assert output["generations"] == ["Because."]
    assert llm.model_name == "cool"


def test_every_option_of_a_request_reaches_the_server() -> None:
    options: dict[str, Any] = {
        "top_p": 0.9,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.25,
        "stop": ["END"],
        "seed": 7,
    }
    with serving() as server:
        ask(llm_at(server), **options, extra_body={"top_k": 40})
        body = sent(server)
    assert {key: body[key] for key in options} == options
    assert body["top_k"] == 40


def test_a_provider_is_part_of_the_model_and_the_organisation_that_pays_a_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving() as server:
        monkeypatch.setenv("CURATION_INFERENCE_URL", server.url)
        ask(endpoints_llm(Generator(model_id="acme/small", provider="groq", bill_to="acme"), name="small"))
        [exchange] = server.requests
    assert exchange.request.body["model"] == "acme/small:groq"
    assert exchange.request.headers["x-hf-bill-to"] == "acme"


def test_without_a_provider_there_is_neither() -> None:
    with serving() as server:
        ask(llm_at(server))
        [exchange] = server.requests
    assert exchange.request.body["model"] == "small"
    assert "x-hf-bill-to" not in exchange.request.headers


SCHEMA = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}


class Mood(BaseModel):
    mood: str


@pytest.mark.parametrize(
    ("structure", "response_format"),
    [
        ({"format": "json", "schema": SCHEMA}, JSON_SCHEMA),
        ({"schema": SCHEMA}, JSON_SCHEMA),
        (
            {"format": "json", "schema": Mood},
            {"type": "json_schema", "json_schema": {"name": "reply", "schema": Mood.model_json_schema()}},
        ),
        ({"format": "regex", "schema": "yes|no"}, {"type": "regex", "value": "yes|no"}),
    ],
    ids=["json", "no format", "class", "regex"],
)
def test_a_structured_output_of_distilabel_reaches_the_server(
    structure: dict[str, Any], response_format: dict[str, Any]
) -> None:
    with serving() as server:
        ask(EndpointsLLM(name="small", model_id="small", base_url=server.url, structured_output=structure))
        assert sent(server)["response_format"] == response_format


def test_an_inputs_own_structured_output_goes_before_the_models() -> None:
    own = {"format": "regex", "schema": "yes|no"}
    with serving() as server:
        general = {"format": "json", "schema": SCHEMA}
        llm = EndpointsLLM(name="small", model_id="small", base_url=server.url, structured_output=general)
        ask(llm, (ASKED, own))
        body = sent(server)
    assert body["response_format"] == {"type": "regex", "value": "yes|no"}
    assert body["messages"] == ASKED


def test_an_input_without_structured_output_of_its_own_may_say_so() -> None:
    with serving() as server:
        ask(llm_at(server), (ASKED, None))
        assert "response_format" not in sent(server)


def test_what_the_server_says_of_a_reply_is_kept() -> None:
    reply = Reply(text="Because.", finish_reason="length", prompt_tokens=7, completion_tokens=3)
    with ScriptedServer(lambda request: reply) as server:
        statistics = ask(llm_at(server))["statistics"]
    [seconds], [request] = statistics.pop("seconds"), statistics.pop("request")
    assert seconds >= 0
    assert re.fullmatch(r"[0-9a-f]{32}", request)
    assert statistics == {"attempts": [1], "finish_reason": ["length"], "input_tokens": [7], "output_tokens": [3]}


def test_a_failure_is_data_with_its_reason_and_attempts() -> None:
    with serving(Fault(kind="status", status=503)) as server:
        output = ask(llm_at(server, max_attempts=2))
    assert output["generations"] == [None]
    assert (output["statistics"]["failure"], output["statistics"]["attempts"]) == (["http_503"], [2])


def test_a_reply_is_kept_to_the_last_byte() -> None:
    odd = " مرحبا 👩\u200d👧\r\n\ttab \u202e e\u0301 \n"
    with serving(text=odd) as server:
        assert ask(llm_at(server))["generations"] == [odd]


def seeds(server: ScriptedServer) -> list[int | None]:
    return [exchange.request.seed for exchange in server.requests]


def test_the_same_request_has_the_same_seed_in_every_run_and_wherever_the_model_answers() -> None:
    with serving() as server, serving() as elsewhere:
        for _ in range(3):
            ask(llm_at(server))
        ask(llm_at(elsewhere))
        first, *others = seeds(server)
        assert others == [first, first]
        assert seeds(elsewhere) == [first]
        assert first is not None


def test_several_answers_to_one_prompt_and_two_settings_of_one_model_have_different_seeds() -> None:
    with serving() as server:
        ask(llm_at(server), generations=3)
        ask(endpoints_llm(Generator(model_id="small", base_url=server.url), name="other"))
        assert len(set(seeds(server))) == 4


def test_one_failure_among_several_generations_is_that_one_alone() -> None:
    with serving(Fault(kind="status", status=400, numbers=(1,))) as server:
        output = ask(llm_at(server), generations=3)
    assert sorted(map(str, output["generations"])) == ["Because.", "Because.", "None"]
    assert [reason for reason in output["statistics"]["failure"] if reason] == ["http_400"]
    assert {len(values) for values in output["statistics"].values()} == {3}


def test_with_a_cache_a_second_run_asks_nothing_and_gets_the_same(tmp_path: Path) -> None:
    with serving() as server:
        first, second = (ask(llm_at(server, cache=tmp_path / "c"), generations=2) for _ in range(2))
        assert len(server.requests) == 2
    assert second["generations"] == first["generations"]
    assert (first["statistics"]["attempts"], second["statistics"]["attempts"]) == ([1, 1], [0, 0])


def test_it_can_be_asked_without_a_loop_of_ones_own_as_the_stock_engine_does() -> None:
    with serving() as server:
        llm = llm_at(server)
        llm.load()
        [output] = llm.generate_outputs(inputs=[ASKED])
        llm.unload()
    assert output["generations"] == ["Because."]


def test_a_dead_endpoint_is_temporary_and_named() -> None:
    url = closed_address()
    with pytest.raises(TemporaryError, match=f"The endpoint of cool at {url} does not answer"):
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


def test_a_model_on_this_machine_is_asked_for_one_token() -> None:
    with serving() as server:
        reached = check_endpoint(Generator(model_id="small", base_url=server.url), name="cool")
        assert reached == (f"small answers at {server.url}", False)
        assert [exchange.request.max_tokens for exchange in server.requests if exchange.request.messages] == [1]


@pytest.mark.parametrize(
    ("status", "message", "doubtful"),
    [
        (400, "This model only answers prompts of its template.", True),
        (422, "The conversation must have a context.", True),
        (400, "Conversation roles must alternate user/assistant.", True),
        # OpenAI's reasoning models think first, and the only token is used up.
        (400, "Could not finish the message because max_tokens or model output limit was reached.", False),
    ],
    ids=["template", "context", "roles", "thinks"],
)
def test_a_model_that_takes_only_requests_of_its_own_kind_is_doubtful_and_no_fault(
    status: int, message: str, doubtful: bool
) -> None:
    fault = Fault(kind="status", status=status, body=json.dumps({"error": {"message": message}}))
    with serving(fault) as server:
        reached = check_endpoint(Generator(model_id="judge", base_url=server.url), name="judge")
    assert reached.doubtful is doubtful
    assert (message.rstrip(".") in reached.sentence) is doubtful
    assert ("--preview 1" in reached.sentence) is doubtful


@pytest.mark.parametrize(("status", "error"), [(404, MissingError), (402, ServiceError), (503, TemporaryError)])
def test_a_model_that_is_not_there_not_paid_or_out_of_order_is_a_fault(status: int, error: type[CurationError]) -> None:
    with serving(Fault(kind="status", status=status, match="Hi")) as server, pytest.raises(error):
        check_endpoint(Generator(model_id="small", base_url=server.url), name="cool")


def test_to_reach_an_endpoint_asks_no_model_of_it() -> None:
    with serving() as server:
        reach_endpoint(Generator(model_id="small", base_url=server.url), name="cool")
        assert [exchange.request.messages for exchange in server.requests if exchange.request.messages] == []
    with pytest.raises(TemporaryError, match="does not answer"):
        reach_endpoint(Generator(model_id="small", base_url=closed_address()), name="cool")
