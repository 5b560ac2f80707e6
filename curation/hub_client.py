"""The HTTP client that huggingface_hub is given: it repeats a request until there is a usable answer or time is up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2

from curation.patience import Service, UnansweredError, is_passing, persist, retry_after

CONNECT_SECONDS = 10.0
TIMEOUT = httpx2.Timeout(60.0, connect=CONNECT_SECONDS)
"""Of a single try, where the budget leaves more."""
STATISTICS = ("/api/agent-harnesses", "/api/telemetry/")
"""What huggingface_hub asks for its own sake and does without."""
STATISTICS_HOST = "s3.amazonaws.com"
"""Where `datasets` counts how often a dataset is loaded: many networks let nobody there."""

VIEWER = "datasets-server."
"""Where `datasets` asks what the viewer knows of a dataset, and does without if there is none."""


class PatientClient(httpx2.Client):
    """A client that waits out what passes: 429, 5xx, broken connections, silence, and bodies that are not whole.

    To repeat a request to the Hub does no harm: commits name their parent, so that only one of two can succeed, and
    what else we send (creating a repo that may exist, uploads by content) is the same when done twice.
    """

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Return the answer; its body is read and whole unless `stream`. Raises TemporaryError if there is none."""
        wanted = dict(request.extensions.get("timeout") or {})

        def once(seconds: float) -> httpx2.Response:
            limits = {"connect": min(seconds, CONNECT_SECONDS), "pool": seconds, "write": seconds, "read": seconds}
            request.extensions["timeout"] = {key: min(wanted.get(key) or limit, limit) for key, limit in limits.items()}
            try:
                deadline = time.monotonic() + seconds
                response = super(PatientClient, self).send(request, stream=True, **options)
                if not stream:
                    _read(response, deadline)
            except httpx2.TimeoutException as error:
                raise UnansweredError(f"no answer for {request.extensions['timeout']['read']:.0f} s") from error
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                raise UnansweredError(f"the connection broke ({type(error).__name__})") from error
            if is_passing(response.status_code):
                response.close()
                raise UnansweredError(f"it answered {response.status_code}", retry_after=retry_after(response.headers))
            if not stream and _is_cut(request, response):
                raise UnansweredError("its answer is not whole, or not the Hub's")
            return response

        if _is_statistics(request) or not isinstance(request.stream, httpx2.ByteStream):
            # A body that is read while it is sent cannot be sent again; huggingface_hub sees to that itself.
            return super().send(request, stream=stream, **options)
        return persist(Service(f"the Hub at {request.url.scheme}://{request.url.netloc.decode()}"), once)


def _is_statistics(request: httpx2.Request) -> bool:
    host = request.url.host
    return host == STATISTICS_HOST or host.startswith(VIEWER) or request.url.path.startswith(STATISTICS)


def _read(response: httpx2.Response, deadline: float) -> None:
    """Read a body to its end by a deadline: the timeout of a read begins anew with every byte."""
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _TimedStream(response.stream, deadline)
    try:
        response.read()
    finally:
        response.close()


class _TimedStream(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("The body came too slowly.")
            yield chunk

    def close(self) -> None:
        self._inner.close()


def _is_cut(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether an answer that should be a JSON object or list is none; files and empty bodies are not JSON."""
    path = request.url.path
    if request.method == "HEAD" or not response.is_success or not response.content:
        return False
    if not path.startswith("/api/") or path.startswith("/api/resolve-cache/"):
        return False
    try:
        return not isinstance(response.json(), dict | list)
    except ValueError:
        return True
