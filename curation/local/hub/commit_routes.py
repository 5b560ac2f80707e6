"""Routes that add to a repository: how to upload each file (preupload), LFS objects, and commits."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from curation.local.hub import store as stored
from curation.local.hub.access import (
    Hub,
    base_url,
    hub_of,
    parameter,
    read_json,
    repo_to_write,
    repo_url,
    valid_path,
    writer,
)
from curation.local.hub.discussions import note_commit, propose, refuse_ended
from curation.local.hub.history import (
    Commit,
    File,
    Message,
    Removal,
    add_commit,
    find_commit,
    find_file,
    git_oid,
    pointer,
)
from curation.local.hub.pages import flag
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo, Store
from curation.local.hub.tickets import Ticket, new_ticket, read_ticket, sign
from curation.local.hub.uploads import is_large

MAX_LINE_BYTES = 64 * 2**20
MAX_OPERATIONS = 25_000
"""The most changes in one commit. Each is kept in memory until the last has arrived."""
_LFS = "application/vnd.git-lfs+json"


async def preupload(request: Request) -> Response:
    """Answer for each file whether to send it in the commit or through LFS, and which content its path has now."""
    repo, store, body = repo_to_write(request), hub_of(request).store, await read_json(request)
    commit = find_commit(store, repo, parameter(request, "revision"))
    return JSONResponse({"files": [_upload_mode(store, commit, entry) for entry in body.get("files", [])]})


async def commit(request: Request) -> Response:
    """Commit the changes in the lines of the body: all of them, or none with a refusal that gives the reason.

    With `create_pr` they become a pull request from the parent that the commit names, also if main has moved.
    """
    repo, account, hub = repo_to_write(request), writer(request), hub_of(request)
    header: dict[str, Any] = {}
    changes: list[File | Removal] = []
    async for line in _lines(request.stream()):
        if not line.strip():
            continue
        key, value = _operation(line)
        if key == "header":
            header = value
        elif len(changes) == MAX_OPERATIONS:
            raise refusal(413, f"A commit changes at most {MAX_OPERATIONS} files.")
        else:
            changes.append(_change(hub, repo, key, value))
    parent = header.get("parentCommit")
    message = Message(_text(header, "summary"), _text(header, "description"), account.name)
    parent = None if parent is None else str(parent)
    revision = parameter(request, "revision")
    opened: dict[str, str] = {}
    if flag(request, "create_pr"):
        base = find_commit(hub.store, repo, parent or revision)
        discussion, new_commit = propose(hub.store, repo, base, message=message, changes=changes)
        opened["pullRequestUrl"] = f"{repo_url(request, repo)}/discussions/{discussion.num}"
    else:
        refuse_ended(hub.store, repo, revision)
        new_commit = add_commit(hub.store, repo, revision, parent=parent, message=message, changes=changes)
        note_commit(hub.store, repo, revision, new_commit)
    url = f"{repo_url(request, repo)}/commit/{new_commit.oid}"
    return JSONResponse({"success": True, "commitOid": new_commit.oid, "commitUrl": url, **opened})


async def lfs_batch(request: Request) -> Response:
    """Answer where to send each object. An object that the repository already has gets no address."""
    repo, hub, body = repo_to_write(request), hub_of(request), await read_json(request)
    if body.get("operation") != "upload":
        raise refusal(501, "This local Hub takes LFS uploads only; download files through /resolve/.")
    objects: list[dict[str, Any]] = []
    for requested in body.get("objects", []):
        sha256, size = _sha256(requested.get("oid")), _size(requested)
        answer: dict[str, Any] = {"oid": sha256, "size": size}
        if stored.object_size(hub.store, repo.id, sha256) is None:
            ticket = sign(new_ticket(repo.id, write=True, sha256=sha256, size=size), hub.store.secret)
            place = f"{base_url(request)}/lfs/{sha256}"
            answer["actions"] = {
                "upload": {"href": f"{place}?ticket={ticket}"},
                "verify": {"href": f"{place}/verify?ticket={ticket}"},
            }
        objects.append(answer)
    return JSONResponse({"transfer": "basic", "objects": objects}, media_type=_LFS)


async def lfs_put(request: Request) -> Response:
    """Receive an object at the address that `lfs_batch` gave out. Refuses another size or another sha256."""
    hub, ticket = hub_of(request), _upload_ticket(request)
    try:
        blob = await hub.blobs.receive(_at_most(ticket.size, request.stream()), expected=str(ticket.sha256))
    except ValueError as error:
        raise refusal(400, str(error)) from error
    hub.counters.bytes_received += blob.size
    if not stored.add_object(hub.store, ticket.repo, blob.sha256, blob.size):
        raise refusal(404, "Repository not found", code="RepoNotFound")
    return Response(status_code=200)


async def lfs_verify(request: Request) -> Response:
    """Confirm that an object has arrived, with the size that the client expects."""
    hub, ticket, body = hub_of(request), _upload_ticket(request), await read_json(request)
    if stored.object_size(hub.store, ticket.repo, str(ticket.sha256)) != _size(body):
        raise refusal(404, "The object has not arrived, or has another size.")
    return Response(status_code=200)


async def _at_most(size: int, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces of a body. Refuses it with 413 as soon as it is longer than its announced size."""
    received = 0
    async for piece in pieces:
        received += len(piece)
        if received > size:
            raise refusal(413, f"The object is longer than the {size} bytes that were announced.")
        yield piece


def _upload_ticket(request: Request) -> Ticket:
    ticket = read_ticket(request.query_params.get("ticket", ""), hub_of(request).store.secret)
    if ticket is None or ticket.sha256 != _sha256(parameter(request, "sha256")):
        raise refusal(403, "This upload address has expired or is not for this object.")
    return ticket


def _upload_mode(store: Store, commit: Commit, entry: dict[str, Any]) -> dict[str, Any]:
    path = valid_path(entry.get("path"))
    sample, size = _decode(path, entry.get("sample") or ""), _size(entry)
    current = find_file(store, commit, path)
    answer: dict[str, Any] = {"path": path, "shouldIgnore": False}
    answer["uploadMode"] = "lfs" if is_large(path, size, sample) else "regular"
    if current is not None:
        answer["oid"] = current.sha256 if current.large else current.oid
    return answer


async def _lines(stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a body as they arrive. Only one line at a time is kept in memory."""
    rest = bytearray()
    async for piece in stream:
        searched = len(rest)
        rest += piece
        while (end := rest.find(b"\n", searched)) >= 0:
            yield bytes(rest[:end])
            del rest[: end + 1]
            searched = 0
        if len(rest) > MAX_LINE_BYTES:
            raise refusal(413, "A file in the commit is too long: upload it through LFS.")
    yield bytes(rest)


def _operation(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        operation = json.loads(line)
        key, value = operation["key"], operation["value"]
    except (ValueError, TypeError, KeyError):
        raise refusal(400, "A line of the commit is not a JSON object with a key and a value.") from None
    if not isinstance(key, str) or not isinstance(value, dict):
        raise refusal(400, "A line of the commit is not a JSON object with a key and a value.")
    return key, value


def _text(header: dict[str, Any], key: str) -> str:
    return str(header.get(key) or "").encode(errors="replace").decode()


def _change(hub: Hub, repo: Repo, key: str, value: dict[str, Any]) -> File | Removal:
    if key == "deletedFolder":
        return Removal(valid_path(str(value.get("path")).rstrip("/")), folder=True)
    path = valid_path(value.get("path"))
    if key == "deletedFile":
        return Removal(path, folder=False)
    if key == "file":
        return _small_file(hub, path, value)
    if key == "lfsFile":
        return _large_file(hub.store, repo, path, value)
    raise refusal(400, f"Unknown operation in a commit: {key}")


def _small_file(hub: Hub, path: str, value: dict[str, Any]) -> File:
    content = value.get("content")
    data = _decode(path, content) if value.get("encoding") == "base64" else str(content).encode(errors="replace")
    blob = hub.blobs.keep([data])
    hub.counters.bytes_received += blob.size
    return File(path, git_oid(data), blob.sha256, blob.size, large=False)


def _large_file(store: Store, repo: Repo, path: str, value: dict[str, Any]) -> File:
    sha256 = _sha256(value.get("oid"))
    size = stored.object_size(store, repo.id, sha256)
    # Clients send no size when they copy a file.
    if size is None or value.get("size", size) != size:
        raise refusal(400, f"The LFS object of {path} was not uploaded to this repository, or has another size.")
    return File(path, git_oid(pointer(sha256, size)), sha256, size, large=True)


def _decode(path: str, content: object) -> bytes:
    try:
        return base64.b64decode(str(content), validate=True)
    except (binascii.Error, ValueError):
        raise refusal(400, f"The content of {path} is not base64.") from None


def _size(entry: dict[str, Any]) -> int:
    size = entry.get("size", 0)
    if not isinstance(size, int) or size < 0:
        raise refusal(400, "A size must be a number of bytes.")
    return size


def _sha256(text: object) -> str:
    if not isinstance(text, str) or len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise refusal(400, "Invalid sha256")
    return text
