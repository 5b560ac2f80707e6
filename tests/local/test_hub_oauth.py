"""Signing in with the local Hub: what a careless or a hostile client does is refused, as on the Hub."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from curation.local.hub import Account, HubServer

pytestmark = pytest.mark.slow

BACK = "http://127.0.0.1:1/oauth/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
QUERY = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": BACK,
    "state": "s&t",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    users = {"hf_a": Account("ann", orgs=("acme",)), "hf_b": Account("b<b>")}
    with (
        HubServer(tmp_path_factory.mktemp("oauth"), users=users) as hub,
        httpx2.Client(base_url=hub.url, trust_env=False) as opened,
    ):
        yield opened


def code(client: httpx2.Client) -> str:
    """Return a code that ann's browser brings back."""
    answer = client.get("/oauth/authorize", params={**QUERY, "user": "ann"})
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    values = parse_qs(back.query)
    assert values["state"] == ["s&t"]
    return values["code"][0]


def token(client: httpx2.Client, *, client_id: str = "app", **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER, **changes}
    return client.post("/oauth/token", data=form, auth=(client_id, "secret"))


def test_a_code_gives_a_token_once_and_the_token_says_who_it_is(client: httpx2.Client) -> None:
    assert "b&lt;b&gt;" in client.get("/oauth/authorize", params=QUERY).text
    given = code(client)
    bearer = {"Authorization": f"Bearer {token(client, code=given).json()['access_token']}"}
    assert client.get("/oauth/userinfo", headers=bearer).json() == {
        "sub": "ann",
        "preferred_username": "ann",
        "orgs": [{"sub": "acme", "name": "acme", "preferred_username": "acme"}],
    }
    assert token(client, code=given).status_code == 400
    # It signs people in to applications, and opens no repo.
    assert client.get("/api/whoami-v2", headers=bearer).status_code == 401


def test_a_code_is_for_the_client_that_asked_for_it(client: httpx2.Client) -> None:
    assert token(client, code=code(client), code_verifier="w" * 43).status_code == 400
    assert token(client, code=code(client), redirect_uri="http://127.0.0.1:2/").status_code == 400
    assert token(client, code=code(client), client_id="another").status_code == 400
    assert token(client, code=code(client), grant_type="password").status_code == 400
    assert token(client, code="never given").status_code == 400
    assert client.post("/oauth/token", data={"code": code(client)}).status_code == 400
    assert client.get("/oauth/userinfo").status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://example.com/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"user": "nobody"},
    ],
)
def test_nobody_is_sent_elsewhere_or_without_a_challenge(client: httpx2.Client, change: dict[str, str]) -> None:
    answer = client.get("/oauth/authorize", params={**QUERY, "user": "ann", **change})
    assert answer.status_code in {400, 404}
    assert "location" not in answer.headers
