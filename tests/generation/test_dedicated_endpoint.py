"""A dedicated Inference Endpoint by name: woken for a run and put back to sleep, told from one that failed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from huggingface_hub import constants

from curation.errors import AuthError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation import Models, check_endpoint, dedicated, generate_candidate_sets, reach_endpoint, spooled
from curation.generation.dedicated import awake
from curation.generation.options import Generator
from curation.local.inference import Fault, ScriptedServer
from tests.rows import made_sets, make_prompt

MOMENT = "2026-01-01T00:00:00.000Z"
SLEEPS = [("paused", "pause"), ("scaledToZero", "scale-to-zero")]
RESUMED = "POST /endpoint/acme/mine/resume"


class Control:
    """The control plane of Inference Endpoints, for endpoints of acme: their states, and what it was asked.

    `begins` are the states that follow one another, one for each look, once an endpoint is resumed; `refuses` the
    actions that it answers with an error.
    """

    def __init__(
        self, *, url: str, begins: Sequence[str] = ("running",), refuses: Sequence[str] = (), **states: str
    ) -> None:
        self.url = url
        self.states = states
        self.begins = list(begins)
        self.refuses = refuses
        self.asked: list[str] = []

    @property
    def changes(self) -> list[str]:
        """What it was asked to change, in order."""
        return [asked for asked in self.asked if asked.startswith("POST")]

    def answer(self, method: str, path: str, authorization: str | None) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        if authorization != "Bearer hf_right":
            return 401, {"error": "Unauthorized"}
        _, kind, owner, name, *action = path.split("/")
        if (kind, owner) != ("endpoint", "acme") or name not in self.states:
            return 404, {"error": "Not found"}
        if self.states[name] == "waking":
            state = self.begins.pop(0) if len(self.begins) > 1 else self.begins[0]
        else:
            state = self.states[name]
        if action:
            if action[0] in self.refuses:
                return 500, {"error": "Out of order"}
            self.states[name] = {"resume": "waking", "pause": "paused", "scale-to-zero": "scaledToZero"}[action[0]]
        return 200, {
            "name": name,
            "type": "protected",
            "healthRoute": "/health",
            "model": {"repository": "some/model", "framework": "custom", "revision": "main", "task": "text-generation"},
            "status": {"state": state, "url": self.url, "createdAt": MOMENT, "updatedAt": MOMENT},
        }


Serve = Callable[[Control], Control]


@pytest.fixture
def endpoint() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda request: "An answer.") as server:
        yield server


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
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
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setattr(dedicated, "POLL_SECONDS", 0.01)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def generator(endpoint_name: str = "acme/mine", **options: Any) -> Generator:
    return Generator(model_id="some/model", endpoint_name=endpoint_name, **options)


@pytest.mark.parametrize("state", ["paused", "scaledToZero"])
def test_looking_at_a_sleeping_endpoint_leaves_it_asleep_and_says_so(
    serve: Serve, endpoint: ScriptedServer, state: str
) -> None:
    control = serve(Control(url=endpoint.address, mine=state))
    reached = check_endpoint(generator(), name="mine")
    assert reached == (f"acme/mine is {state}; generate wakes it and puts it back", False)
    reach_endpoint(generator(), name="mine")
    assert control.changes == []


def test_looking_at_a_running_endpoint_says_where_it_answers(serve: Serve, endpoint: ScriptedServer) -> None:
    control = serve(Control(url=endpoint.address, mine="running"))
    assert check_endpoint(generator(), name="mine") == (f"some/model answers at {endpoint.url}", False)
    assert control.changes == []


def test_an_endpoint_that_is_not_there_or_not_ours_is_said(
    serve: Serve, endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(Control(url=endpoint.address, mine="running"))
    with pytest.raises((MissingError, ServiceError), match="acme/none"):
        check_endpoint(generator("acme/none"), name="none")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(AuthError):
        check_endpoint(generator(), name="mine")


@pytest.mark.parametrize(("state", "put_back"), SLEEPS)
def test_a_sleeping_endpoint_is_woken_and_put_back_as_it_slept(
    serve: Serve, endpoint: ScriptedServer, state: str, put_back: str
) -> None:
    control = serve(Control(url=endpoint.address, begins=("pending", "initializing", "running"), mine=state))
    with awake(["acme/mine"]):
        assert control.begins == ["running"]
        assert control.changes == [RESUMED]
    assert control.changes == [RESUMED, f"POST /endpoint/acme/mine/{put_back}"]
    assert control.states == {"mine": state}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_it_is_put_back_whatever_happens_in_between(
    serve: Serve, endpoint: ScriptedServer, error: type[BaseException]
) -> None:
    control = serve(Control(url=endpoint.address, mine="paused"))
    with pytest.raises(error), awake(["acme/mine"]):
        raise error
    assert control.changes == [RESUMED, "POST /endpoint/acme/mine/pause"]


def test_an_endpoint_that_runs_is_left_running(serve: Serve, endpoint: ScriptedServer) -> None:
    control = serve(Control(url=endpoint.address, mine="running"))
    with awake(["acme/mine"]):
        pass
    assert control.changes == []


def test_each_endpoint_is_woken_once_and_only_those_that_slept_are_put_back(
    serve: Serve, endpoint: ScriptedServer
) -> None:
    control = serve(Control(url=endpoint.address, mine="paused", other="scaledToZero", third="running"))
    with awake(["acme/other", "acme/mine", "acme/third", "acme/mine"]):
        assert sorted(control.changes) == [RESUMED, "POST /endpoint/acme/other/resume"]
    assert sorted(control.changes[2:]) == ["POST /endpoint/acme/mine/pause", "POST /endpoint/acme/other/scale-to-zero"]


def test_an_endpoint_that_fails_to_start_is_said_and_put_back_with_the_others(
    serve: Serve, endpoint: ScriptedServer
) -> None:
    control = serve(Control(url=endpoint.address, begins=("initializing", "failed"), mine="paused"))
    with pytest.raises(ServiceError, match="acme/mine cannot be started"), awake(["acme/mine"]):
        raise AssertionError("it does not run")
    assert control.changes == [RESUMED, "POST /endpoint/acme/mine/pause"]


def test_an_endpoint_that_does_not_start_in_time_is_temporary_and_put_back(
    serve: Serve, endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedicated, "RESUME_SECONDS", 0.05)
    control = serve(Control(url=endpoint.address, begins=("initializing",), mine="scaledToZero"))
    with pytest.raises(TemporaryError, match="acme/mine did not start within"), awake(["acme/mine"]):
        raise AssertionError("it does not run")
    assert control.changes == [RESUMED, "POST /endpoint/acme/mine/scale-to-zero"]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_an_endpoint_that_cannot_be_put_back_goes_on_costing_money_and_that_is_said(
    serve: Serve, endpoint: ScriptedServer
) -> None:
    control = serve(Control(url=endpoint.address, refuses=["pause"], mine="paused", other="scaledToZero"))
    with pytest.raises(ServiceError) as caught, awake(["acme/mine", "acme/other"]):
        pass
    assert "not put back to sleep: acme/mine (" in caught.value.message
    assert "acme/other" not in caught.value.message
    assert "goes on costing money" in caught.value.message
    assert "https://endpoints.huggingface.co" in str(caught.value.remedy)
    assert control.changes[-1] == "POST /endpoint/acme/other/scale-to-zero"


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_what_went_wrong_before_is_not_lost_if_it_cannot_be_put_back(serve: Serve, endpoint: ScriptedServer) -> None:
    serve(Control(url=endpoint.address, refuses=["pause"], mine="paused"))
    with pytest.raises(ServiceError, match="costing money") as caught, awake(["acme/mine"]):
        raise RuntimeError("before")
    assert isinstance(caught.value.__context__, RuntimeError)


@pytest.mark.parametrize(("state", "put_back"), SLEEPS)
def test_a_run_wakes_its_endpoint_once_asks_it_and_puts_it_back(
    serve: Serve, endpoint: ScriptedServer, state: str, put_back: str
) -> None:
    control = serve(Control(url=endpoint.address, begins=("pending", "running"), mine=state))
    models = Models(generators=(generator(name="cool"), generator(name="warm", temperature=1.0)))
    [found] = made_sets(models, [make_prompt()])
    assert [candidate.text for candidate in found.candidates] == ["An answer."] * 2
    assert len(endpoint.requests) == 2
    assert control.changes == [RESUMED, f"POST /endpoint/acme/mine/{put_back}"]
    assert control.asked[-1] == f"POST /endpoint/acme/mine/{put_back}"


def test_the_token_goes_to_the_control_plane_and_not_to_another_host(serve: Serve, endpoint: ScriptedServer) -> None:
    serve(Control(url=endpoint.address, mine="paused"))
    made_sets(Models(generators=(generator(),)), [make_prompt()])
    assert {exchange.request.authorization for exchange in endpoint.requests} == {None}


def test_a_run_that_fails_puts_its_endpoint_back(serve: Serve) -> None:
    with ScriptedServer(lambda request: "An answer.", faults=[Fault(kind="status", status=404)]) as broken:
        control = serve(Control(url=broken.address, mine="paused"))
        with pytest.raises(CurationError, match="has no model"):
            made_sets(Models(generators=(generator(),)), [make_prompt(f"Question {number}") for number in range(20)])
    assert control.changes == [RESUMED, "POST /endpoint/acme/mine/pause"]


def test_whoever_takes_no_more_sets_puts_the_endpoint_back(serve: Serve, endpoint: ScriptedServer) -> None:
    control = serve(Control(url=endpoint.address, mine="paused"))
    models = Models(generators=(generator(),))
    with (
        spooled([make_prompt(f"Question {number}") for number in range(20)]) as spool,
        closing(generate_candidate_sets("test", spool, models=models)) as sets,
    ):
        next(sets)
        assert control.changes == [RESUMED]
    assert control.changes == [RESUMED, "POST /endpoint/acme/mine/pause"]
