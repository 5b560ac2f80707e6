"""A limit on the length of requests: argilla_server has none, and keeps a whole body in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

MAX_BODY_BYTES = 128 * 2**20
"""Our pushes stay far below; 500 records of the longest texts that the server accepts have some 60 MB."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def limited(app: App) -> App:
    """Return an ASGI application that answers 413 as soon as a body is longer than MAX_BODY_BYTES."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            exchange = _Exchange(receive, send)
            await app(scope, exchange.receive, exchange.send)
        else:
            await app(scope, receive, send)

    return application


class _Exchange:
    """One request and its answer. After a refusal the application is told that the client left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._received = 0
        self._refused = False

    async def receive(self) -> Message:
        if self._refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received <= MAX_BODY_BYTES:
            return message
        self._refused = True
        await self._send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await self._send({"type": "http.response.body", "body": b""})
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._refused:
            await self._send(message)
