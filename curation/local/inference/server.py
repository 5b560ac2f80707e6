"""Serves an application over HTTP/1.1 on a listening socket until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from curation.local.process import HOST

KEEP_ALIVE_SECONDS = 120
STOP_SECONDS = 2.0
BACKLOG = 2048


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 lets the kernel choose."""
    # IPPROTO_TCP is needed: only then asyncio turns Nagle's algorithm off, which would delay every answer by 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


async def serve(app: ASGIApp, listening: socket.socket, *, stop: asyncio.Event, started: Callable[[], object]) -> None:
    """Serve until `stop` is set, then break off what is still open.

    uvicorn's own server would poll, wait a fixed time and let a hanging request delay the end; only its HTTP protocol
    is used here.
    """
    config = _config(app)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: _Protocol(config, state, {}), sock=listening, backlog=BACKLOG)
    started()
    await stop.wait()
    listener.close()
    for connection in list(state.connections):
        connection.transport.abort()
    if state.tasks:
        _, unfinished = await asyncio.wait(state.tasks, timeout=STOP_SECONDS)
        for task in unfinished:
            task.cancel()


class _Protocol(H11Protocol):
    """Gives the application access to its transport, so that it can reset the connection and notice its end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {"transport": transport}


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
