"""The server over HTTP: who is let in, which webhooks are taken, and what everybody may know."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from curation.config import Services
from curation.local.hub import Account, HubServer
from curation.review.webhooks import PATH
from curation.serving.access import SESSION
from curation.serving.outcome import Outcome
from curation.serving.settings import SignIn
from tests.faulty import Fault, FaultyProxy
from tests.serving.serving import TOKEN, Running, program, serving
from tests.serving.test_deliveries import BODY, SECRET, headers_of

pytestmark = pytest.mark.slow


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so; a test that waits for a minute fails."""
    for _ in range(6_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def refreshed(running: Running, times: int) -> Callable[[], bool]:
    """Say whether so many refreshes have ended."""
    return lambda: len(running.server.refresher.refreshes) >= times and not running.server.refresher.running


def test_nothing_is_shown_to_a_stranger(tmp_path: Path) -> None:
    error = "acme/demo-store has a secret problem."
    with serving(tmp_path, command=program(Outcome(error=error, exit_code=1))) as running:
        wait_for(refreshed(running, 1))
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        for path in ("/", "/dashboard.json"):
            for headers in ({}, wrong, {"Authorization": "Bearer"}, {"Cookie": f"{SESSION}=x"}):
                answer = running.client.get(path, headers=headers)
                assert answer.status_code == 401
                assert "demo" not in answer.text
        health = running.client.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["last_exit_code"]) == (200, "failing", 1)
        assert "demo" not in health.text
        assert running.client.post("/login", data={"token": "wrong"}).status_code == 403
        assert running.client.post("/login", content=b"x" * 5_000).status_code == 413
        assert running.client.get("/login").headers["location"] == "/"
        assert not running.client.cookies
        # The page tells who has the token what went wrong.
        page = running.bearer("/")
        assert page.status_code == 200
        assert error in page.text
        assert running.bearer("/dashboard.json").json() is None


def test_a_person_signs_in_with_the_token_and_out_again(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        answer = running.client.post("/login", data={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        # The key of the session is no token, and nothing that was answered contains that.
        assert TOKEN not in cookie
        page = running.client.get("/")
        assert (page.status_code, TOKEN in page.text) == (200, False)
        key = running.client.cookies[SESSION]
        assert running.client.post("/logout").status_code == 303
        assert running.client.get("/", headers={"Cookie": f"{SESSION}={key}"}).status_code == 401


def test_every_answer_forbids_scripts_and_other_servers(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        for answer in (running.client.get("/"), running.bearer("/"), running.client.get("/health")):
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "frame-ancestors 'self' https://huggingface.co" in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_webhook_is_taken_once_and_leads_to_a_refresh(tmp_path: Path) -> None:
    with serving(tmp_path, webhook_secret=SECRET) as running:
        wait_for(refreshed(running, 1))
        headers = headers_of(BODY)
        assert running.client.post(PATH, content=BODY, headers=headers).status_code == 204
        wait_for(refreshed(running, 2))
        assert running.server.refresher.refreshes[0].cause == "webhook"
        for body, refused in [
            (BODY, headers),
            (BODY, {}),
            (BODY, headers_of(BODY, name="msg_2", secret=base64.b64encode(b"other").decode())),
            (BODY, headers_of(BODY, name="msg_3", seconds=-400)),
        ]:
            assert running.client.post(PATH, content=body, headers=refused).status_code == 401
        elsewhere = {"dataset": {"name": "another", "workspace": {"name": "argilla"}}}
        other = json.dumps({"type": "response.created", "data": {"record": elsewhere}}).encode()
        assert running.client.post(PATH, content=other, headers=headers_of(other, name="msg_4")).status_code == 204
        assert not running.server.refresher._hinted.is_set()
        assert running.client.post(PATH, content=b"x" * (8 * 2**20 + 1), headers={}).status_code == 413
        assert running.client.get(PATH).status_code == 405
        assert (
            "4 webhooks refused since the start; of the last one the signature is not right" in running.bearer("/").text
        )
        assert len(running.server.refresher.refreshes) == 2


def test_webhooks_and_the_page_are_answered_while_a_refresh_hangs(tmp_path: Path) -> None:
    hanging = (*program(Outcome())[:-1], "import time; time.sleep(3600)")
    with serving(tmp_path, webhook_secret=SECRET, command=hanging) as running:
        wait_for(lambda: running.server.refresher.running)
        assert running.client.post(PATH, content=BODY, headers=headers_of(BODY)).status_code == 204
        assert running.client.get("/health").json()["refreshing"] is True
        assert "The first refresh runs" in running.bearer("/").text


def test_an_argilla_that_hangs_stops_neither_the_page_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATION_PATIENCE", "600")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        services = Services(argilla_api_url=f"http://127.0.0.1:{silent.getsockname()[1]}", argilla_api_key="a-key")
        with serving(tmp_path, services=services) as running:
            # It has been asked for webhooks, and will not answer.
            connection, _ = silent.accept()
            assert running.client.get("/health").json()["takes_webhooks"] is False
            assert running.client.post(PATH, content=BODY, headers=headers_of(BODY)).status_code == 401
        connection.close()


def test_an_argilla_that_is_not_there_is_told_of(tmp_path: Path, impatient: None) -> None:
    services = Services(argilla_api_url="http://127.0.0.1:9", argilla_api_key="a-key")
    with serving(tmp_path, services=services) as running:
        wait_for(lambda: running.server.registration.problem is not None)
        assert "Argilla at http://127.0.0.1:9 did not answer" in running.bearer("/").text


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> HubServer:
    """A Hub with a member of an organisation, an admin, and a stranger."""
    users = {
        "hf_member": Account("Ann", orgs=("Acme",)),
        "hf_admin": Account("boss"),
        "hf_stranger": Account("eve", orgs=("others",)),
    }
    return HubServer(tmp_path_factory.mktemp("hub"), users=users)


def sign_in(running: Running, user: str) -> httpx2.Response:
    """Go the way of a browser: to the provider, choose an account there, and come back."""
    there = running.client.get("/login").headers["location"]
    with httpx2.Client(trust_env=False) as elsewhere:
        back = elsewhere.get(there, params={**parse_qs(urlsplit(there).query), "user": user}).headers["location"]
    return running.client.get(back)


def test_members_sign_in_with_the_hub_and_strangers_do_not(tmp_path: Path, hub: HubServer) -> None:
    with hub:
        application = SignIn(
            hub.url, "client", "secret", users=frozenset({"boss"}), orgs=frozenset({"acme"}), admins=frozenset({"boss"})
        )
        with serving(tmp_path, token=None, sign_in=application) as running:
            assert "Sign in with Hugging Face" in running.client.get("/").text
            refused = sign_in(running, "eve")
            assert refused.status_code == 403
            assert "may not look" in refused.text
            assert running.client.get("/").status_code == 401
            for user, admin in (("Ann", False), ("boss", True)):
                assert sign_in(running, user).headers["location"] == "/"
                assert running.client.get("/").status_code == 200
                [session] = running.server.access._sessions.values()
                assert (session.viewer.name, session.viewer.admin) == (user.lower(), admin)
                running.client.post("/logout")
            # Without a token, the token of nobody opens the door.
            assert running.client.post("/login", data={"token": ""}).status_code == 403
            assert running.bearer("/").status_code == 401


def test_a_sign_in_is_good_once_and_for_the_browser_that_began_it(tmp_path: Path, hub: HubServer) -> None:
    with hub:
        application = SignIn(hub.url, "client", "secret", users=frozenset({"ann"}))
        with serving(tmp_path, sign_in=application) as running:
            there = running.client.get("/login").headers["location"]
            query = {**parse_qs(urlsplit(there).query), "user": "Ann"}
            back = httpx2.get(there, params=query, trust_env=False).headers["location"]
            with httpx2.Client(base_url=running.url, trust_env=False) as another:
                assert another.get(back).status_code == 403
            assert running.client.get(back.replace("code=", "code=x")).status_code == 403
            # The state was used up, also for the right code.
            assert running.client.get(back).status_code == 403
            assert running.client.get("/").status_code == 401


def test_a_provider_that_does_not_answer_is_told_of(tmp_path: Path) -> None:
    application = SignIn("http://127.0.0.1:9", "client", "secret", users=frozenset({"ann"}))
    with serving(tmp_path, sign_in=application) as running:
        state = parse_qs(urlsplit(running.client.get("/login").headers["location"]).query)["state"][0]
        answer = running.client.get("/oauth/callback", params={"state": state, "code": "x"})
        assert answer.status_code == 503
        assert "127.0.0.1 did not answer the sign-in (ConnectError)." in answer.text


def test_a_provider_whose_answer_never_ends_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.serving.oauth.TIMEOUT_SECONDS", 0.5)
    with FaultyProxy("http://127.0.0.1:9", Fault("/oauth/token", "drip", after=False)) as proxy:
        application = SignIn(proxy.url, "client", "secret", users=frozenset({"ann"}))
        with serving(tmp_path, sign_in=application) as running:
            state = parse_qs(urlsplit(running.client.get("/login").headers["location"]).query)["state"][0]
            answer = running.client.get("/oauth/callback", params={"state": state, "code": "x"})
    assert answer.status_code == 503
    assert "127.0.0.1 did not answer the sign-in (TimeoutError)." in answer.text
