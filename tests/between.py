"""A proxy before a server, for what must happen between two requests of the code under test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx2

Moment = Callable[[str], str | None]
"""Called with the method and the path with its query, as in "GET /api/v1/me", before a request is passed on.

It may return another path, to which the request is passed on then."""

HOP_BY_HOP = {"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"}


class Between:
    """Passes everything on to the server at `target`, after `before` has returned."""

    def __init__(self, target: str, before: Moment) -> None:
        self._client = httpx2.Client(base_url=target, timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._client, before))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


def once(matches: Callable[[str], bool], act: Callable[[], None]) -> Moment:
    """Return a moment that acts before the first request that matches."""
    waiting = [act]

    def before(request: str) -> None:
        if waiting and matches(request):
            waiting.pop()()

    return before


def _handler(client: httpx2.Client, before: Moment) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are sent apart, and without this the body waits 40 ms for the client's acknowledgement.
        disable_nagle_algorithm = True

        def _pass_on(self) -> None:
            path = before(f"{self.command} {self.path}") or self.path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            answer = client.request(self.command, path, content=body, headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler
