"""Runs the server until SIGTERM or Ctrl-C."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.serving.app import Server, build_app
from curation.serving.kept_refreshes import kept_file
from curation.serving.outcome import Refresh
from curation.serving.refresher import Refresher
from curation.serving.registration import Registration
from curation.serving.settings import Serving

MOST_CONNECTIONS = 200
SHUTDOWN_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; with port 0 the system picks one. Raises RefusedError if it is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise RefusedError(
            f"The server cannot listen on {host}:{port}: {error.strerror or error}.",
            remedy="Name another port with --port, or another address with --host.",
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the address at which this machine reaches a socket: "http://127.0.0.1:7860"."""
    host, port, *_ = listening.getsockname()
    if host in {"0.0.0.0", "::"}:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_server(serving: Serving, config: Config, listening: socket.socket, *, tell: Callable[[Refresh], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. `tell` is called with each refresh that has ended."""
    refresher = Refresher(serving.config, serving.timing, tell=tell, kept=kept_file(serving.config))
    registration = Registration(serving, Services.from_environment())
    options = uvicorn.Config(
        build_app(Server(serving, config, refresher, registration)),
        log_level="error",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(options).run(sockets=[listening])
