"""One HTTP exchange over ASGI: read the body, notice that the client left, answer, stream, or break off."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from curation.local.inference.wire import Refusal

MAX_BODY_BYTES = 32 * 2**20
JSON = {"content-type": "application/json"}


class Connection:
    """The connection of a request. The server puts its transport into the scope's state (see `serve`)."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._transport: asyncio.Transport = scope["state"]["transport"]

    def headers(self) -> dict[str, str]:
        """Return the request's headers, names in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}

    async def body(self) -> bytes:
        """Read the request's whole body. Raises Refusal (413) as soon as it is longer than MAX_BODY_BYTES."""
        body = bytearray()
        more = True
        while more:
            message = await self._receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise Refusal(413, f"The request is longer than {MAX_BODY_BYTES} bytes.", code="too_long")
            more = message.get("more_body", False)
        return bytes(body)

    def gone(self) -> bool:
        """Return whether the client has closed the connection. This can be called from any thread."""
        return self._transport.is_closing()

    async def gone_within(self, seconds: float) -> bool:
        """Return True as soon as the client leaves, and False if it is still connected after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                # Once the body is read, the next message is the client's disconnect.
                await self._receive()
        except TimeoutError:
            return False
        return True

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> int:
        """Send a whole answer; return its status."""
        await self._start(status, {**headers, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})
        return status

    async def answer_json(self, status: int, value: object) -> int:
        """Send a value as JSON; return the status."""
        return await self.answer(status, JSON, json.dumps(value).encode())

    async def begin_stream(self) -> None:
        """Start an answer of server-sent events."""
        await self._start(200, {"content-type": "text/event-stream", "cache-control": "no-cache"})

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of a streamed answer."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def reset(self, body: bytes) -> None:
        """Send the headers for `body` and half of it, then end the connection with a TCP reset."""
        await self._start(200, {**JSON, "content-length": str(len(body))})
        await self.write(body[: len(body) // 2])
        # With a linger time of 0, closing the socket sends RST instead of FIN.
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._receive()

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
