"""A proxy that spoils chosen answers of a real server, as networks and servers under load do."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self

import httpx2

from tests.between import HOP_BY_HOP

Kind = Literal["status", "reset", "cut", "shortened", "null", "page", "shape", "hang", "drip"]
PAGE = b"<!DOCTYPE html><html><body>Your Space is asleep.</body></html>"


@dataclass(slots=True)
class Fault:
    """Spoil the next `count` answers to requests that match, as in "POST /api/v1/datasets".

    With `after` the server has done what it was asked. "status" has `body` as its message, "cut" ends before the
    announced length, "shortened" is half a body that says it is whole, "shape" is `{}`, "hang" says nothing for a
    minute, "drip" sends a byte each 0.2 s.
    """

    match: str
    kind: Kind
    count: int = 1
    status: int = 503
    after: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "spoiled"


class FaultyProxy:
    """Passes requests on to the server at `target`, and notes each in `requests`."""

    def __init__(self, target: str, *faults: Fault) -> None:
        self.faults = list(faults)
        self.requests: list[str] = []
        self._client = httpx2.Client(base_url=target, timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, request: str) -> Fault | None:
        """Note a request; return the fault that it meets."""
        with self._lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.count > 0 and re.search(fault.match, request):
                    fault.count -= 1
                    return fault
        return None

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Return the server's own answer."""
        return self._client.request(method, path, content=body, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


def _handler(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are sent apart, and without this the body waits 40 ms for the client's acknowledgement.
        disable_nagle_algorithm = True

        def _pass_on(self) -> None:
            fault = proxy.take(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            if fault is not None and not fault.after:
                self._spoil(fault, b"", {})
                return
            answer = proxy.ask(self.command, self.path, body, headers)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            if fault is not None:
                self._spoil(fault, answer.content, kept)
            else:
                # To HEAD the length is that of the body that GET would bring.
                length = int(answer.headers.get("Content-Length") or 0) if self.command == "HEAD" else None
                self._answer(answer.status_code, answer.content, kept, length=length)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on

        def _answer(self, status: int, content: bytes, headers: Mapping[str, str], length: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) if length is None else length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _spoil(self, fault: Fault, content: bytes, headers: Mapping[str, str]) -> None:
            content = content or b'{"items": []}'
            self.close_connection = True
            match fault.kind:
                case "status":
                    body = json.dumps({"detail": fault.body, "error": fault.body}).encode()
                    self._answer(fault.status, body, {**fault.headers, "Content-Type": "text/json"})
                case "reset":
                    self.connection.shutdown(socket.SHUT_RDWR)
                case "cut":
                    self._answer(200, content[: len(content) // 2], headers, length=len(content))
                case "shortened":
                    self._answer(200, content[: len(content) // 2], headers)
                case "null":
                    self._answer(200, b"null", headers)
                case "shape":
                    self._answer(200, b"{}", headers)
                case "page":
                    self._answer(fault.status, PAGE, {"Content-Type": "text/html; charset=utf-8"})
                case "hang":
                    time.sleep(60)
                case "drip":
                    self._answer(200, b"", headers, length=10_000)
                    for _ in range(300):
                        self.wfile.write(b" ")
                        time.sleep(0.2)

        def log_message(self, *arguments: object) -> None:
            pass

        def handle(self) -> None:
            """Serve; a client that went away is none of the server's business."""
            try:
                super().handle()
            except OSError:
                self.close_connection = True

    return Handler
