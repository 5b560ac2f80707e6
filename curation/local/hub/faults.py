"""What surrounds the routes: counting requests, keeping %2F apart from "/", and failing on demand for tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curation.local.hub.access import Counters, read_json
from curation.local.hub.refusals import refusal

LOST = 0
_OWN_PATHS = ("/health", "/stats", "/faults")


@dataclass(slots=True)
class Fault:
    """Fail the next `count` requests whose path matches; status 0 breaks the connection off.

    With `after`, the request is first carried out, so that only its answer is lost. `body` is what a status comes with.
    """

    match: re.Pattern[str]
    status: int
    count: int
    after: bool
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class Faults:
    """The faults still to come."""

    pending: list[Fault] = field(default_factory=list)

    def take(self, path: str) -> Fault | None:
        """Return the fault this request is to meet, and count it."""
        for fault in self.pending:
            if fault.count > 0 and fault.match.search(path):
                fault.count -= 1
                return fault
        return None


async def set_fault(request: Request) -> Response:
    """POST a fault {status, count, match, headers, body, after}; DELETE clears all. JSON only, so no web page can."""
    faults: Faults = request.app.state.faults
    if request.method == "DELETE":
        faults.pending.clear()
        return JSONResponse({})
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise refusal(415, "Send a fault as application/json.")
    faults.pending.append(_parse(await read_json(request)))
    return JSONResponse({})


class Surroundings:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, *, counters: Counters, faults: Faults) -> None:
        self._app = app
        self._counters = counters
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or fail it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fault = None
        if scope["path"] not in _OWN_PATHS:
            self._counters.requests += 1
            fault = self._faults.take(scope["path"])
        # The server decoded the path, and with it the slashes in branch names; routes decode their own parts.
        scope = {**scope, "path": scope["raw_path"].decode("ascii", "replace")}
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.after:
            await self._app(scope, receive, _discard)
        else:
            await _drain(receive)
        await _fail(fault, scope, receive, send)


async def _fail(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.status != LOST:
        answer = JSONResponse(dict(fault.body), status_code=fault.status, headers=dict(fault.headers))
        await answer(scope, receive, send)
        return
    # An answer that ends before its announced length: the server closes the connection on it.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


async def _drain(receive: Receive) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


async def _discard(message: Message) -> None:
    pass


def _parse(value: dict[str, Any]) -> Fault:
    try:
        return Fault(
            match=re.compile(str(value.get("match", ""))),
            status=int(value.get("status", 503)),
            count=int(value.get("count", 1)),
            after=bool(value.get("after", False)),
            headers={str(key): str(text) for key, text in dict(value.get("headers") or {}).items()},
            body=dict(value.get("body") or {"error": "Injected fault"}),
        )
    except (re.error, ValueError, TypeError) as error:
        raise refusal(400, f"Invalid fault: {error}") from error
