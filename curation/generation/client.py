"""The client of one chat-completions endpoint, with the request cache, a limit of requests in flight, and retries."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
import urllib.request
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import tenacity

from curation.errors import CurationError, TemporaryError
from curation.generation.batch import Lane, NotAnsweredYet
from curation.generation.budget import MAX_PAID_ATTEMPTS
from curation.generation.cache import FLUSH_SECONDS, RequestCache, Wasted, request_key
from curation.generation.completion import Completion, read_completion
from curation.generation.endings import Endings
from curation.generation.endpoint_options import Endpoint
from curation.generation.limit import AdaptiveLimit
from curation.generation.meter import StageMeter
from curation.generation.parameters import Parameters
from curation.generation.refusals import (
    LONGEST_WAIT_SECONDS,
    PUSHED_BACK,
    SYSTEM_ROLE,
    RequestFailed,
    one_line,
    read_refusal,
)
from curation.generation.transfer import read_body

TRIES_OF_ONE = 4
"""A single request is sent at most so often, because a service may refuse its parameters one after the other."""

NOT_IN_CACHE = "not_in_cache"
"""The failure of a request whose reply is not in the cache, when the client may send nothing."""

SHARED_WAIT_SECONDS = 0.2
"""When somebody else is asking a request, we look for the reply again after so many seconds."""


class ChatClient:
    """Asks one model at one address. It must be created, used and closed in the same event loop."""

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
        lane: Lane | None = None,
        asks_again: bool = False,
    ) -> None:
        self.url = url
        self._sends = sends
        self._lane = lane
        self._endpoint = endpoint
        self._name = name
        self._api_key = api_key
        self._cache = cache
        self._meter = meter
        self._limit = AdaptiveLimit(
            endpoint.max_concurrency, name=(meter.label or meter.stage) if meter else name, story=story
        )
        # The address of a dedicated endpoint may change, so its name is used in keys.
        self._key_address = endpoint.endpoint_name or url
        self._proxy = _proxy(url)
        self._session: aiohttp.ClientSession | None = None
        self._parameters = Parameters(endpoint.send)
        self._story = story
        self._has_waited = False
        self._flushing: asyncio.TimerHandle | None = None
        self._endings = Endings(endpoint, name=name, url=url, asks_again=asks_again)
        self.ended: CurationError | None = None
        """Once set, no more requests are sent. Requests that wait for their turn raise this error."""

    async def reach(self) -> None:
        """Ask the server for its list of models, to see whether it answers.

        Raises TemporaryError if it does not answer, AuthError if it refuses the key.
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
            raise self._endings.key_refused(str(status))

    async def try_once(self, body: dict[str, Any]) -> str | None:
        """Send one request to see whether it is answered, and ignore the answer.

        Returns None if it is, and the service's reason if it refused this request in a way that says nothing of others.
        Raises MissingError if the endpoint has no such model, AuthError if it refuses the key, TemporaryError if it
        does not answer, ServiceError if it refuses for another reason.
        """
        for _ in range(TRIES_OF_ONE):
            sent = self._parameters.applied(body)
            try:
                await self._post(sent)
            except RequestFailed as failed:
                if self._parameters.learn(failed.parameters, sent) is not None:
                    continue
                error = self._endings.of_one(failed)
                if error is not None:
                    raise error from failed
                self._explain(failed, sent)
                return self._endings.doubt_of_one(failed)
            return None
        return None

    async def ask(self, body: dict[str, Any], *, nth: int) -> dict[str, Any]:
        """Return the reply to a request (see `begin`), waiting for it if it is not in the cache."""
        reply = self.begin(body, nth=nth)
        return reply if isinstance(reply, dict) else await reply()

    def begin(self, body: dict[str, Any], *, nth: int) -> dict[str, Any] | Callable[[], Awaitable[dict[str, Any]]]:
        """Return the reply to a request if the cache has it, otherwise an async function that asks for it.

        The reply is a dict. It has `generation` with facts such as `input_tokens`, or `generation` None with `failure`,
        the reason. It always has `attempts`, and `wasted` if useless replies were paid for, in this run or earlier
        ones. `body` gets its seed here; `nth` tells several answers to one body apart. If another task or process is
        asking the same request right now, its reply is awaited. The function raises `ended` once the run has ended.
        """
        key, body["seed"] = request_key(self._key_address, body, asker=self._name, nth=nth)
        mark = None
        if self._cache is not None:
            mark = self._cache.mark
            known = self._cache.get(key)
            if known is not None:
                return self._known(key, known)
        if self._lane is not None:
            return self._in_batch(self._lane, key, body)
        if not self._sends:
            return {"generation": None, "failure": NOT_IN_CACHE, "attempts": 0}
        return functools.partial(self._ask, key, body, mark)

    def _in_batch(
        self, lane: Lane, key: str, body: dict[str, Any]
    ) -> dict[str, Any] | Callable[[], Awaitable[dict[str, Any]]]:
        """Return why a batch gave no reply, or write the request to a batch file: awaiting that raises NotAnsweredYet.

        It is raised only then, so that all requests of a row that can be asked now are in the files.
        """
        failure = lane.failure(key)
        if failure is not None:
            if self._meter is not None:
                self._meter.failed += 1
            return _with_facts({"generation": None, "attempts": 1, **failure}, key, self._wasted_before(key))
        lane.ask(key, self._parameters.applied(body), address=self._key_address)
        return _not_answered_yet

    def _known(self, key: str, reply: dict[str, Any]) -> dict[str, Any]:
        """Count a reply from the cache; `reply` gets the facts of this run."""
        wasted = self._wasted_before(key)
        if self._meter is not None:
            tokens = reply.get("input_tokens"), reply.get("output_tokens")
            self._meter.replied(*tokens, cached=True, request=key, batch=bool(reply.get("batch")))
        return _with_facts({**reply, "attempts": 0}, key, wasted)

    async def _ask(self, key: str, body: dict[str, Any], mark: bytes | None) -> dict[str, Any]:
        """Ask a request that was not in the cache at `mark`, unless somebody else asks it or has asked it."""
        known = await self._known_or_claimed(key, mark)
        if known is not None:
            return self._known(key, known)
        wasted = self._wasted_before(key)
        try:
            return _with_facts(await self._try(key, body, wasted), key, wasted)
        finally:
            if self._cache is not None:
                self._cache.release(key)

    def end(self, error: CurationError) -> None:
        """Send no more requests. Requests in flight are finished; those that wait for their turn raise `error`."""
        self.ended = self.ended or error

    async def aclose(self) -> None:
        """Close the connections and the cache."""
        if self._flushing is not None:
            self._flushing.cancel()
        if self._cache is not None:
            self._cache.close()
        if self._session is not None:
            await self._session.close()

    async def _known_or_claimed(self, key: str, mark: bytes | None) -> dict[str, Any] | None:
        """Return the reply from the cache, or None when the request is ours to ask.

        If somebody else is asking it, this waits for their reply, or until they give up.
        """
        if self._cache is None:
            return None
        while not self._cache.claim(key, since=mark):
            known = self._cache.get(key)
            if known is not None:
                return known
            if self.ended is not None:
                raise self.ended
            if not self._has_waited and self._story is not None:
                self._story(f"{self._name}: some requests are being asked by another run; its replies are shared.")
            self._has_waited = True
            await asyncio.sleep(SHARED_WAIT_SECONDS)
        return None

    def _wasted_before(self, key: str) -> list[Wasted]:
        wasted = self._cache.wasted(key) if self._cache is not None else []
        if self._meter is not None:
            for reply in wasted:
                self._meter.wasted(*reply.tokens, cached=True, request=reply.id, batch=reply.in_batch)
        return wasted

    async def _try(self, key: str, body: dict[str, Any], wasted: list[Wasted]) -> dict[str, Any]:
        """Ask until there is an answer, or give up. Useless replies are added to `wasted`."""
        most_wasted = len(wasted) + MAX_PAID_ATTEMPTS
        failed: RequestFailed | None = None
        for attempt in range(1, self._endpoint.max_attempts + 1):
            if failed is not None:
                await asyncio.sleep(_wait(failed, attempt - 1))
            try:
                reply = await self._adapted(key, body)
            except RequestFailed as error:
                failed = error
                if failed.paid:
                    wasted.append(self._waste(key, failed))
                if not failed.retry or len(wasted) >= most_wasted:
                    break
            except CurationError:
                if failed is None or not failed.paid:
                    raise
                # The run ends, but the useless replies were paid for and must be stored.
                return self._given_up(failed, attempt - 1)
            else:
                self._endings.answered()
                return {**reply, "attempts": attempt}
        assert failed is not None
        self._count_failure(key, failed)
        return self._given_up(failed, attempt)

    def _given_up(self, failed: RequestFailed, attempts: int) -> dict[str, Any]:
        if self._meter is not None:
            self._meter.failed += 1
        facts = {"generation": None, "failure": failed.reason, "attempts": attempts}
        return facts if failed.detail is None else {**facts, "detail": failed.detail}

    def _waste(self, key: str, failed: RequestFailed) -> Wasted:
        """Record a reply that was paid for but cannot be used, on disk and in the meter."""
        wasted = Wasted.new(failed.tokens)
        if self._cache is not None:
            self._cache.waste(key, wasted)
        if self._meter is not None:
            self._meter.wasted(*failed.tokens, request=wasted.id)
        return wasted

    async def _adapted(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request. If the service says that it does not accept a parameter, send it again without it."""
        while True:
            sent = self._parameters.applied(body)
            try:
                return await self._request(key, sent)
            except RequestFailed as failed:
                change = self._parameters.learn(failed.parameters, sent)
                if change is None:
                    raise
                if change and self._story is not None:
                    self._story(f"{self._name}: the endpoint does not accept {change}.")

    async def _request(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._limit:
            if self.ended is not None:
                raise self.ended
            self._show()
            try:
                reply = await self._post(body)
            except RequestFailed as failed:
                self._limit.answered(pushed_back=failed.reason in PUSHED_BACK)
                self._explain(failed, body)
                raise
            else:
                self._limit.answered(pushed_back=False)
                return self._keep(key, reply)
            finally:
                self._show(leaving=1)

    def _explain(self, failed: RequestFailed, body: dict[str, Any]) -> None:
        """Shorten the message of the service, remove secrets from it, and add a remedy if we know one."""
        if failed.reason == SYSTEM_ROLE and all(message["role"] != "system" for message in body["messages"]):
            failed.reason = "http_400"
        if failed.detail is not None:
            failed.detail = one_line(failed.detail, secrets=(self._api_key,) if self._api_key else ())
        if failed.reason == SYSTEM_ROLE:
            failed.detail = f"{failed.detail or 'No system prompt is taken'} (set system_prompt_in_user = true)"

    def _keep(self, key: str, reply: Completion) -> dict[str, Any]:
        """Write a reply to the cache before anything else, and count it; return its facts."""
        facts = {
            "generation": reply.text,
            "finish_reason": reply.finish_reason,
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "seconds": reply.seconds,
        }
        if reply.thinking is not None:
            facts["thinking"] = reply.thinking
        if self._cache is not None:
            try:
                self._cache.put(key, facts, model=self._endpoint.model_id)
            except CurationError as error:
                # A reply that cannot be stored would be paid for again, so nothing more is sent.
                self.ended = error
                raise
            if self._flushing is None:
                self._flushing = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush, self._cache)
        if self._meter is not None:
            self._meter.replied(reply.input_tokens, reply.output_tokens, request=key)
        return facts

    def _flush(self, cache: RequestCache) -> None:
        self._flushing = None
        try:
            cache.flush()
        except CurationError as error:
            self.end(error)

    async def _post(self, body: dict[str, Any]) -> Completion:
        started = time.monotonic()
        try:
            url = f"{self.url}/chat/completions"
            post = self._connection().post(url, data=orjson.dumps(body), proxy=self._proxy, allow_redirects=False)
            async with post as answer:
                try:
                    content = await read_body(answer)
                except RequestFailed:
                    if answer.status == HTTPStatus.OK:
                        raise
                    raise read_refusal(answer.status, answer.headers, b"") from None
        except TimeoutError as error:
            raise RequestFailed("timeout", retry=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailed("connection_lost", retry=True) from error
        return read_completion(answer.status, answer.headers, content, seconds=time.monotonic() - started)

    def _show(self, *, leaving: int = 0) -> None:
        if self._meter is not None:
            self._meter.running(self._limit.in_flight - leaving, self._limit.now)

    def _count_failure(self, key: str, failed: RequestFailed) -> None:
        error = self._endings.failed(failed, before=self._meter is not None and key in self._meter.failed_before)
        if error is not None:
            self.end(error)

    def _connection(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._api_key:
                headers["Authorization"] = f"Bearer {self._api_key}"
            if self._endpoint.bill_to is not None:
                headers["X-HF-Bill-To"] = self._endpoint.bill_to
            timeout = self._endpoint.timeout
            is_encrypted = self._proxy is not None or not self.url.startswith("http://")
            certificates = _certificates() if is_encrypted else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=certificates, limit=self._endpoint.max_concurrency),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 10.0)),
                cookie_jar=aiohttp.DummyCookieJar(),
                # `read_body` unpacks the reply, because it stops at a limit.
                auto_decompress=False,
            )
        return self._session


async def _not_answered_yet() -> dict[str, Any]:
    raise NotAnsweredYet


def _with_facts(reply: dict[str, Any], key: str, wasted: list[Wasted]) -> dict[str, Any]:
    reply["request"] = key
    if wasted:
        reply["wasted"] = [useless.facts for useless in wasted]
    return reply


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates of the system. They are read once, which takes 40 ms."""
    return ssl.create_default_context()


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment variables name for this address, None if there is none.

    aiohttp could find it itself, but would then also send passwords from ~/.netrc.
    """
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_SECONDS)


def _wait(failed: RequestFailed, attempt: int) -> float:
    """Return the seconds to wait after an attempt: as long as the service asks for, or a growing random time."""
    if failed.after is not None:
        return failed.after
    state = tenacity.RetryCallState(_RETRYING, None, (), {})
    state.attempt_number = attempt
    return float(_backoff(state))


_RETRYING = tenacity.AsyncRetrying()
"""Only its waits are used. tenacity's own loop takes more processor time than everything else we do for a request."""
