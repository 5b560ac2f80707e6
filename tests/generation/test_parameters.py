"""The parameters that a service takes: those of the config, those that it refuses, and the key that stays the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ConfigError
from curation.generation import Generator, Models, settings_id, settings_of
from curation.generation.endpoints import EndpointsLLM, endpoints_llm
from curation.generation.parameters import Parameters
from curation.local.inference import Refusal, Reply, Request, ScriptedServer

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


def llm_at(url: str, *, cache: Path | None = None, **options: Any) -> EndpointsLLM:
    generator = Generator(model_id="small", base_url=url, **options)
    return endpoints_llm(generator, name="small", cache=cache, temperature=generator.temperature, max_new_tokens=64)


def ask(llm: EndpointsLLM, *, times: int = 1, messages: list[dict[str, str]] = ASKED) -> list[dict[str, Any]]:
    """Return the replies to so many conversations, asked one after the other; the number is in each."""

    async def run() -> list[dict[str, Any]]:
        llm.load()
        try:
            options = llm.get_generation_kwargs()
            return [
                await llm.agenerate(input=[*messages[:-1], {**messages[-1], "content": f"Why {n}?"}], **options)
                for n in range(times)
            ]
        finally:
            await llm.aclose()

    return asyncio.run(run())


def bodies(server: ScriptedServer) -> list[dict[str, Any]]:
    return [dict(exchange.request.body) for exchange in server.requests]


@pytest.mark.parametrize(
    ("send", "there", "gone"),
    [
        ({"max_tokens": "max_completion_tokens"}, {"max_completion_tokens": 64}, {"max_tokens"}),
        ({"max_tokens": False}, {}, {"max_tokens"}),
        ({"seed": False, "temperature": False}, {"max_tokens": 64}, {"seed", "temperature"}),
        ({"seed": "random_seed"}, {"max_tokens": 64, "temperature": 0.7}, {"seed"}),
    ],
)
def test_the_config_renames_parameters_and_leaves_them_out(
    send: dict[str, Any], there: dict[str, Any], gone: set[str]
) -> None:
    with ScriptedServer(lambda request: "Because.") as server:
        ask(llm_at(server.url, send=send))
        [body] = bodies(server)
    assert there.items() <= body.items()
    assert not gone & body.keys()
    assert ("random_seed" in body) == ("random_seed" in send.values())


@pytest.mark.parametrize(
    "send", [{"seed": True}, {"seed": ""}, {"seed": "a b"}, {"messages": False}, {"max_tokens": 5}]
)
def test_other_values_of_send_are_refused(send: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="send"):
        Generator(model_id="small", send=send)


def strict(request: Request) -> Reply:
    """A reasoning model of OpenAI's: it takes neither max_tokens nor a temperature."""
    if "max_tokens" in request.body:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        raise Refusal(400, message, code="unsupported_parameter", param="max_tokens")
    if "temperature" in request.body:
        message = "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) is."
        raise Refusal(400, message, code="unsupported_value", param="temperature")
    return Reply(text="Because.")


def test_a_parameter_that_a_service_refuses_is_renamed_or_left_out_and_the_service_is_asked_so_from_then_on() -> None:
    with ScriptedServer(strict) as server:
        replies = ask(llm_at(server.url, max_attempts=1), times=3)
        sent = bodies(server)
    assert [reply["generations"] for reply in replies] == [["Because."]] * 3
    assert [reply["statistics"]["attempts"] for reply in replies] == [[1]] * 3
    # Two refusals, then three answers; what bounds the cost is never left out.
    assert [sorted(body.keys() & {"max_tokens", "max_completion_tokens", "temperature", "seed"}) for body in sent] == [
        ["max_tokens", "seed", "temperature"],
        ["max_completion_tokens", "seed", "temperature"],
        *[["max_completion_tokens", "seed"]] * 3,
    ]


def test_a_reply_is_found_again_whatever_its_parameters_are_called(tmp_path: Path) -> None:
    cache = tmp_path / "requests.sqlite"
    with ScriptedServer(strict) as server:
        [first] = ask(llm_at(server.url, cache=cache))
        server.reset()
        for send in ({}, {"max_tokens": "max_completion_tokens", "seed": False}):
            [again] = ask(llm_at(server.url, cache=cache, send=send))
            assert again["statistics"]["request"] == first["statistics"]["request"]
        assert server.requests == ()
        # Without a temperature it is another request: other answers may come.
        [other] = ask(llm_at(server.url, cache=cache, send={"temperature": False}))
        assert other["statistics"]["request"] != first["statistics"]["request"]


def test_a_value_that_is_out_of_range_is_not_left_out() -> None:
    def greedy(request: Request) -> Reply:
        raise Refusal(400, "max_tokens is too large: 64. At most 32 are supported.", code="invalid", param="max_tokens")

    with ScriptedServer(greedy) as server:
        [reply] = ask(llm_at(server.url))
        assert len(server.requests) == 1
    assert reply["statistics"]["failure"] == ["http_400"]
    assert reply["statistics"]["detail"] == ["max_tokens is too large: 64. At most 32 are supported."]


def test_a_parameter_is_left_out_once_and_what_is_refused_then_is_a_failure() -> None:
    parameters = Parameters({})
    body = {"seed": 1, "max_tokens": 5}
    assert parameters.learn(("seed",), body) == "seed, which is left out"
    # A request that was under way learned the same.
    assert parameters.learn(("seed",), body) == ""
    sent = parameters.applied(body)
    assert sent == {"max_tokens": 5}
    assert parameters.learn(("seed",), sent) is None
    assert parameters.learn(("max_tokens",), sent) == "max_tokens, which is sent as max_completion_tokens"
    assert parameters.learn(("max_completion_tokens",), parameters.applied(body)) is None


def no_system(request: Request) -> Reply:
    if any(message["role"] == "system" for message in request.messages):
        raise Refusal(400, "System role not supported", code="invalid")
    return Reply(text="Because.")


def test_a_model_that_takes_no_system_prompt_gets_it_in_the_user_turn_if_the_config_says_so() -> None:
    with ScriptedServer(no_system) as server:
        [refused] = ask(llm_at(server.url))
        [answered] = ask(llm_at(server.url, system_prompt_in_user=True))
        assert bodies(server)[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhy 0?"}]
    assert refused["statistics"]["failure"] == ["system_role_refused"]
    assert refused["statistics"]["detail"] == ["System role not supported (set system_prompt_in_user = true)"]
    assert answered["generations"] == ["Because."]


def test_words_about_roles_are_no_matter_of_the_system_prompt_where_none_was_sent() -> None:
    def confused(request: Request) -> Reply:
        raise Refusal(400, "Conversation roles must alternate", code="invalid")

    with ScriptedServer(confused) as server:
        [reply] = ask(llm_at(server.url), messages=ASKED[1:])
    assert reply["statistics"]["failure"] == ["http_400"]


def test_only_what_changes_answers_is_part_of_the_settings() -> None:
    def settings(**options: Any) -> Models:
        return Models(generators=(Generator(model_id="small", **options),))

    plain = settings_id(settings())
    assert settings_id(settings(send={"max_tokens": "max_completion_tokens", "seed": False})) == plain
    assert settings_id(settings(send={"temperature": False})) != plain
    assert settings_id(settings(system_prompt_in_user=True)) != plain
    assert settings_of(settings(send={"temperature": False}))["generate small"]["temperature"] is None
