"""The outermost layer of the server: it counts requests, keeps %2F apart from "/", and fails on demand for tests."""

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
_OWN_PATHS = ("/health", "/stats", "/faults", "/hosts")


@dataclass(slots=True)
class Fault:
    """A rule that fails the next `count` requests whose path matches.

    They are answered with `status`, `headers` and `body`; status 0 breaks off the connection instead. With `after` the
    request is carried out first, so that only its answer is lost.
    """

    match: re.Pattern[str]
    status: int
    count: int
    after: bool
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(slots=True)
class Faults:
    """The rules for the requests to come."""

    pending: list[Fault] = field(default_factory=list)

    def take(self, path: str) -> Fault | None:
        """Return the rule that this request meets, and lower its count; None if it meets none."""
        for fault in self.pending:
            if fault.count > 0 and fault.match.search(path):
                fault.count -= 1
                return fault
        return None


async def set_fault(request: Request) -> Response:
    """Add the fault {status, count, match, headers, body, after} (POST), or remove all faults (DELETE).

    The body must have the type application/json, which a web page of another site cannot send.
    """
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
        """Pass a request on to the routes, or make it fail."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fault = None
        if scope["path"] not in _OWN_PATHS:
            self._counters.requests += 1
            fault = self._faults.take(scope["path"])
        # uvicorn decodes the path, which turns the %2F in a branch name into a slash. Routes get the raw path instead.
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
    # The answer is shorter than its announced length, so the server closes the connection.
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
