"""The LLM class for Inference Endpoints: Inference Providers, a dedicated endpoint, or any OpenAI-compatible server.

It replaces distilabel's InferenceEndpointsLLM, which cannot load a model_id with huggingface_hub 1 or later, has no
timeout and no retry, and turns every error into an empty answer without a reason.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from distilabel.models.llms.base import AsyncLLM
from pydantic import BaseModel, Field, JsonValue, PrivateAttr

from curation.environment import key_from
from curation.errors import ConfigError, CurationError
from curation.generation.batch import Lane
from curation.generation.cache import RequestCache
from curation.generation.client import ChatClient
from curation.generation.dedicated import wake
from curation.generation.endpoint_options import ROUTER_URL, Endpoint, endpoint_address, is_hugging_face
from curation.generation.meter import StageMeter
from curation.hub import DEFAULT_ENDPOINT


class EndpointsLLM(AsyncLLM):  # type: ignore[misc]
    """A distilabel LLM over `/chat/completions`. It does not hold the API key, so a dump of a pipeline contains none.

    If a request fails for good, its generation is None, and its statistics have `failure` (the reason) and `attempts`;
    distilabel puts these into the row's `distilabel_metadata`. A wrong key or model, or an outage, raises after the
    first few requests.
    """

    _num_generations_param_supported: ClassVar[bool] = True

    name: str
    model_id: str
    provider: str | None = None
    bill_to: str | None = None
    base_url: str | None = None
    endpoint_name: str | None = None
    api_key_env: str | None = None
    max_concurrency: int = 16
    max_attempts: int = 10
    timeout: float = 120.0
    send: dict[str, str | bool] = Field(default_factory=dict)
    system_prompt_in_user: bool = False
    structured_output: dict[str, Any] | None = Field(default=None)
    cache: str | None = None
    asks_again: bool = False
    """Whether the caller asks again with more tokens after a reply that is nothing but thoughts."""

    _meter: StageMeter | None = PrivateAttr(default=None)
    _story: Callable[[str], None] | None = PrivateAttr(default=None)
    _sends: bool = PrivateAttr(default=True)
    _lane: Lane | None = PrivateAttr(default=None)

    @property
    def model_name(self) -> str:
        """The generator's name, which tells two settings of one model apart."""
        return self.name

    def load(self) -> None:
        """Find the address and the key. A dedicated endpoint that sleeps is started and awaited.

        Raises ConfigError if the key's variable is not set, AuthError or MissingError if the endpoint is not ours.
        """
        super().load()
        url = self._find_url() if self._sends else self._known_url() or ""
        client = ChatClient(
            Endpoint(**self.model_dump(include=set(OPTIONS))),
            name=self.name,
            url=url,
            api_key=self._find_key(url) if self._sends else None,
            sends=self._sends,
            lane=self._lane,
            cache=RequestCache.shared(Path(self.cache)) if self.cache is not None else None,
            meter=self._meter,
            story=self._story,
            asks_again=self.asks_again,
        )
        # This bypasses pydantic, because reading its private attributes takes longer than the rest of a request.
        object.__setattr__(self, "_client", client)

    def unload(self) -> None:
        """Close what `load` opened. distilabel's own runner calls this outside of any event loop."""
        if self._opened is not None and not self.event_loop.is_running():
            self.event_loop.run_until_complete(self.aclose())
        super().unload()

    def measure(self, meter: StageMeter, story: Callable[[str], None]) -> None:
        """Count every request in `meter`, and pass each change of the limit to `story`. Call this before `load`."""
        self._meter, self._story = meter, story

    def rehearse(self, meter: StageMeter) -> None:
        """Answer from the cache only, and count this in `meter`. Call this before `load`.

        A request that is not in the cache gets None, with the failure `not_in_cache`.
        """
        self._meter, self._sends = meter, False

    def collect(self, meter: StageMeter, lane: Lane) -> None:
        """Answer from the cache, and write the other requests to batch files. Call this before `load`.

        A row with such a request gets NotAnsweredYet.
        """
        self._meter, self._lane, self._sends = meter, lane, False

    async def reach(self) -> str:
        """Ask the server for its list of models, and return its address.

        Raises TemporaryError if it does not answer, AuthError if it refuses the key.
        """
        if self._sends:
            await self._client.reach()
        return str(self._client.url)

    async def try_once(self) -> str | None:
        """Ask the model for one token. Raises the error if it does not answer.

        Returns the service's reason if it refused this request in a way that says nothing of others, else None.
        """
        body = {"model": self._asked_model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        refusal: str | None = await self._client.try_once({**body, "stream": False})
        return refusal

    @property
    def _asked_model(self) -> str:
        return f"{self.model_id}:{self.provider}" if self.provider else self.model_id

    async def agenerate(
        self,
        input: Any,
        num_generations: int = 1,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        frequency_penalty: float | None = None,
        presence_penalty: float | None = None,
        stop: list[str] | None = None,
        seed: int | None = None,
        extra_body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return distilabel's GenerateOutput for one conversation. A failure of one prompt is data, not an exception.

        `input` is a list of messages, or a tuple of such a list and a structured output. `extra_body` is for parameters
        that only some servers know. Raises AuthError, MissingError or ServiceError if the endpoint refuses all
        requests, TemporaryError if it no longer answers.
        """
        begun = self.begin(
            input,
            num_generations,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            frequency_penalty=frequency_penalty,
            presence_penalty=presence_penalty,
            stop=stop,
            seed=seed,
            extra_body=extra_body,
        )
        return begun if isinstance(begun, dict) else await begun()

    def begin(
        self,
        input: Any,
        num_generations: int = 1,
        *,
        max_new_tokens: int | None = None,
        extra_body: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> dict[str, Any] | Callable[[], Awaitable[dict[str, Any]]]:
        """Return what `agenerate` does if all of it is in the cache, else a function to be awaited for it."""
        messages, structure = input if isinstance(input, tuple) else (input, self.structured_output)
        if self.system_prompt_in_user:
            messages = system_in_user(messages)
        body = {
            "model": self._asked_model,
            "messages": messages,
            "stream": False,
            "max_tokens": max_new_tokens,
            **parameters,
            "response_format": _response_format(structure) if structure is not None else None,
            **(extra_body or {}),
        }
        body = {key: value for key, value in body.items() if value is not None}
        if self.send.get("temperature") is False:
            # A temperature changes which answers are likely (a seed or a limit does not), so it is part of the key.
            del body["temperature"]
        replies = [self._client.begin(dict(body), nth=nth) for nth in range(num_generations)]
        known = [reply for reply in replies if isinstance(reply, dict)]
        return _generated(known) if len(known) == num_generations else partial(_all_generated, replies)

    def end(self, error: CurationError) -> None:
        """Send no more requests: those that wait for their turn raise `error`."""
        if self._opened is not None:
            self._opened.end(error)

    async def aclose(self) -> None:
        """Close the connections and the cache."""
        client = self._opened
        if client is not None:
            object.__delattr__(self, "_client")
            await client.aclose()

    @property
    def ended(self) -> CurationError | None:
        """The error for which no more requests are sent, None while requests are sent."""
        return self._opened.ended if self._opened is not None else None

    @property
    def _opened(self) -> ChatClient | None:
        return vars(self).get("_client")

    def _find_url(self) -> str:
        return self._known_url() or wake(str(self.endpoint_name))

    def _known_url(self) -> str | None:
        """Return the address, None if only the Hub knows it (for a dedicated endpoint)."""
        if self.base_url is not None or self.endpoint_name is not None:
            return self.base_url
        try:
            return endpoint_address(os.environ.get("CURATION_INFERENCE_URL") or ROUTER_URL)
        except ValueError as error:
            raise ConfigError(f"CURATION_INFERENCE_URL {error}.") from None

    def _find_key(self, url: str) -> str | None:
        if self.api_key_env is not None:
            key = key_from(self.api_key_env)
            if key is None:
                raise ConfigError(
                    f"The key of {self.name} is read from {self.api_key_env}, which is not set.",
                    remedy=f"export {self.api_key_env}=...",
                )
            return key
        if is_hugging_face(url, os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT):
            return key_from("HF_TOKEN")
        return None


async def _all_generated(replies: list[dict[str, Any] | Callable[[], Awaitable[dict[str, Any]]]]) -> dict[str, Any]:
    if len(replies) == 1 and not isinstance(replies[0], dict):
        return _generated([await replies[0]()])
    waited = iter(await asyncio.gather(*(reply() for reply in replies if not isinstance(reply, dict))))
    return _generated([reply if isinstance(reply, dict) else next(waited) for reply in replies])


def _generated(replies: list[dict[str, Any]]) -> dict[str, Any]:
    """Replies as distilabel passes them on: texts, and a list of each fact."""
    if len(replies) == 1:
        facts = dict(replies[0])
        return {"generations": [facts.pop("generation")], "statistics": {key: [facts[key]] for key in facts}}
    keys = sorted({key for reply in replies for key in reply} - {"generation"})
    return {
        "generations": [reply["generation"] for reply in replies],
        "statistics": {key: [reply.get(key) for reply in replies] for key in keys},
    }


OPTIONS = tuple(name for name in Endpoint.model_fields if name not in {"price_in", "price_out", "batch_price_factor"})


def endpoints_llm(
    endpoint: Endpoint,
    *,
    name: str,
    cache: Path | None = None,
    asks_again: bool = False,
    **generation_kwargs: JsonValue,
) -> EndpointsLLM:
    """Return the LLM of one generator or judge, with the options that go into every request.

    With `cache`, replies are kept in that file, and a request that was answered before is not sent again.
    """
    return EndpointsLLM(
        name=name,
        cache=str(cache) if cache is not None else None,
        asks_again=asks_again,
        generation_kwargs=generation_kwargs,
        **endpoint.model_dump(include=set(OPTIONS)),
    )


def system_in_user(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a conversation whose system messages are moved to the beginning of its first user message."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    conversation = [message for message in messages if message["role"] != "system"]
    user_turn = next((position for position, message in enumerate(conversation) if message["role"] == "user"), None)
    if not system or user_turn is None:
        return messages
    content = "\n\n".join([*system, conversation[user_turn]["content"]])
    return [*conversation[:user_turn], {**conversation[user_turn], "content": content}, *conversation[user_turn + 1 :]]


def _response_format(structure: dict[str, Any]) -> dict[str, JsonValue]:
    """Return distilabel's structured output in the form of chat completions: OpenAI's json_schema or TGI's regex."""
    schema = structure["schema"]
    if inspect.isclass(schema) and issubclass(schema, BaseModel):
        schema = schema.model_json_schema()
    if structure.get("format") == "regex":
        return {"type": "regex", "value": schema}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
