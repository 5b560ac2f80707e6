"""Signing in with the local Hub, as with the Hub (OAuth 2 with PKCE). A page of accounts stands in place of a password.

Every client is accepted, because nobody registers applications on this machine. A code can be used for one token.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from curation.local.hub.access import bearer, hub_of, read_body
from curation.local.hub.accounts import Account
from curation.local.hub.refusals import refusal

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
MOST_GRANTS = 1_000


@dataclass(frozen=True, slots=True)
class _Grant:
    """A code that was given out: the account, and what the client must show to get a token for it."""

    account: Account
    client_id: str
    redirect_uri: str
    challenge: str


@dataclass(slots=True)
class Grants:
    """The codes and tokens that were given out since the server started."""

    codes: dict[str, _Grant] = field(default_factory=dict)
    tokens: dict[str, Account] = field(default_factory=dict)


def oauth_routes() -> list[Route]:
    """Return the routes, which share what they gave out."""
    grants = Grants()

    async def authorize(request: Request) -> Response:
        return _authorize(request, grants)

    async def token(request: Request) -> Response:
        return await _token(request, grants)

    async def userinfo(request: Request) -> Response:
        return _userinfo(request, grants)

    return [
        Route("/oauth/authorize", authorize),
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/userinfo", userinfo),
    ]


def _authorize(request: Request, grants: Grants) -> Response:
    """Ask who signs in; with the query parameter `user` send the browser back with a code."""
    query = request.query_params
    if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
        raise refusal(400, "Only codes with a challenge of the method S256 are given out.")
    back = query.get("redirect_uri", "")
    if urlsplit(back).hostname not in LOOPBACK:
        raise refusal(400, "This local Hub sends nobody to another machine.")
    accounts = {account.name: account for account in hub_of(request).accounts.values()}
    if query.get("user") is None:
        links = "".join(
            f'<p><a href="{html.escape(str(request.url.include_query_params(user=name)))}">{html.escape(name)}</a></p>'
            for name in sorted(accounts)
        )
        return HTMLResponse(f"<!doctype html><title>Sign in</title><h1>Who are you?</h1>{links}")
    account = accounts.get(query["user"])
    if account is None:
        raise refusal(404, "There is no such user.")
    code = secrets.token_urlsafe(24)
    if len(grants.codes) >= MOST_GRANTS:
        grants.codes.clear()
    grants.codes[code] = _Grant(account, query.get("client_id", ""), back, query.get("code_challenge", ""))
    return RedirectResponse(f"{back}?{urlencode({'code': code, 'state': query.get('state', '')})}", status_code=303)


async def _token(request: Request, grants: Grants) -> Response:
    form = {name: values[0] for name, values in parse_qs((await read_body(request)).decode()).items()}
    grant = grants.codes.pop(form.get("code", ""), None)
    verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
    if (
        grant is None
        or form.get("grant_type") != "authorization_code"
        or (grant.client_id, grant.redirect_uri, grant.challenge)
        != (_client(request), form.get("redirect_uri"), challenge)
    ):
        raise refusal(400, "invalid_grant")
    token = f"hf_oauth_{secrets.token_urlsafe(24)}"
    if len(grants.tokens) >= MOST_GRANTS:
        grants.tokens.clear()
    grants.tokens[token] = grant.account
    return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": 3600})


def _userinfo(request: Request, grants: Grants) -> Response:
    account = grants.tokens.get(bearer(request) or "")
    if account is None:
        raise refusal(401, "Invalid credentials in Authorization header")
    orgs = [{"sub": name, "name": name, "preferred_username": name} for name in account.orgs]
    return JSONResponse({"sub": account.name, "preferred_username": account.name, "orgs": orgs})


def _client(request: Request) -> str | None:
    """Return the client of HTTP basic authentication, None without a secret."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, secret = base64.b64decode(text).decode().partition(":")
    except ValueError:
        return None
    return name if scheme.lower() == "basic" and secret else None
