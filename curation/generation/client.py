"""The client of one chat-completions endpoint: every request cached, bounded, tried again, counted, or given up."""

from __future__ import annotations

import functools
import os
import ssl
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import tenacity

from curation.errors import AuthError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation.cache import RequestCache, request_key
from curation.generation.completion import PUSHED_BACK, Completion, RequestFailed, read_completion
from curation.generation.limit import AdaptiveLimit
from curation.generation.meter import StageMeter
from curation.generation.options import Endpoint, is_hugging_face
from curation.hub import DEFAULT_ENDPOINT
from curation.types import FOR_GOOD

MAX_PAID_ATTEMPTS = 3
"""Tries at a reply that comes and is paid for, but is of no use (empty, broken JSON)."""

LONGEST_WAIT_SECONDS = 30.0
FEW = 5
"""So many requests refused in a row for a reason that is not of their prompts end a run."""

NOT_IN_CACHE = "not_in_cache"
"""The failure of a request that a client which sends nothing has no reply to."""

OUTAGE = 10
"""So many requests in a row that failed after all their attempts end a run."""


class ChatClient:
    """Asks one model at one address. It is made and used in one event loop, and closed there."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        name: str,
        url: str,
        api_key: str | None,
        cache: RequestCache | None,
        meter: StageMeter | None,
        story: Callable[[str], None] | None,
        sends: bool = True,
    ) -> None:
        self.url = url
        self._sends = sends
        self._endpoint = endpoint
        self._name = name
        self._api_key = api_key
        self._cache = cache
        self._meter = meter
        self._limit = AdaptiveLimit(
            endpoint.max_concurrency, name=(meter.label or meter.stage) if meter else name, story=story
        )
        # A dedicated endpoint may get another address, and is the same.
        self._place = endpoint.endpoint_name or url
        self._proxy = _proxy(url)
        self._session: aiohttp.ClientSession | None = None
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0
        self._ended: CurationError | None = None

    async def reach(self) -> None:
        """Ask the server for its models.

        Raises TemporaryError if nothing answers there, AuthError if the key is refused.
        """
        timeout = aiohttp.ClientTimeout(total=min(self._endpoint.timeout, 15.0))
        try:
            get = self._connection().get(
                f"{self.url}/models", timeout=timeout, proxy=self._proxy, allow_redirects=False
            )
            async with get as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(
                f"The endpoint of {self._name} at {self.url} does not answer ({type(error).__name__}).",
                remedy="Start it or correct its base_url, then run the command again.",
            ) from error
        if status in {401, 403}:
            raise self._key_refused(str(status))

    async def ask(self, body: dict[str, Any], *, nth: int) -> dict[str, Any]:
        """Return the reply to a request: `generation` and its facts, or None with `failure`, and the `attempts`.

        `body` gets its seed here; `nth` tells several answers to one body apart. Raises the error that ends the run if
        the endpoint refuses everything or answers nothing any more.
        """
        key, body["seed"] = request_key(self._place, body, asker=self._name, nth=nth)
        known = self._cache.get(key) if self._cache is not None else None
        if known is None and not self._sends:
            return {"generation": None, "failure": NOT_IN_CACHE, "attempts": 0}
        if known is None:
            return {**await self._try(key, body), "request": key}
        if self._meter is not None:
            self._meter.replied(known.get("input_tokens"), known.get("output_tokens"), cached=True, request=key)
        return {**known, "attempts": 0, "request": key}

    def end(self, error: CurationError) -> None:
        """Send no more requests: those that wait for their turn raise `error`; those that were sent are finished."""
        self._ended = self._ended or error

    async def aclose(self) -> None:
        """Close the connections and the cache."""
        if self._cache is not None:
            self._cache.close()
        if self._session is not None:
            await self._session.close()

    async def _try(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._endpoint.max_attempts) | _PaidEnough(),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestFailed) and error.retry),
            wait=_wait,
            reraise=True,
        )
        attempts = 0
        try:
            async for attempt in retrying:
                with attempt:
                    attempts += 1
                    reply = await self._request(key, body)
        except RequestFailed as failed:
            if self._meter is not None:
                self._meter.failed += 1
            self._count_failure(failed)
            return {"generation": None, "failure": failed.reason, "attempts": attempts}
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0
        return {**reply, "attempts": attempts}

    async def _request(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._limit.slot():
            if self._ended is not None:
                raise self._ended
            self._show()
            try:
                reply = await self._post(body)
            except RequestFailed as failed:
                self._limit.answered(pushed_back=failed.reason in PUSHED_BACK)
                if failed.paid and self._meter is not None:
                    self._meter.wasted()
                raise
            else:
                self._limit.answered(pushed_back=False)
                return self._kept(key, reply)
            finally:
                self._show(leaving=1)

    def _kept(self, key: str, reply: Completion) -> dict[str, Any]:
        """Put a reply on disk, before anything else can happen to it, and count it."""
        kept = {
            "generation": reply.text,
            "finish_reason": reply.finish_reason,
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "seconds": reply.seconds,
        }
        if self._cache is not None:
            try:
                self._cache.put(key, kept, model=self._endpoint.model_id)
            except CurationError as error:
                # What cannot be kept would be paid for again: nothing more is sent.
                self._ended = error
                raise
        if self._meter is not None:
            self._meter.replied(reply.input_tokens, reply.output_tokens, request=key)
        return kept

    async def _post(self, body: dict[str, Any]) -> Completion:
        started = time.monotonic()
        try:
            url = f"{self.url}/chat/completions"
            post = self._connection().post(url, data=orjson.dumps(body), proxy=self._proxy, allow_redirects=False)
            async with post as answer:
                content = await answer.read()
        except TimeoutError as error:
            raise RequestFailed("timeout", retry=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailed("connection_lost", retry=True) from error
        return read_completion(answer.status, answer.headers, content, seconds=time.monotonic() - started)

    def _show(self, *, leaving: int = 0) -> None:
        if self._meter is not None:
            self._meter.running(self._limit.in_flight - leaving, self._limit.now)

    def _count_failure(self, failed: RequestFailed) -> None:
        """End the run when it is not the prompts that are at fault: a wrong key or model, an outage."""
        if failed.reason in FOR_GOOD:
            return
        if failed.paid:
            self._useless_in_a_row += 1
            if self._useless_in_a_row >= FEW:
                self._ended = ServiceError(
                    f"The endpoint of {self._name} at {self.url} gave {FEW} replies in a row that are of no use "
                    f"({failed.reason}), and each was paid for {MAX_PAID_ATTEMPTS} times.",
                    remedy="Look at the model and its options in the config file with `curation generate --preview 1`.",
                )
        elif failed.retry:
            self._exhausted_in_a_row += 1
            if self._exhausted_in_a_row >= OUTAGE:
                self._ended = TemporaryError(
                    f"{OUTAGE} requests to {self._name} in a row failed after all their attempts, the last with "
                    f"{failed.reason}.",
                    remedy="Run the command again when the endpoint is well; what was answered is kept.",
                )
        else:
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= FEW:
                self._ended = self._refusal(failed.reason)
        if self._ended is not None:
            raise self._ended from failed

    def _refusal(self, reason: str) -> CurationError:
        if reason in {"unauthorized", "forbidden"}:
            return self._key_refused(reason)
        if reason == "not_found":
            return MissingError(
                f"The endpoint of {self._name} at {self.url} has no model {self._endpoint.model_id!r}, or is none.",
                remedy="Correct model_id, provider or base_url in the config file.",
            )
        if reason == "payment_required":
            return ServiceError(
                f"The endpoint of {self._name} at {self.url} wants to be paid first (402): the credits are used up.",
                remedy="Add credits at https://huggingface.co/settings/billing, or name who pays in bill_to.",
            )
        return ServiceError(
            f"The endpoint of {self._name} at {self.url} refused {FEW} requests in a row ({reason}).",
            remedy="Look at the model's options in the config file.",
        )

    def _key_refused(self, said: str) -> AuthError:
        return AuthError(
            f"The endpoint of {self._name} at {self.url} refused the key ({said}).",
            remedy=self._key_remedy(),
        )

    def _key_remedy(self) -> str:
        variable = self._endpoint.api_key_env
        if variable is None and not is_hugging_face(self.url, os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT):
            return "Name the variable that holds its key in api_key_env; HF_TOKEN is not sent there."
        return f"Set {variable or 'HF_TOKEN'} to a key that may use it."

    def _connection(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            if self._endpoint.bill_to is not None:
                headers["X-HF-Bill-To"] = self._endpoint.bill_to
            timeout = self._endpoint.timeout
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=_certificates(), limit=self._endpoint.max_concurrency),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 10.0)),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Read the certificates once: it takes 40 ms, and every model has a client of its own."""
    return ssl.create_default_context()


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for this address; aiohttp's own way would also send what ~/.netrc has."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


class _PaidEnough(tenacity.stop.stop_base):
    """Stops after so many replies that were paid for and of no use."""

    def __init__(self) -> None:
        self.paid = 0

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        self.paid += isinstance(error, RequestFailed) and error.paid
        return self.paid >= MAX_PAID_ATTEMPTS


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, RequestFailed) and error.after is not None:
        return min(error.after, LONGEST_WAIT_SECONDS)
    return float(_backoff(state))
