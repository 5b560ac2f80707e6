"""The Xet write side: tokens for it, xorbs, and the shards that turn xorbs into files."""

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
    """Give out an access token for the content of one repository, and the address to use it at.

    The address names this store: clients remember per address what they uploaded and do not send it again.
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
    """Keep a xorb; one that is here already is not written again."""
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
    """Put together the files a shard describes; refuse it unless each has the sha256 the shard says."""
    ticket, hub = _write_ticket(request), hub_of(request)
    body = await read_body(request, limit=MAX_SHARD_BYTES)
    try:
        made = await run_in_threadpool(_assemble_all, hub.blobs, body)
    except (DataError, ValueError) as error:
        raise refusal(400, str(error)) from error
    for blob in made:
        if not stored.add_object(hub.store, ticket.repo, blob.sha256, blob.size):
            raise refusal(404, "Repository not found", code="RepoNotFound")
    return JSONResponse({"result": 1})


def _assemble_all(blobs: Blobs, shard: bytes) -> list[Blob]:
    made = []
    for entry in xet.parse_shard(shard):
        if entry.sha256 is None:
            raise DataError("A file of the shard carries no sha256 to check it by.")
        made.append(blobs.keep(xet.assemble(entry, blobs.xorb_path), expected=entry.sha256))
    return made


def _write_ticket(request: Request) -> Ticket:
    store = hub_of(request).store
    ticket = read_ticket(bearer(request) or "", store.secret)
    if ticket is None or ticket.sha256 is not None or parameter(request, "store") != store.id:
        raise refusal(401, "The Xet token is missing, expired or of another server.")
    if not ticket.write:
        raise refusal(403, "The Xet token may only read.")
    return ticket
