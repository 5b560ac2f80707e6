"""The bytes of a reply: packed or not, they are read up to a bound."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from curation.generation import Endpoint, Generator
from curation.generation.client import ChatClient
from curation.generation.meter import StageMeter
from curation.generation.transfer import MOST_BYTES

Serve = Callable[[bytes, dict[str, str]], str]

BODY = json.dumps({"choices": [{"message": {"content": "Because."}, "finish_reason": "stop"}]}).encode()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers every request with these bytes and headers, and return its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(content: bytes, headers: dict[str, str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(url: str, *, meter: StageMeter | None = None) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        endpoint = Endpoint(model_id="small", base_url=url, max_attempts=1)
        client = ChatClient(endpoint, name="small", url=url, api_key=None, cache=None, meter=meter, story=None)
        try:
            return await client.ask({"model": "small", "messages": [{"role": "user", "content": "Why?"}]}, nth=0)
        finally:
            await client.aclose()

    return asyncio.run(run())


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (BODY, {}),
        (BODY, {"Content-Encoding": "identity"}),
        (gzip.compress(BODY), {"Content-Encoding": "gzip"}),
        (gzip.compress(BODY), {"Content-Encoding": "x-gzip"}),
        (gzip.compress(BODY), {}),
        (zlib.compress(BODY), {"Content-Encoding": "deflate"}),
        (raw_deflate(BODY), {"Content-Encoding": "deflate"}),
        (BODY, {"Content-Encoding": "gzip"}),
    ],
    ids=["plain", "identity", "gzip", "x-gzip", "gzip-unsaid", "deflate", "raw-deflate", "gzip-said-wrongly"],
)
def test_a_reply_is_unpacked(serve: Serve, content: bytes, headers: dict[str, str]) -> None:
    assert ask(serve(content, headers))["generation"] == "Because."


@pytest.mark.parametrize(
    ("content", "headers", "reason"),
    [
        (BODY, {"Content-Encoding": "br"}, "reply_in_unknown_encoding"),
        (b"\x00\x01\x02", {"Content-Encoding": "gzip"}, "reply_cannot_be_unpacked"),
        (gzip.compress(BODY)[:40], {"Content-Encoding": "gzip"}, "reply_is_cut"),
        (b" " * (MOST_BYTES + 1), {}, "reply_too_large"),
        (gzip.compress(b" " * (MOST_BYTES + 1)), {"Content-Encoding": "gzip"}, "reply_too_large"),
    ],
    ids=["unknown", "broken", "cut", "large", "large-packed"],
)
def test_a_reply_that_cannot_be_had_has_a_reason_of_its_own(
    serve: Serve, content: bytes, headers: dict[str, str], reason: str
) -> None:
    meter = StageMeter("generate small", Generator(model_id="small", price_in=1.0, price_out=1.0))
    assert ask(serve(content, headers), meter=meter)["failure"] == reason
    # It came, and what it cost is unknown.
    assert (meter.useless, meter.cost) == (1, None)


@pytest.mark.slow
def test_a_reply_of_a_few_bytes_that_unfolds_to_a_gigabyte_takes_little_memory(serve: Serve) -> None:
    packing = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    block = b" " * (1 << 20)
    bomb = b"".join(packing.compress(block) for _ in range(1024)) + packing.flush()
    url = serve(bomb, {"Content-Encoding": "gzip"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ask(url)["failure"] == "reply_too_large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
