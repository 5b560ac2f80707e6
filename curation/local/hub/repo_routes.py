"""Routes about whole repositories: create, delete, change settings, list, describe; and who the token belongs to."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from curation.local.hub import store as stored
from curation.local.hub.access import (
    KINDS,
    hub_of,
    owned_name,
    parameter,
    read_json,
    refuse_gated,
    refuse_stranger,
    repo_to_read,
    repo_to_write,
    repo_url,
    visible_repo,
    who_asks,
    writer,
)
from curation.local.hub.cards import card_tags, parse_card
from curation.local.hub.history import (
    MAIN,
    File,
    add_first_commit,
    find_commit,
    find_file,
    git_oid,
    list_files,
)
from curation.local.hub.pages import flag, next_start, page_answer, page_size, page_start
from curation.local.hub.refusals import refusal
from curation.local.hub.space_routes import host_of, set_up
from curation.local.hub.store import Repo
from curation.local.hub.uploads import GIT_ATTRIBUTES, large_file_info

MAX_CARD_BYTES = 2**20


async def whoami(request: Request) -> Response:
    """Answer with the account that the token belongs to."""
    account = who_asks(request)
    if account is None:
        raise refusal(401, "Invalid username or password.")
    orgs = [{**_identity(org, "org"), "roleInOrg": account.role} for org in account.orgs]
    token = {"displayName": "local", "role": account.role}
    auth = {"type": "access_token", "accessToken": token}
    return JSONResponse({**_identity(account.name, "user"), "orgs": orgs, "auth": auth})


async def create_repo(request: Request) -> Response:
    """Create a repository with its first commit; 409 (with the address, for exist_ok) if it exists."""
    account, body, hub = writer(request), await read_json(request), hub_of(request)
    kind = body.get("type") or "model"
    if kind not in KINDS.values():
        raise refusal(400, f"Invalid repo type: {kind}")
    name = owned_name(account, body.get("organization"), body.get("name", ""))
    private = bool(_wants_private(body))
    attributes = hub.blobs.keep([GIT_ATTRIBUTES])
    first_file = File(".gitattributes", git_oid(GIT_ATTRIBUTES), attributes.sha256, attributes.size, large=False)
    try:
        with hub.store.change():
            repo = stored.add_repo(hub.store, kind, name, private=private, sdk=str(body.get("sdk") or ""))
            add_first_commit(hub.store, repo, account.name, [first_file])
            if kind == "space":
                set_up(hub.store, repo, body)
    except sqlite3.IntegrityError:
        existing = stored.find_repo(hub.store, kind, name)
        assert existing is not None
        error = f"You already created this {kind} repo: {name}"
        return JSONResponse({"error": error, "url": repo_url(request, existing)}, status_code=409)
    return JSONResponse({"url": repo_url(request, repo), "name": name, "id": _mongo_id(str(repo.id))})


async def delete_repo(request: Request) -> Response:
    """Delete a repository and its history."""
    account, body = writer(request), await read_json(request)
    organization, name = body.get("organization") or account.name, body.get("name")
    repo = visible_repo(request, body.get("type") or "model", f"{organization}/{name}")
    refuse_stranger(account, repo.namespace)
    stored.remove_repo(hub_of(request).store, repo)
    return Response(status_code=200)


async def change_settings(request: Request) -> Response:
    """Set the visibility or the gate of a repository."""
    repo, body, store = repo_to_write(request), await read_json(request), hub_of(request).store
    private = _wants_private(body)
    if private is not None:
        stored.set_visibility(store, repo, private=private)
    if "gated" in body:
        if body["gated"] not in ("auto", "manual", False):
            raise refusal(400, f"Invalid gated: {body['gated']}")
        stored.set_gate(store, repo, body["gated"] or "")
    return JSONResponse({"private": repo.private if private is None else private})


async def list_repos(request: Request) -> Response:
    """List the repositories of a kind that the account may see, filtered by author and by words in the name."""
    kind = KINDS.get(parameter(request, "kind"))
    if kind is None:
        raise refusal(404, "Not found")
    store, account = hub_of(request).store, who_asks(request)
    author = request.query_params.get("author")
    words = [word.lower() for word in request.query_params.getlist("search")]
    repos = [
        repo
        for repo in stored.list_repos(store, kind)
        if repo.is_visible_to(account)
        and (author is None or repo.namespace == author)
        and all(word in repo.name.lower() for word in words)
    ]
    (start, _), size = page_start(request), page_size(request, most=1000)
    page = [_info(request, repo, MAIN, siblings=flag(request, "full")) for repo in repos[start : start + size]]
    # The answer always links to the next page. A client with a `limit` stops by itself.
    return page_answer(request, page, more_from=next_start(start, size, len(repos)))


async def repo_info(request: Request) -> Response:
    """Answer with the description of a repository at a revision, and its files."""
    repo = repo_to_read(request)
    return JSONResponse(_info(request, repo, parameter(request, "revision") or MAIN, siblings=True))


async def short_name(request: Request) -> Response:
    """Refuse a name without a namespace: this Hub has no such repositories."""
    visible_repo(request, "", "")
    return Response(status_code=404)


async def check_access(request: Request) -> Response:
    """Answer 200 if the account may read the content of a repository, or may change it if the path ends in /write."""
    if request.url.path.endswith("/write"):
        repo_to_write(request)
    else:
        refuse_gated(request, repo_to_read(request))
    return Response(status_code=200)


async def validate_yaml(request: Request) -> Response:
    """Check the metadata of a card before it is committed."""
    content = (await read_json(request)).get("content")
    try:
        card = parse_card(content if isinstance(content, str) else "")
    except ValueError as error:
        return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, status_code=400)
    warnings = [] if card else [{"message": "empty or missing yaml metadata in repo card"}]
    return JSONResponse({"errors": [], "warnings": warnings})


def _wants_private(body: dict[str, Any]) -> bool | None:
    visibility = body.get("visibility")
    if visibility is None:
        return None if body.get("private") is None else bool(body["private"])
    if visibility not in ("public", "private"):
        raise refusal(400, f"Invalid visibility: {visibility}")
    return bool(visibility == "private")


def _info(request: Request, repo: Repo, revision: str, *, siblings: bool) -> dict[str, Any]:
    store = hub_of(request).store
    commit = find_commit(store, repo, revision)
    files = list_files(store, commit)
    card = _card(request, find_file(store, commit, "README.md"))
    info: dict[str, Any] = {
        "_id": _mongo_id(str(repo.id)),
        "id": repo.name,
        "author": repo.namespace,
        "sha": commit.oid,
        "createdAt": repo.created_at,
        "lastModified": find_commit(store, repo, MAIN).created_at,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card_tags(card),
        "usedStorage": sum(file.size for file in files),
    }
    if repo.kind == "model":
        info["modelId"] = repo.name
    if repo.sdk:
        info["sdk"] = repo.sdk
    if repo.kind == "space":
        info["subdomain"] = re.sub("[^a-z0-9]+", "-", repo.name.lower())
        info["host"] = host_of(store, repo) or f"https://{info['subdomain']}.hf.space"
    if card:
        info["cardData"] = card
    if siblings:
        info["siblings"] = [_sibling(file, detailed=flag(request, "blobs")) for file in files]
    return info


def _sibling(file: File, *, detailed: bool) -> dict[str, Any]:
    if not detailed:
        return {"rfilename": file.path}
    sibling: dict[str, Any] = {"rfilename": file.path, "size": file.size, "blobId": file.oid}
    if file.large:
        info = large_file_info(file)
        sibling["lfs"] = {"sha256": info["oid"], "size": info["size"], "pointerSize": info["pointerSize"]}
    return sibling


def _card(request: Request, readme: File | None) -> dict[str, Any]:
    if readme is None or readme.size > MAX_CARD_BYTES:
        return {}
    text = hub_of(request).blobs.path(readme.sha256).read_text(encoding="utf-8", errors="replace")
    try:
        return parse_card(text)
    except ValueError:
        return {}


def _identity(name: str, kind: str) -> dict[str, Any]:
    identity = {"type": kind, "id": _mongo_id(name), "name": name, "fullname": name, "isPro": False}
    return {**identity, "avatarUrl": "", "canPay": False, "periodEnd": None}


def _mongo_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
