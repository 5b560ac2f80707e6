"""The transport of requests to Argilla: a request is repeated until its answer is usable or the time is up."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from curation.errors import ServiceError
from curation.patience import Service, UnansweredError, is_passing, persist, retry_after

CONNECT_SECONDS = 10.0
SPACES = ".hf.space"
ADDRESS = "Check ARGILLA_API_URL: it is the Space's direct address, https://OWNER-SPACE.hf.space."
_CREATED = re.compile(r"/api/v1/(?:datasets(?:/[^/]+/(fields|questions))?|(users)|workspaces(?:/[^/]+/(users))?)$")
_SAME = {"name": "name", "workspace_id": "workspace_id", "username": "username", "user_id": "id"}
"""Fields of a request that creates something, and the fields by which what it created is recognised afterwards."""
_LISTED = frozenset({"fields", "questions", "users"})
"""What Argilla lists under the address at which it is created. It lists everything else under /me."""
_PUBLISHED = re.compile(r"(/api/v1/datasets/[^/]+)/publish$")


class PatientTransport(httpx.BaseTransport):
    """Sends requests through another transport, and sends them again until Argilla gives a usable answer.

    A request is sent again after a status that may pass, a broken connection, a timeout, or a body that is not
    Argilla's JSON. Every request of ours may be repeated: records are written by their external id. If an earlier
    attempt created, published or deleted something and its answer was lost, the second attempt is refused; then what
    the first one did is looked up, and returned as the answer.
    """

    def __init__(self, inner: httpx.BaseTransport, *, api_url: str) -> None:
        self._inner = inner
        space = space_advice(api_url)
        start = space or "Start it or correct ARGILLA_API_URL, then run the command again."
        self._service = Service(f"Argilla at {api_url}", start)
        self._page_remedy = f"{space} {ADDRESS}" if space else ADDRESS

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the complete answer. Raises TemporaryError if there is none, ServiceError if it is a web page."""
        request.read()
        doubts = 0

        def once(seconds: float) -> httpx.Response:
            nonlocal doubts
            try:
                response = self._send(request, seconds)
            except UnansweredError:
                doubts += 1
                raise
            return self._looked_for(request, response, seconds) if doubts else response

        response = persist(self._service, once)
        if response.is_client_error and is_page(response):
            raise ServiceError(
                f"{self._service.name} answered {response.status_code} with a web page, not as Argilla does.",
                remedy=self._page_remedy,
            )
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _send(self, request: httpx.Request, seconds: float) -> httpx.Response:
        connect = min(seconds, CONNECT_SECONDS)
        request.extensions["timeout"] = {"connect": connect, "pool": connect, "write": seconds, "read": seconds}
        try:
            deadline = time.monotonic() + seconds
            response = self._inner.handle_request(request)
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _TimedStream(response.stream, deadline)
            try:
                response.read()
            finally:
                response.close()
        except httpx.TimeoutException:
            raise UnansweredError(f"no answer for {seconds:.0f} s") from None
        except httpx.RequestError as error:
            raise UnansweredError(f"the connection broke ({type(error).__name__})") from error
        if is_passing(response.status_code):
            raise UnansweredError(f"it answered {response.status_code}", retry_after=retry_after(response.headers))
        if response.is_success and response.content and not isinstance(_json(response), dict | list):
            raise UnansweredError("it answered a web page" if is_page(response) else "its answer is not whole")
        return response

    def _looked_for(self, request: httpx.Request, response: httpx.Response, seconds: float) -> httpx.Response:
        """Return a successful answer if a request is refused because an earlier attempt of it already succeeded."""
        path, status = request.url.path, response.status_code
        if request.method == "DELETE" and status == httpx.codes.NOT_FOUND:
            return httpx.Response(httpx.codes.NO_CONTENT)
        if status not in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
            return response
        existing: Any = None
        if request.method == "POST" and (kind := _CREATED.search(path)):
            listed = path if kind[kind.lastindex or 0] in _LISTED else path.replace("/v1/", "/v1/me/")
            items = self._read(request, listed, seconds).get("items") or []
            requested = json.loads(request.content)
            existing = next((item for item in items if _is_same(item, requested)), None)
        elif request.method == "PUT" and (dataset := _PUBLISHED.search(path)):
            existing = self._read(request, dataset[1], seconds)
            existing = existing if existing.get("status") == "ready" else None
        return response if existing is None else httpx.Response(httpx.codes.OK, json=existing)

    def _read(self, request: httpx.Request, path: str, seconds: float) -> dict[str, Any]:
        headers = {name: value for name, value in request.headers.items() if name.startswith("x-argilla")}
        value = _json(self._send(httpx.Request("GET", request.url.copy_with(path=path), headers=headers), seconds))
        return value if isinstance(value, dict) else {}


class _TimedStream(httpx.SyncByteStream):
    """A body that raises ReadTimeout after the deadline. httpx's own timeout starts again with every byte."""

    def __init__(self, inner: httpx.SyncByteStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("The body came too slowly.")
            yield chunk

    def close(self) -> None:
        self._inner.close()


def get_json(http: httpx.Client, path: str, params: dict[str, Any] | None = None) -> Any:
    """Return the JSON at a path of the API. Raises httpx.HTTPStatusError for a refusal, ValueError if it is no JSON."""
    answer = http.get(path, params=params)
    answer.raise_for_status()
    return orjson.loads(answer.content)


def space_advice(api_url: str) -> str | None:
    """Return what to do about a Space that does not answer, with its page; None if the address is no Space's."""
    if not is_space(api_url):
        return None
    pages = " or ".join(f"https://huggingface.co/spaces/{name}" for name in space_names(api_url))
    return (
        "A Space that sleeps wakes when it is asked, which may take minutes: run the command again. One that is paused "
        f"is restarted by its owner on its page{f', {pages}' if pages else ''}."
    )


def is_space(api_url: str) -> bool:
    """Whether an address is that of a Space."""
    return (urlsplit(api_url).hostname or "").endswith(SPACES)


def space_names(api_url: str) -> list[str]:
    """Return which Spaces may answer at the address of a Space.

    OWNER/NAME answers at owner-name.hf.space, so an address with several dashes may be that of several.
    """
    parts = (urlsplit(api_url).hostname or "").removesuffix(SPACES).split("-")
    return [f"{'-'.join(parts[:end])}/{'-'.join(parts[end:])}" for end in range(1, len(parts))]


def is_page(response: httpx.Response) -> bool:
    """Whether an answer is a web page."""
    kind = response.headers.get("content-type", "")
    return "html" in kind.lower() or response.content.lstrip()[:1] == b"<"


def _json(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except ValueError:
        return None


def _is_same(item: dict[str, Any], requested: dict[str, Any]) -> bool:
    return all(str(item.get(_SAME[key])) == str(requested[key]) for key in _SAME if requested.get(key))
