"""Whoever else can reach this machine: servers listen on loopback only, check tokens, and bound what they are sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from curation.local import Stack
from curation.local.argilla.server import bodies
from curation.local.hub import commit_routes
from curation.local.hub.access import MAX_JSON_BYTES
from curation.local.inference import ScriptedServer, connection
from curation.review.webhooks import PATH as WEBHOOKS
from curation.serving.app import MOST_WEBHOOK_BYTES
from tests.serving.serving import serving

pytestmark = pytest.mark.stack

PIECE = b" " * 2**20
SERVERS = ["hub", "argilla", "models", "scripted", "serve"]


@contextmanager
def address_of(name: str, stack: Stack, folder: Path) -> Iterator[str]:
    """Run a server, unless it is one of the stack, and yield its address."""
    if name == "scripted":
        with ScriptedServer(lambda request: "so?", api_key="the key") as scripted:
            yield scripted.url.removesuffix("/v1")
    elif name == "serve":
        with serving(folder) as running:
            yield running.url
    else:
        yield {"hub": stack.hub.url, "argilla": stack.argilla.url, "models": stack.inference.url}[name]


def health_of(name: str) -> str:
    return "/api/v1/status" if name == "argilla" else "/health"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_listens_on_loopback_only(name: str, stack: Stack, tmp_path: Path) -> None:
    with address_of(name, stack, tmp_path) as url:
        parts = urlsplit(url)
        assert parts.hostname == "127.0.0.1"
        assert parts.port is not None
        assert httpx2.get(url + health_of(name), trust_env=False).status_code == 200
        # Whoever listens everywhere listens here too.
        for other in ("127.0.0.2", "::1"):
            with pytest.raises(OSError, match=r"refused|unreachable|assign|not supported"):
                socket.create_connection((other, parts.port), timeout=10)


def status_of_unended(url: str, path: str, headers: dict[str, str], *, size: int, chunked: bool) -> int:
    """Send `size` bytes and one more of a body that does not end there, and return the status of the answer."""
    parts = urlsplit(url)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {2**40}"
    lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", length, *(f"{k}: {v}" for k, v in headers.items())]
    pieces = [*([PIECE] * (size // len(PIECE))), b" "]
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=60) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        for piece in pieces:
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        return int(client.recv(65536).split()[1])


LIMITED = {
    "hub": ("/api/repos/create", MAX_JSON_BYTES),
    "argilla": ("/api/v1/workspaces", bodies.MAX_BODY_BYTES),
    "models": ("/v1/chat/completions", connection.MAX_BODY_BYTES),
    "scripted": ("/v1/chat/completions", connection.MAX_BODY_BYTES),
    "serve": (WEBHOOKS, MOST_WEBHOOK_BYTES),
}


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "announced"])
@pytest.mark.parametrize("name", SERVERS)
def test_a_body_over_the_limit_is_refused_before_it_has_arrived(
    name: str, chunked: bool, stack: Stack, tmp_path: Path
) -> None:
    path, limit = LIMITED[name]
    keys = {"Authorization": f"Bearer {stack.hub.token}", "X-Argilla-Api-Key": stack.argilla.api_key}
    headers = {**keys, "Content-Type": "application/json"}
    with address_of(name, stack, tmp_path) as url:
        assert status_of_unended(url, path, headers, size=limit, chunked=chunked) == 413
        assert httpx2.get(url + health_of(name), trust_env=False).status_code == 200


def test_an_upload_ends_at_its_announced_size_and_a_commit_at_its_number_of_files(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {stack.hub.token}"}
    with httpx2.Client(base_url=stack.hub.url, headers=headers, trust_env=False) as http:
        body = {"name": "bounded", "organization": "acme", "type": "dataset", "private": True}
        http.post("/api/repos/create", json=body).raise_for_status()
        objects = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1000}]}
        place = "/datasets/acme/bounded.git/info/lfs/objects/batch"
        [target] = http.post(place, json=objects).raise_for_status().json()["objects"]
        address = target["actions"]["upload"]["href"]
        assert http.put(address, content=b"x" * 1001).status_code == 413
        assert http.put(address, content=b"x" * 1000).status_code == 400, "not what was announced, and not too long"
        line = json.dumps({"key": "deletedFile", "value": {"path": "a"}}) + "\n"
        over = line * (commit_routes.MAX_OPERATIONS + 1)
        assert http.post("/api/datasets/acme/bounded/commit/main", content=over).status_code == 413


NOBODY = {
    "hub": [("POST", "/api/repos/create"), ("GET", "/api/whoami-v2"), ("POST", "/api/scheduled-jobs/acme")],
    "argilla": [("GET", "/api/v1/me"), ("GET", "/api/v1/users"), ("POST", "/api/v1/datasets")],
    "scripted": [("GET", "/v1/models"), ("POST", "/v1/chat/completions")],
    "serve": [("GET", "/"), ("GET", "/dashboard.json"), ("POST", WEBHOOKS)],
}


@pytest.mark.parametrize("token", [None, "hf_wrong"], ids=["none", "wrong"])
@pytest.mark.parametrize("name", NOBODY)
def test_nothing_is_done_without_the_right_token(name: str, token: str | None, stack: Stack, tmp_path: Path) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}", "X-Argilla-Api-Key": token}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}], "name": "mine", "type": "dataset"}
    with address_of(name, stack, tmp_path) as url:
        for method, path in NOBODY[name]:
            refused = httpx2.request(
                method, url + path, headers=headers, json=body if method == "POST" else None, trust_env=False
            )
            assert refused.status_code == 401, (method, path, refused.text)
