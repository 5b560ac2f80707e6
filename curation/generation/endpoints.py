"""The LLM class for Inference Endpoints: Inference Providers, a dedicated endpoint, or any OpenAI-compatible server.

It replaces distilabel's InferenceEndpointsLLM, which cannot load a model_id with huggingface_hub 1 or later, has no
timeout and no retry, and turns every error into an empty answer without a reason.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import ssl
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import tenacity
from distilabel.models.llms.base import AsyncLLM
from pydantic import Field, JsonValue, PrivateAttr

from curation import ids
from curation.errors import AuthError, ConfigError, ServiceError, TemporaryError
from curation.generation.cache import RequestCache, request_key
from curation.generation.options import ROUTER_URL, Endpoint, is_hugging_face
from curation.hub import DEFAULT_ENDPOINT, connect, hub_errors
from curation.types import is_text

ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 30.0
RESUME_SECONDS = 900
RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class RequestFailed(Exception):
    """One request gave nothing usable: a short reason, whether another try may help, when the server wants it."""

    def __init__(self, reason: str, *, retry: bool, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.after = after


class EndpointsLLM(AsyncLLM):  # type: ignore[misc]
    """A distilabel LLM over `/chat/completions`; it holds no key, so that no dump of a pipeline can.

    A request that fails for good gives the generation None, and in the statistics `failure` (the reason) and
    `attempts`; distilabel puts them into the row's `distilabel_metadata`.
    """

    _num_generations_param_supported: ClassVar[bool] = True

    name: str
    model_id: str
    base_url: str | None = None
    endpoint_name: str | None = None
    api_key_env: str | None = None
    max_concurrency: int = 16
    timeout: float = 120.0
    structured_output: dict[str, Any] | None = Field(default=None)
    cache: str | None = None

    _url: str = PrivateAttr(default="")
    _api_key: str | None = PrivateAttr(default=None)
    _client: httpx2.AsyncClient | None = PrivateAttr(default=None)
    _limit: asyncio.Semaphore | None = PrivateAttr(default=None)
    _cache: RequestCache | None = PrivateAttr(default=None)

    @property
    def model_name(self) -> str:
        """The generator's name: two settings of one model are told apart by it."""
        return self.name

    def load(self) -> None:
        """Find the address and the key; wake a dedicated endpoint and wait for it.

        Raises ConfigError if the key's variable is not set, AuthError or MissingError for an endpoint that is not ours.
        """
        super().load()
        self._url = f"{self._find_url()}/chat/completions"
        self._api_key = self._find_key()
        if self.cache is not None:
            self._cache = RequestCache(Path(self.cache))

    async def reach(self) -> str:
        """Ask the server for its models and return its address.

        Raises TemporaryError if nothing answers there, AuthError if the key is refused.
        """
        url = self._url.removesuffix("/chat/completions") + "/models"
        try:
            answer = await self._connection().get(url, timeout=min(self.timeout, 15.0))
        except httpx2.TransportError as error:
            raise TemporaryError(
                f"The endpoint of {self.name} at {self._url} does not answer ({type(error).__name__}).",
                remedy="Start it or correct its base_url, then run the command again.",
            ) from error
        if answer.status_code in {401, 403}:
            raise AuthError(
                f"The endpoint of {self.name} at {self._url} refused the key ({answer.status_code}).",
                remedy=f"Set {self.api_key_env or 'HF_TOKEN'} to a key that may use it.",
            )
        return self._url.removesuffix("/chat/completions")

    async def agenerate(self, input: Any, num_generations: int = 1, **kwargs: Any) -> dict[str, Any]:
        """Return distilabel's GenerateOutput for one conversation; failures are data, never exceptions.

        An empty conversation means that there is nothing to ask: no request is sent, and the generation is None.
        """
        if not input:
            return {"generations": [None] * num_generations, "statistics": {}}
        outputs = await asyncio.gather(*(self._answer(input, seed, **kwargs) for seed in range(num_generations)))
        keys = sorted({key for output in outputs for key in output} - {"generation"})
        return {
            "generations": [output["generation"] for output in outputs],
            "statistics": {key: [output.get(key) for output in outputs] for key in keys},
        }

    async def aclose(self) -> None:
        """Close the connections and the cache."""
        if self._cache is not None:
            self._cache.close()
        client, self._client, self._limit, self._cache = self._client, None, None, None
        if client is not None:
            await client.aclose()

    async def _answer(self, messages: list[dict[str, str]], nth: int, **options: Any) -> dict[str, Any]:
        body = self._body(messages, nth, **options)
        key = request_key(self.base_url or self.endpoint_name or "", body)
        known = self._cache.get(key) if self._cache is not None else None
        if known is not None:
            return {**known, "attempts": 0}
        reply = await self._ask(body)
        if self._cache is not None and reply["generation"] is not None:
            self._cache.put(key, reply, model=self.model_id)
        return reply

    async def _ask(self, body: dict[str, JsonValue]) -> dict[str, Any]:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestFailed) and error.retry),
            wait=_wait,
            reraise=True,
        )
        attempts = 0
        try:
            async for attempt in retrying:
                with attempt:
                    attempts += 1
                    return {**await self._request(body), "attempts": attempts}
        except RequestFailed as failed:
            return {"generation": None, "failure": failed.reason, "attempts": attempts}
        raise AssertionError("tenacity either returns or raises")

    def _body(self, messages: list[dict[str, str]], nth: int, **options: Any) -> dict[str, JsonValue]:
        body: dict[str, Any] = {"model": self.model_id, "messages": messages, "stream": False}
        if "max_new_tokens" in options:
            body["max_tokens"] = options.pop("max_new_tokens")
        body.update({key: value for key, value in options.items() if value is not None})
        body.setdefault("seed", int(ids.content_hash("seed", self.name, messages, nth)[:7], 16))  # type: ignore[arg-type]
        if self.structured_output is not None:
            schema = self.structured_output["schema"]
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
        return body

    async def _request(self, body: dict[str, JsonValue]) -> dict[str, Any]:
        if self._limit is None:
            self._limit = asyncio.Semaphore(self.max_concurrency)
        async with self._limit:
            try:
                answer = await self._connection().post(self._url, json=body)
            except httpx2.TimeoutException as error:
                raise RequestFailed("timeout", retry=True) from error
            except httpx2.TransportError as error:
                raise RequestFailed("connection_lost", retry=True) from error
            except UnicodeEncodeError as error:
                raise RequestFailed("request_is_not_utf8", retry=False) from error
        return read_completion(answer)

    def _connection(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=_certificates(),
                headers={"Authorization": f"Bearer {self._api_key}"} if self._api_key else {},
                timeout=httpx2.Timeout(self.timeout, connect=min(self.timeout, 10.0)),
                limits=httpx2.Limits(
                    max_connections=self.max_concurrency, max_keepalive_connections=self.max_concurrency
                ),
            )
        return self._client

    def _find_url(self) -> str:
        if self.base_url is not None:
            return self.base_url
        if self.endpoint_name is not None:
            return _wake(self.endpoint_name)
        return (os.environ.get("CURATION_INFERENCE_URL") or ROUTER_URL).rstrip("/")

    def _find_key(self) -> str | None:
        if self.api_key_env is not None:
            key = os.environ.get(self.api_key_env)
            if not key:
                raise ConfigError(
                    f"{self.name} takes its key from {self.api_key_env}, which is not set.",
                    remedy=f"export {self.api_key_env}=...",
                )
            return key
        if is_hugging_face(self._url, os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT):
            return os.environ.get("HF_TOKEN")
        return None


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read the certificates once: it takes 40 ms, and every model has a client of its own."""
    return httpx2.create_ssl_context()


def endpoints_llm(
    endpoint: Endpoint, *, name: str, cache: Path | None = None, **generation_kwargs: JsonValue
) -> EndpointsLLM:
    """Return the LLM of one generator or judge, with the options that go into every request.

    With `cache`, replies are kept in that file, and a request that was answered before is not sent again.
    """
    return EndpointsLLM(
        name=name,
        cache=str(cache) if cache is not None else None,
        generation_kwargs=generation_kwargs,
        **endpoint.model_dump(
            include={"model_id", "base_url", "endpoint_name", "api_key_env", "max_concurrency", "timeout"}
        ),
    )


def read_completion(answer: httpx2.Response) -> dict[str, Any]:
    """Return generation, finish_reason and token counts of a chat completion; RequestFailed says what is wrong."""
    if answer.status_code != httpx2.codes.OK:
        raise RequestFailed(
            _status_reason(answer),
            retry=answer.status_code in RETRIED_STATUS,
            after=_seconds(answer.headers.get("retry-after")),
        )
    try:
        reply = answer.json()
        choice = reply["choices"][0]
        text = choice["message"]["content"]
    except ValueError as error:
        raise RequestFailed("reply_is_not_json", retry=True) from error
    except (KeyError, IndexError, TypeError) as error:
        raise RequestFailed("reply_has_no_choice", retry=True) from error
    if choice.get("finish_reason") == "content_filter":
        raise RequestFailed("content_filter", retry=False)
    if not isinstance(text, str) or not text.strip():
        raise RequestFailed("empty_reply", retry=True)
    if not is_text(text):
        raise RequestFailed("nul_or_surrogate_characters", retry=True)
    usage = reply.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    reason = choice.get("finish_reason")
    return {
        "generation": text,
        "finish_reason": reason if isinstance(reason, str) else None,
        "input_tokens": _count(counts.get("prompt_tokens")),
        "output_tokens": _count(counts.get("completion_tokens")),
    }


def _count(value: object) -> int | None:
    """A count as servers should send it; anything else is unknown, and costs the answer nothing."""
    return value if type(value) is int and value >= 0 else None


def _status_reason(answer: httpx2.Response) -> str:
    known = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limited"}
    if answer.status_code == httpx2.codes.BAD_REQUEST and "context" in answer.text.lower():
        return "context_too_long"
    return known.get(answer.status_code, f"http_{answer.status_code}")


def _seconds(retry_after: str | None) -> float | None:
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, RequestFailed) and error.after is not None:
        return min(error.after, LONGEST_WAIT_SECONDS)
    return float(_backoff(state))


def _wake(endpoint_name: str) -> str:
    from huggingface_hub.errors import InferenceEndpointError

    api = connect(os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT), os.environ.get("HF_TOKEN"))
    namespace, _, name = endpoint_name.rpartition("/")
    with hub_errors(api, f"Inference Endpoint {endpoint_name}"):
        endpoint = api.get_inference_endpoint(name, namespace=namespace or None)
        if endpoint.status in {"paused", "scaledToZero"}:
            endpoint.resume()
        try:
            endpoint.wait(timeout=RESUME_SECONDS)
        except TimeoutError:
            raise
        except InferenceEndpointError as error:
            raise ServiceError(
                f"The Inference Endpoint {endpoint_name} cannot be started: {error}",
                remedy="Its logs are at https://endpoints.huggingface.co.",
            ) from error
    return f"{str(endpoint.url).rstrip('/')}/v1"
