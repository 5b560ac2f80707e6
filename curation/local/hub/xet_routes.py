"""Routes for uploads through Xet: access tokens, xorbs, and the shards that tell how xorbs make up files."""

from __future__ import annotations

import string
from typing import Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from curation.errors import DataError
from curation.local.hub import store as stored
from curation.local.hub import xet
from curation.local.hub.access import (
    base_url,
    bearer,
    hub_of,
    parameter,
    read_body,
    refuse_gated,
    repo_to_read,
    repo_to_write,
)
from curation.local.hub.blobs import Blob, Blobs
from curation.local.hub.refusals import refusal
from curation.local.hub.tickets import Ticket, new_ticket, read_ticket, sign

MAX_XORB_BYTES = 72 * 2**20
MAX_SHARD_BYTES = 64 * 2**20


async def xet_token(request: Request) -> Response:
    """Answer with an access token for the content of a repository, and the address to use it at.

    The address contains the id of this store, because clients remember for each address what they uploaded there and
    do not send it again.
    """
    mode: Literal["read", "write"] = "write" if parameter(request, "mode") == "write" else "read"
    repo = repo_to_write(request) if mode == "write" else repo_to_read(request)
    refuse_gated(request, repo)
    hub = hub_of(request)
    ticket = new_ticket(repo.id, write=mode == "write")
    url, token = f"{base_url(request)}/cas/{hub.store.id}", sign(ticket, hub.store.secret)
    headers = {
        "X-Xet-Cas-Url": url,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(ticket.expires),
    }
    return JSONResponse({"casUrl": url, "accessToken": token, "exp": ticket.expires}, headers=headers)


async def put_xorb(request: Request) -> Response:
    """Receive a xorb, and answer whether it is new."""
    _write_ticket(request)
    hub, name = hub_of(request), parameter(request, "hash")
    if len(name) != 64 or not set(name) <= set(string.hexdigits):
        raise refusal(400, "Invalid xorb hash")
    is_new = not hub.blobs.xorb_path(name).exists()
    size = 0
    with hub.blobs.receive_xorb(name) as file:
        async for piece in request.stream():
            size += len(piece)
            if size > MAX_XORB_BYTES:
                raise refusal(413, "The xorb is too long.")
            file.write(piece)
        hub.counters.bytes_received += size
        try:
            xet.index_xorb(file)
        except DataError as error:
            raise refusal(400, error.message) from error
    return JSONResponse({"was_inserted": is_new})


async def put_shard(request: Request) -> Response:
    """Put together the files that a shard describes. Refuses the shard if a file has another sha256 than it says."""
    ticket, hub = _write_ticket(request), hub_of(request)
    body = await read_body(request, limit=MAX_SHARD_BYTES)
    try:
        files = await run_in_threadpool(_assemble_all, hub.blobs, body)
    except (DataError, ValueError) as error:
        raise refusal(400, str(error)) from error
    for blob in files:
        if not stored.add_object(hub.store, ticket.repo, blob.sha256, blob.size):
            raise refusal(404, "Repository not found", code="RepoNotFound")
    return JSONResponse({"result": 1})


def _assemble_all(blobs: Blobs, shard: bytes) -> list[Blob]:
    files = []
    for entry in xet.parse_shard(shard):
        if entry.sha256 is None:
            raise DataError("A file of the shard carries no sha256 to check it by.")
        files.append(blobs.keep(xet.assemble(entry, blobs.xorb_path), expected=entry.sha256))
    return files


def _write_ticket(request: Request) -> Ticket:
    store = hub_of(request).store
    ticket = read_ticket(bearer(request) or "", store.secret)
    if ticket is None or ticket.sha256 is not None or parameter(request, "store") != store.id:
        raise refusal(401, "The Xet token is missing, expired or of another server.")
    if not ticket.write:
        raise refusal(403, "The Xet token may only read.")
    return ticket
