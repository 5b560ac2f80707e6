"""`curation serve` beside a real Argilla and Hub: webhooks lead to rows, and a killed server misses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from curation.local import Stack
from curation.local.process import free_port
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_loop import always, answers, argilla, heads, published, pushed, review
from tests.serving.serving import TOKEN

pytestmark = pytest.mark.stack
NAME = "serving"


class Served:
    """A server in a process of its own, and what it says on stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""

    def event(self, **expected: Any) -> dict[str, Any]:
        """Return the next event with these fields; fail if the server ends before."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line
            event: dict[str, Any] = json.loads(line)
            if expected.items() <= event.items():
                return event
        raise AssertionError(f"the server ended: {self.said}")


@contextmanager
def served(cli: CommandLine, config: str, port: int, **env: str) -> Iterator[Served]:
    """Run a server until the end of the block."""
    options = ("--port", str(port), "--quiet-for", "0.2", "--every", "600", "--format", "json")
    process = subprocess.Popen(
        [sys.executable, "-m", "curation", "serve", config, *options],
        cwd=cli.folder,
        env=cli.environment(CURATION_SERVE_TOKEN=TOKEN, **env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.communicate()


def change(stack: Stack, reviewer_answer: Mapping[str, Any], preference: str) -> None:
    """Let a reviewer change an answer."""
    with argilla(stack) as http:
        body = {"status": "submitted", "values": {"preference": {"value": preference}}}
        http.put(f"/responses/{reviewer_answer['id']}", json=body).raise_for_status()


def preferences(stack: Stack) -> list[Any]:
    """Return all answers that the store has."""
    return sorted(response.values["preference"] for response in stored(stack, NAME).responses.values())


def test_webhooks_of_argilla_lead_to_rows_and_a_killed_server_misses_nothing(cli: CommandLine, stack: Stack) -> None:
    config = pushed(cli, NAME)
    review(stack, NAME, ann=always("a"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with argilla(stack) as http, httpx2.Client(base_url=url, timeout=60, trust_env=False) as browser:
        first, second, *_ = answers(http, NAME)
        try:
            with served(cli, config, port) as server:
                assert server.event(event="serving")["url"] == url
                start = server.event(event="refresh")
                assert (start["cause"], start["error"]) == ("start", None)
                assert len(published(stack, cli.folder, NAME, "dpo")) == 6
                assert browser.get("/health").json() | {"seconds_since_success": 0} == {
                    "status": "ok",
                    "refreshing": False,
                    "last_exit_code": 0,
                    "seconds_since_success": 0,
                    "takes_webhooks": True,
                }
                change(stack, first, "b")
                refresh = server.event(event="refresh")
                assert refresh["cause"] == "webhook"
                # Only the record that the webhook named was read.
                assert "0 new, 1 changed, 0 withdrawn, 1 record read in" in refresh["lines"][0]
                assert preferences(stack) == ["a", "a", "a", "a", "a", "b"]
                seen = browser.get("/dashboard.json", headers={"Authorization": f"Bearer {TOKEN}"}).json()
                assert (seen["records"], seen["completed"], seen["rows"]) == (6, 6, {"dpo": 6, "kto": 12})
                # Who has the token sees no names, in what is shown of reviewers and in what refreshes said.
                [reviewer] = seen["reviewers"]
                assert (reviewer["name"], reviewer["submitted"]) == (None, 6)
                assert browser.post("/login", data={"token": TOKEN}).status_code == 303
                page = browser.get("/").text
                assert reviewer["pseudonym"] in page
                assert ">ann<" not in page
            # The server was killed. What happens meanwhile is read at its next start, with the same webhook.
            change(stack, second, "b")
            with served(cli, config, port) as server:
                assert server.event(event="refresh")["cause"] == "start"
                assert preferences(stack) == ["a", "a", "a", "a", "b", "b"]
                before = heads(stack, NAME)
                change(stack, second, "b")
                assert server.event(event="refresh")["error"] is None
                assert heads(stack, NAME)[1] == before[1]
                server.process.terminate()
                assert server.process.wait(60) in {0, -15}
                for secret in (TOKEN, stack.hub.token, stack.argilla.api_key):
                    assert secret not in server.said
            # Without Argilla nothing is refreshed, and the page still shows what the store has.
            away = {"ARGILLA_API_URL": "http://127.0.0.1:9", "CURATION_PATIENCE": "1"}
            with served(cli, config, port, **away) as server:
                failed = server.event(event="refresh")
                assert failed["exit_code"] == 3
                assert "Argilla at http://127.0.0.1:9 did not answer within 1 s" in failed["error"]
                assert browser.get("/health").json()["status"] == "failing"
                page = browser.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).text
                assert "Argilla at http://127.0.0.1:9 did not answer within 1 s" in page
                assert "6 of 6 records have enough answers." in page
            hooks = [item for item in http.get("/webhooks").json()["items"] if item["url"].startswith(url)]
            assert len(hooks) == 1
        finally:
            for item in http.get("/webhooks").json()["items"]:
                if item["url"].startswith(url):
                    http.delete(f"/webhooks/{item['id']}").raise_for_status()
