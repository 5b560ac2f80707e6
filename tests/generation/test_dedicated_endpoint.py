"""A dedicated Inference Endpoint by name: woken if it sleeps, and told from one that failed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from huggingface_hub import constants

from curation.errors import AuthError, MissingError, ServiceError
from curation.generation import check_endpoint
from curation.generation.options import Generator
from curation.local.inference import ScriptedServer

MOMENT = "2026-01-01T00:00:00.000Z"


class Control:
    """The control plane of Inference Endpoints, for one endpoint: its states, and what it was asked."""

    def __init__(self, *, url: str, state: str, after_resume: str = "running") -> None:
        self.url = url
        self.state = state
        self.after_resume = after_resume
        self.asked: list[str] = []

    def answer(self, method: str, path: str, authorization: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        if authorization != "Bearer hf_right":
            return 401, {"error": "Unauthorized"}
        if path != "/endpoint/acme/mine" and path != "/endpoint/acme/mine/resume":
            return 404, {"error": "Not found"}
        if path.endswith("/resume"):
            self.state = self.after_resume
        return 200, {
            "name": "mine",
            "type": "protected",
            "healthRoute": "/health",
            "model": {"repository": "some/model", "framework": "custom", "revision": "main", "task": "text-generation"},
            "status": {"state": self.state, "url": self.url, "createdAt": MOMENT, "updatedAt": MOMENT},
        }


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda request: "An answer.") as server:
        yield server


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serve a control plane; its address is a constant of huggingface_hub, which no environment variable sets."""
    servers: list[ThreadingHTTPServer] = []

    def start(control: Control) -> Control:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = control.answer(self.command, self.path, self.headers.get("Authorization"))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        return control

    monkeypatch.setenv("HF_TOKEN", "hf_right")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def generator(name: str = "acme/mine") -> Generator:
    return Generator(model_id="some/model", endpoint_name=name)


@pytest.mark.parametrize("state", ["paused", "scaledToZero"])
def test_a_sleeping_endpoint_is_resumed_and_asked_at_its_own_address(
    serve: Any, endpoint: ScriptedServer, state: str
) -> None:
    control = serve(Control(url=endpoint.address, state=state))
    assert check_endpoint(generator(), name="mine") == f"answers at {endpoint.url}"
    assert "POST /endpoint/acme/mine/resume" in control.asked


def test_a_running_endpoint_is_left_alone(serve: Any, endpoint: ScriptedServer) -> None:
    control = serve(Control(url=endpoint.address, state="running"))
    check_endpoint(generator(), name="mine")
    assert control.asked == ["GET /endpoint/acme/mine"]


def test_an_endpoint_that_fails_to_start_is_said(serve: Any, endpoint: ScriptedServer) -> None:
    serve(Control(url=endpoint.address, state="paused", after_resume="failed"))
    with pytest.raises(ServiceError, match="acme/mine cannot be started"):
        check_endpoint(generator(), name="mine")


def test_an_endpoint_that_is_not_there_or_not_ours_is_said(
    serve: Any, endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Control(url=endpoint.address, state="running"))
    with pytest.raises((MissingError, ServiceError), match="acme/none"):
        check_endpoint(generator("acme/none"), name="none")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(AuthError):
        check_endpoint(generator(), name="mine")
