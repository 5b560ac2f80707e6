"""The HTTP client that huggingface_hub uses here: it repeats a request until the answer is usable or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from curation.errors import ServiceError
from curation.patience import Service, Transfer, UnansweredError, is_passing, persist, retry_after

CONNECT_SECONDS = 10.0
TIMEOUT = httpx2.Timeout(60.0, connect=CONNECT_SECONDS)
"""The limits of one attempt. If less of the budget (CURATION_PATIENCE) is left, the attempt gets less."""
STATISTICS = ("/api/agent-harnesses", "/api/telemetry/")
"""Paths of requests that huggingface_hub makes for its own statistics. It works without an answer."""
CONTENT_NAMES = ("etag", "x-linked-etag", "x-repo-commit", "x-xet-hash")
"""The headers with names that huggingface_hub gives to files and folders of its cache."""
STATISTICS_HOST = "s3.amazonaws.com"
"""The host at which `datasets` counts downloads. Many networks block it, and `datasets` works without it."""

VIEWER = "datasets-server."
"""How the host of the Hub's dataset viewer begins. `datasets` asks it for facts and works without an answer."""


class PatientClient(httpx2.Client):
    """A client that repeats a request after a passing fault: 429, 5xx, a broken connection, silence, a cut-off body.

    Repeating is safe. A commit names its parent, so if it is sent twice only one succeeds. The other requests that we
    send (creating a repo that may exist, uploading a file under its hash) have the same effect when sent twice.

    A body that is read in pieces may take CURATION_PATIENCE and the time that its size needs, over all attempts of the
    libraries that read it (see `Transfer`).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._transfers: dict[str, Transfer] = {}

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """Return the answer. Unless `stream` is true, its body is completely read and checked.

        Raises TemporaryError if there is no usable answer in time, ServiceError if a file would be cached elsewhere.
        """
        requested = dict(request.extensions.get("timeout") or {})

        def attempt(seconds: float) -> httpx2.Response:
            limits = {"connect": min(seconds, CONNECT_SECONDS), "pool": seconds, "write": seconds, "read": seconds}
            request.extensions["timeout"] = {
                key: min(requested.get(key) or limit, limit) for key, limit in limits.items()
            }
            try:
                deadline = time.monotonic() + seconds
                response = super(PatientClient, self).send(request, stream=True, **options)
                if not stream:
                    read_by(response, deadline)
            except httpx2.TimeoutException as error:
                raise UnansweredError(f"no answer for {request.extensions['timeout']['read']:.0f} s") from error
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                raise UnansweredError(f"the connection broke ({type(error).__name__})") from error
            if is_passing(response.status_code):
                response.close()
                raise UnansweredError(f"it answered {response.status_code}", retry_after=retry_after(response.headers))
            if _names_a_path(response):
                response.close()
                raise ServiceError(
                    f"The Hub at {request.url.scheme}://{request.url.netloc.decode()} named the content of a file by a "
                    "path, which could lead out of the cache; the file was not downloaded.",
                    remedy="Check that HF_ENDPOINT is the address of a Hub that you trust.",
                )
            if not stream and _is_cut(request, response):
                raise UnansweredError("its answer is cut off, or is not JSON")
            return response

        if _is_statistics(request) or not isinstance(request.stream, httpx2.ByteStream):
            # A body that is streamed from a file cannot be sent again here; huggingface_hub repeats such uploads.
            return super().send(request, stream=stream, **options)
        service = Service(f"the Hub at {request.url.scheme}://{request.url.netloc.decode()}")
        if not stream:
            return persist(service, attempt)
        return self._paced(service, str(request.url), lambda: persist(service, attempt))

    def _paced(self, service: Service, url: str, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Return the answer to a request for a file, whose body ends when the transfer is too slow."""
        transfer = self._transfers.get(url)
        if transfer is None or (transfer.given_up_at is not None and not transfer.is_given_up()):
            transfer = self._transfers[url] = Transfer()
        if transfer.is_given_up():
            raise transfer.given_up(service, "it was given up")
        response = send()
        assert isinstance(response.stream, httpx2.SyncByteStream)

        def forget() -> None:
            self._transfers.pop(url, None)

        response.stream = _PacedStream(response.stream, transfer, service, whole=forget)
        return response


def _is_statistics(request: httpx2.Request) -> bool:
    host = request.url.host
    return host == STATISTICS_HOST or host.startswith(VIEWER) or request.url.path.startswith(STATISTICS)


def read_by(response: httpx2.Response, deadline: float) -> None:
    """Read the whole body, or raise ReadTimeout at the deadline.

    httpx's own read timeout starts again with every byte, so a slow server could hold us for ever.
    """
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _TimedStream(response.stream, deadline)
    try:
        response.read()
    finally:
        response.close()


class _PacedStream(httpx2.SyncByteStream):
    """A body that raises TemporaryError when the transfer is too slow. `whole` is called when all of it has arrived."""

    def __init__(
        self, inner: httpx2.SyncByteStream, transfer: Transfer, service: Service, *, whole: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._transfer = transfer
        self._service = service
        self._whole = whole

    def __iter__(self) -> Iterator[bytes]:
        transfer, chunks = self._transfer, iter(self._inner)
        transfer.begin()
        while True:
            began = time.monotonic()
            try:
                chunk = next(chunks, None)
            except httpx2.TransportError as error:
                transfer.broken_at = time.monotonic()
                transfer.waited += transfer.broken_at - began
                if transfer.is_too_slow():
                    raise transfer.given_up(self._service, f"the connection broke ({type(error).__name__})") from error
                raise
            transfer.waited += time.monotonic() - began
            if chunk is None:
                self._whole()
                return
            transfer.received += len(chunk)
            if transfer.is_too_slow():
                raise transfer.given_up(self._service, f"only {transfer.received:,} bytes arrived")
            yield chunk

    def close(self) -> None:
        self._inner.close()


class _TimedStream(httpx2.SyncByteStream):
    """A body that raises ReadTimeout when it is still being read after the deadline."""

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


def _names_a_path(response: httpx2.Response) -> bool:
    """Whether the name of a file's content is no plain name. huggingface_hub caches the file under that name."""
    if "/resolve/" not in response.request.url.path:
        return False
    names = (response.headers.get(header, "") for header in CONTENT_NAMES)
    return any(letter in name.removeprefix("W/") for name in names for letter in "/\\\0")


def _is_cut(request: httpx2.Request, response: httpx2.Response) -> bool:
    """Whether the body of an answer of the Hub's API is not a JSON object or list, although it should be.

    Downloads of files and empty bodies need not be JSON.
    """
    path = request.url.path
    if request.method == "HEAD" or not response.is_success or not response.content:
        return False
    if not path.startswith("/api/") or path.startswith("/api/resolve-cache/"):
        return False
    try:
        return not isinstance(response.json(), dict | list)
    except ValueError:
        return True
