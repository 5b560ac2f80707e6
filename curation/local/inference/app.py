"""The HTTP routes: chat completions, models, health and counts."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from curation.local.inference.connection import Connection
from curation.local.inference.faults import Fate, FaultPlan, fault_answer
from curation.local.inference.stats import Counts, Exchange
from curation.local.inference.wire import (
    SSE_DONE,
    Backend,
    Chunks,
    Piece,
    Refusal,
    Request,
    completion_body,
    error_body,
    join_pieces,
    parse_request,
    truncated,
)

RESET = 0
CLIENT_GONE = 499


def create_app(
    backend: Backend,
    *,
    plan: FaultPlan | None = None,
    counts: Counts | None = None,
    api_key: str | None = None,
    log: Callable[[Exchange], None] | None = None,
) -> Starlette:
    """Return the application. `log` is called with every exchange. With `api_key`, other keys are refused.

    Chat is served at `/v1/chat/completions`. It is also served at `/models/{model}/v1/chat/completions`, as on the Hub,
    for clients that send an address instead of a model.
    """
    counts = counts or Counts()
    chat = ChatCompletions(backend, plan=plan or FaultPlan(), counts=counts, api_key=api_key, log=log)

    def models(request: HttpRequest) -> Response:
        if not _authorized(request.headers.get("authorization"), api_key):
            return JSONResponse(_unauthorized().body(), status_code=401)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in backend.names]
        return JSONResponse({"object": "list", "data": data})

    def reset(_: HttpRequest) -> Response:
        counts.reset()
        return JSONResponse({"reset": True})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/models/{model:path}/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", _asynchronous(models), methods=["GET"]),
            Route("/health", _asynchronous(lambda _: JSONResponse({"status": "ok"})), methods=["GET"]),
            Route("/stats", _asynchronous(lambda _: JSONResponse(asdict(counts.snapshot()))), methods=["GET"]),
            Route("/stats/reset", _asynchronous(reset), methods=["POST"]),
        ],
        exception_handlers={404: _failed, 405: _failed, 500: _failed},
    )


class ChatCompletions:
    """The route for chat completions, as a plain ASGI application. Starlette's classes would make it half as fast."""

    def __init__(
        self,
        backend: Backend,
        *,
        plan: FaultPlan,
        counts: Counts,
        api_key: str | None,
        log: Callable[[Exchange], None] | None,
    ) -> None:
        self._backend = backend
        self._plan = plan
        self._counts = counts
        self._api_key = api_key
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a request, decide whether it meets a fault, answer it and count it."""
        connection = Connection(scope, receive, send)
        started = time.time()
        model = scope["path_params"].get("model")
        try:
            request = parse_request(await connection.body(), headers=connection.headers(), model=model)
        except Refusal as refusal:
            await connection.answer_json(refusal.status, refusal.body())
            return
        request, number = self._counts.begin(request)
        fate, status = Fate(), 500
        try:
            if not _authorized(request.authorization, self._api_key):
                raise _unauthorized()
            fate = self._plan.fate(request, number)
            status = await self._answer(request, fate, connection)
        except Refusal as refusal:
            status = await connection.answer_json(refusal.status, refusal.body())
        finally:
            self._counts.end(status)
            self._record(request, fate, status=status, started=started)

    async def _answer(self, request: Request, fate: Fate, connection: Connection) -> int:
        if fate.seconds and await connection.gone_within(fate.seconds):
            return CLIENT_GONE
        kind = None if fate.fault is None else fate.fault.kind
        if fate.fault is not None and kind not in ("hang", "reset", "truncate"):
            return await connection.answer(*fault_answer(fate.fault, request))
        pieces = self._counts.counted(request.model, self._backend.pieces(request, connection.gone))
        if kind == "truncate":
            pieces = truncated(pieces, request)
        try:
            if kind == "reset":
                await connection.reset(json.dumps(await _completion(request, pieces)).encode())
                return RESET
            return await (_stream if request.stream else _whole)(request, pieces, connection)
        finally:
            await pieces.aclose()

    def _record(self, request: Request, fate: Fate, *, status: int, started: float) -> None:
        if self._log is not None:
            fault = None if fate.fault is None else fate.fault.kind
            self._log(Exchange(request=request, status=status, fault=fault, started=started, ended=time.time()))


async def _completion(request: Request, pieces: AsyncGenerator[Piece, None]) -> dict[str, Any]:
    return completion_body(request, join_pieces([piece async for piece in pieces]))


async def _whole(request: Request, pieces: AsyncGenerator[Piece, None], connection: Connection) -> int:
    body = await _completion(request, pieces)
    return CLIENT_GONE if connection.gone() else await connection.answer_json(200, body)


async def _stream(request: Request, pieces: AsyncGenerator[Piece, None], connection: Connection) -> int:
    chunks = Chunks(request)
    sent: list[Piece] = []
    async for piece in pieces:
        # The backend may refuse before its first piece, so the status is sent with that piece.
        if not sent:
            await connection.begin_stream()
        await connection.write(chunks.event(piece))
        sent.append(piece)
    if connection.gone():
        return CLIENT_GONE
    if request.wants_usage:
        await connection.write(chunks.usage_event(sent))
    await connection.write(SSE_DONE, last=True)
    return 200


def _authorized(authorization: str | None, api_key: str | None) -> bool:
    return api_key is None or authorization == f"Bearer {api_key}"


def _unauthorized() -> Refusal:
    return Refusal(401, "The API key is missing or wrong.", code="invalid_api_key")


async def _failed(_: HttpRequest, error: Exception) -> Response:
    """Answer requests to unknown routes, and errors in our code (their traceback goes to the server's log)."""
    if isinstance(error, HTTPException):
        body = error_body(error.status_code, f"{error.detail}.", code="unknown_route")
        return JSONResponse(body, status_code=error.status_code)
    message = f"The server failed: {type(error).__name__}: {error}"
    return JSONResponse(error_body(500, message, code="server_failed"), status_code=500)


def _asynchronous(answer: Callable[[HttpRequest], Response]) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Return an async handler for a plain function, because Starlette would run a plain function in a thread."""

    async def handler(request: HttpRequest) -> Response:
        return answer(request)

    return handler
