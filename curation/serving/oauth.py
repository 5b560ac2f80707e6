"""Signing in with Hugging Face: the authorization code flow with PKCE (RFC 6749 and 7636), as Spaces offer it.

browser  /login ----------> provider /oauth/authorize?state&code_challenge
browser  /oauth/callback <- ?code&state
server   provider /oauth/token (code, code_verifier) -> access_token
server   provider /oauth/userinfo -> {"preferred_username": "ann", "orgs": [{"preferred_username": "acme"}]}
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import httpx

from curation.errors import AuthError, CurationError, TemporaryError
from curation.serving.access import Viewer
from curation.serving.settings import SignIn

SCOPES = "openid profile"
BEGUN_SECONDS = 600
MOST_BEGUN = 1_000
TIMEOUT_SECONDS = 20.0
CALLBACK = "/oauth/callback"


class OAuth:
    """Sends browsers to the provider, and asks it who came back."""

    def __init__(self, sign_in: SignIn, public_url: str) -> None:
        self._sign_in = sign_in
        self._callback = f"{public_url}{CALLBACK}"
        self._begun: dict[str, tuple[str, float]] = {}

    def begin(self) -> tuple[str, str]:
        """Return the page of the provider to send a browser to, and the state that it must come back with."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        now = time.monotonic()
        self._begun = {key: value for key, value in self._begun.items() if value[1] > now}
        if len(self._begun) >= MOST_BEGUN:
            del self._begun[next(iter(self._begun))]
        self._begun[state] = verifier, now + BEGUN_SECONDS
        query = {
            "response_type": "code",
            "client_id": self._sign_in.client_id,
            "redirect_uri": self._callback,
            "scope": SCOPES,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{self._sign_in.provider}/oauth/authorize?{urlencode(query)}", state

    async def finish(self, *, code: str, state: str) -> Viewer:
        """Return who signed in. Raises AuthError if they may not look, TemporaryError if the provider does not answer.

        A state is good for one try.
        """
        verifier, ends_at = self._begun.pop(state, ("", 0.0))
        if ends_at <= time.monotonic():
            raise AuthError("This sign-in was not begun here, or too long ago.", remedy="Sign in again.")
        user = await self._user(code, verifier)
        name = str(user.get("preferred_username") or "").casefold()
        listed = user.get("orgs")
        orgs = {
            str(org.get("preferred_username") or org.get("name") or "").casefold()
            for org in (listed if isinstance(listed, list) else [])
            if isinstance(org, dict)
        }
        if not name or (name not in self._sign_in.users and not orgs & self._sign_in.orgs):
            raise AuthError(
                "You are signed in, but your account may not look at this page.",
                remedy="Ask who runs it to add you, or your organisation.",
            )
        return Viewer(name, admin=name in self._sign_in.admins)

    async def _user(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        basic = httpx.BasicAuth(self._sign_in.client_id, self._sign_in.client_secret)
        async with httpx.AsyncClient(base_url=self._sign_in.provider, timeout=TIMEOUT_SECONDS) as client:
            token = await _answer(client, "POST", "/oauth/token", data=form, auth=basic)
            bearer = {"Authorization": f"Bearer {token.get('access_token')}"}
            return await _answer(client, "GET", "/oauth/userinfo", headers=bearer)


async def _answer(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> dict[str, Any]:
    try:
        # The client's own timeout starts again with every byte.
        async with asyncio.timeout(TIMEOUT_SECONDS):
            response = await client.request(method, path, **options)
        content = response.json()
    except (httpx.HTTPError, ValueError, TimeoutError) as error:
        raise TemporaryError(
            f"{client.base_url.host} did not answer the sign-in ({type(error).__name__}).", remedy="Sign in again."
        ) from error
    if response.is_success and isinstance(content, dict):
        return content
    kind: type[CurationError] = AuthError if response.is_client_error else TemporaryError
    raise kind(f"{client.base_url.host} refused the sign-in ({response.status_code}).", remedy="Sign in again.")


def _challenge(verifier: str) -> str:
    """Return the code challenge of a verifier: its SHA-256 in base64url without padding (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
