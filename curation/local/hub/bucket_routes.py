"""Routes about storage buckets. The files of one are those of a folder, so that a test can mount it, as Spaces do."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.local.hub import store as stored
from curation.local.hub.access import base_url, hub_of, owned_name, parameter, read_json, who_asks, writer
from curation.local.hub.refusals import refusal

_BUCKET = "/api/buckets/{namespace}/{name}"


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route(_BUCKET, create_bucket, methods=["POST"]),
        Route(_BUCKET, show_bucket),
        Route(_BUCKET + "/tree", list_tree),
        Route(_BUCKET + "/tree/{prefix:path}", list_tree),
    ]


def bucket_folder(data: Path, name: str) -> Path:
    """Return the folder that holds the files of a bucket."""
    return data / "buckets" / name


async def create_bucket(request: Request) -> Response:
    """Create a bucket; 409 (with the address, for exist_ok) if it exists."""
    account, body, hub = writer(request), await read_json(request), hub_of(request)
    name = owned_name(account, parameter(request, "namespace"), parameter(request, "name"))
    url = f"{base_url(request)}/buckets/{name}"
    try:
        stored.add_bucket(hub.store, name, private=body.get("visibility") == "private")
    except sqlite3.IntegrityError:
        return JSONResponse({"error": f"You already created this bucket: {name}", "url": url}, status_code=409)
    bucket_folder(hub.blobs.folder, name).mkdir(parents=True, exist_ok=True)
    return JSONResponse({"url": url, "name": name})


async def show_bucket(request: Request) -> Response:
    """Answer with the description of a bucket."""
    name, private, created_at = _visible(request)
    files = _files(request, name)
    size = sum(file["size"] for file in files)
    info = {"id": name, "private": private, "createdAt": created_at, "size": size, "totalFiles": len(files)}
    return JSONResponse(info)


async def list_tree(request: Request) -> Response:
    """Answer with the files of a bucket below a prefix."""
    name, _, _ = _visible(request)
    prefix = request.path_params.get("prefix", "")
    return JSONResponse([file for file in _files(request, name) if f"{file['path']}/".startswith(prefix)])


def _visible(request: Request) -> tuple[str, bool, str]:
    name = f"{parameter(request, 'namespace')}/{parameter(request, 'name')}"
    bucket, account = stored.bucket(hub_of(request).store, name), who_asks(request)
    if bucket is None or (bucket[0] and (account is None or name.partition("/")[0] not in account.namespaces)):
        raise refusal(404, "Bucket not found", code="RepoNotFound")
    return name, *bucket


def _files(request: Request, name: str) -> list[dict[str, Any]]:
    folder = bucket_folder(hub_of(request).blobs.folder, name)
    return [
        {
            "type": "file",
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "xetHash": hashlib.sha256(path.name.encode()).hexdigest(),
            "uploadedAt": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat().replace("+00:00", "Z"),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
