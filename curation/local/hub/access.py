"""Reads from a request which account sent it and which repository it is about, and refuses what is not allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from starlette.requests import Request

from curation.local.hub.accounts import Account
from curation.local.hub.blobs import Blobs
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo, Store, find_repo

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
MAX_JSON_BYTES = 8 * 2**20
_NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")


@dataclass(slots=True)
class Counters:
    """The number of requests, and of bytes of content, that the server received since it started."""

    requests: int = 0
    bytes_received: int = 0


@dataclass(frozen=True, slots=True)
class Hub:
    """The state of the server, which all routes share."""

    store: Store
    blobs: Blobs
    accounts: Mapping[str, Account]
    counters: Counters


def hub_of(request: Request) -> Hub:
    """Return the hub that serves this request."""
    return cast(Hub, request.app.state.hub)


def base_url(request: Request) -> str:
    """Return the address under which the client reached this server, without a slash at the end."""
    return str(request.base_url).rstrip("/")


def parameter(request: Request, name: str) -> str:
    """Return a part of the request's path, decoded. (Clients send the slashes in a branch name as %2F.)"""
    try:
        return unquote(request.path_params.get(name, ""), errors="strict")
    except UnicodeDecodeError:
        raise refusal(400, "The address is not UTF-8.") from None


def repo_url(request: Request, repo: Repo) -> str:
    """Return the address of a repository's page."""
    folder = "" if repo.kind == "model" else f"{repo.kind}s/"
    return f"{base_url(request)}/{folder}{repo.name}"


async def read_body(request: Request, *, limit: int = MAX_JSON_BYTES) -> bytes:
    """Return the body of the request. Refuses with 413 if it is longer than `limit` bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise refusal(413, f"The request is longer than {limit} bytes.")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the body of the request, which must be a JSON object. An empty body counts as {}."""
    body = await read_body(request)
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise refusal(400, "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise refusal(400, "The body is not a JSON object.")
    return value


def bearer(request: Request) -> str | None:
    """Return the token in the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def who_asks(request: Request) -> Account | None:
    """Return the account of the request's token, None if there is no token. Refuses a wrong token with 401."""
    token = bearer(request)
    if token is None:
        return None
    account = hub_of(request).accounts.get(token)
    if account is None:
        raise refusal(401, "Invalid credentials in Authorization header")
    return account


def writer(request: Request) -> Account:
    """Return the account of a request that changes something. Refuses no token with 401 and a read token with 403."""
    account = who_asks(request)
    if account is None:
        raise refusal(401, "Invalid username or password.")
    if account.role != "write":
        raise refusal(403, "You must use a token with write access: this one may only read")
    return account


def repo_to_read(request: Request) -> Repo:
    """Return the repository in the request's path. Refuses if the account may not see it."""
    kind = KINDS.get(request.path_params.get("kind", "models"), "")
    name = f"{parameter(request, 'namespace')}/{parameter(request, 'name')}"
    return visible_repo(request, kind, name)


def repo_to_write(request: Request) -> Repo:
    """Return the repository in the request's path. Refuses if the account may not change it."""
    repo = repo_to_read(request)
    refuse_stranger(writer(request), repo.namespace)
    return repo


def visible_repo(request: Request, kind: str, name: str) -> Repo:
    """Return a repository that the account may see.

    A missing repository and a private one of somebody else are refused in the same way (401 or 404), as on the Hub.
    """
    account = who_asks(request)
    repo = find_repo(hub_of(request).store, kind, name)
    if repo is not None and repo.is_visible_to(account):
        return repo
    if account is None:
        raise refusal(401, "Invalid username or password.", code="RepoNotFound")
    raise refusal(404, "Repository not found", code="RepoNotFound")


def refuse_gated(request: Request, repo: Repo) -> None:
    """Refuse the content of a gated repository to all but its owners."""
    account = who_asks(request)
    if repo.gated and not repo.belongs_to(account):
        raise refusal(
            401 if account is None else 403, f"Access to {repo.kind} {repo.name} is restricted.", code="GatedRepo"
        )


def owned_name(account: Account, organization: str | None, name: str) -> str:
    """Return the full name of a repository to create or delete; refuse a bad name (400) or namespace (403)."""
    namespace = organization or account.name
    for part in (namespace, name):
        if not isinstance(part, str) or not _NAME.fullmatch(part) or part.endswith((".git", ".ipynb")):
            raise refusal(400, f"Invalid repo name: {part}")
    refuse_stranger(account, namespace)
    return f"{namespace}/{name}"


def valid_path(path: object) -> str:
    """Return `path` if it is a valid file path inside a repository. Refuses others, such as "../x", with 400."""
    if not isinstance(path, str) or not path or len(path) > 4096:
        raise refusal(400, "Invalid path: it must be text of 1 to 4096 characters")
    parts = path.split("/")
    if any(part in ("", ".", "..", ".git") or len(part.encode(errors="replace")) > 255 for part in parts):
        raise refusal(400, f"Invalid path: {path}")
    if any(ord(letter) < 32 or letter == "\\" or "\ud800" <= letter <= "\udfff" for letter in path):
        raise refusal(400, f"Invalid path: {path}")
    return path


def refuse_stranger(account: Account, namespace: str) -> None:
    """Refuse with 403 if the account has no right to write in the namespace."""
    if namespace not in account.namespaces:
        raise refusal(403, f'You don\'t have the rights to write under the namespace "{namespace}"')
