"""Routes about Spaces: their state, volumes, hardware, variables and secrets. Nothing runs here.

Of a secret the real Hub shows only its name and when it was set. Here only the SHA-256 of its value is stored, and it
is part of the answer, so that a test sees whether a secret has the value that it should have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.local.hub import store as stored
from curation.local.hub.access import hub_of, parameter, read_json, refuse_stranger, visible_repo, writer
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo, Store

SLEEPS_AFTER = 172_800
_SPACE = "/api/spaces/{namespace}/{name}"


def routes() -> list[Route]:
    """Return the routes."""
    return [
        Route(_SPACE + "/runtime", show_runtime),
        Route(_SPACE + "/volumes", mount_volumes, methods=["PUT"]),
        Route(_SPACE + "/hardware", change_hardware, methods=["POST"]),
        Route(_SPACE + "/sleeptime", change_hardware, methods=["POST"]),
        Route(_SPACE + "/restart", restart, methods=["POST"]),
        Route(_SPACE + "/pause", pause, methods=["POST"]),
        Route(_SPACE + "/variables", list_named, methods=["GET"]),
        Route(_SPACE + "/variables", set_named, methods=["POST"]),
        Route(_SPACE + "/variables", remove_named, methods=["DELETE"]),
        Route(_SPACE + "/secrets", list_named, methods=["GET"]),
        Route(_SPACE + "/secrets", set_named, methods=["POST"]),
        Route(_SPACE + "/secrets", remove_named, methods=["DELETE"]),
        Route("/hosts", set_host, methods=["POST"]),
    ]


def set_up(store: Store, repo: Repo, body: Mapping[str, Any]) -> None:
    """Store what the request that creates a Space says about it."""
    settings: dict[str, Any] = {"hardware": body.get("hardware") or "cpu-basic"}
    if body.get("volumes"):
        settings["volumes"] = body["volumes"]
    if body.get("sleepTimeSeconds") is not None:
        settings["sleep"] = body["sleepTimeSeconds"]
    for kind in ("variables", "secrets"):
        settings[kind] = {item["key"]: _named(kind, item) for item in body.get(kind) or []}
    _keep(store, repo, settings)


def host_of(store: Store, repo: Repo) -> str | None:
    """Return the address at which a Space answers, None if none was set."""
    host = _settings(store, repo).get("host")
    return None if host is None else str(host)


async def set_host(request: Request) -> Response:
    """Set the address and the stage of a Space, {space, url, stage}. This Hub runs none, but a test may."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise refusal(415, "Send a host as application/json.")
    body, store = await read_json(request), hub_of(request).store
    repo = stored.find_repo(store, "space", str(body.get("space")))
    if repo is None:
        raise refusal(404, "There is no such Space.")
    _keep(store, repo, {**_settings(store, repo), "host": str(body.get("url")), "stage": body.get("stage")})
    return JSONResponse({})


async def show_runtime(request: Request) -> Response:
    """Answer with the state of a Space: it runs, unless it was paused or a test set another stage."""
    return _runtime(hub_of(request).store, _readable(request))


async def mount_volumes(request: Request) -> Response:
    """Replace the volumes of a Space."""
    return await _changed(request, lambda body: {"volumes": body.get("volumes") or []})


async def change_hardware(request: Request) -> Response:
    """Change the hardware of a Space, or after which time it sleeps."""

    def change(body: Mapping[str, Any]) -> dict[str, Any]:
        sleep = body.get("sleepTimeSeconds", body.get("seconds"))
        hardware = {"hardware": str(body["flavor"])} if "flavor" in body else {}
        return hardware if sleep is None else {**hardware, "sleep": sleep}

    return await _changed(request, change)


async def restart(request: Request) -> Response:
    """Start a paused Space."""
    return await _changed(request, lambda body: {"paused": False})


async def pause(request: Request) -> Response:
    """Pause a Space."""
    return await _changed(request, lambda body: {"paused": True})


async def list_named(request: Request) -> Response:
    """Answer with the variables or the secrets of a Space. Only accounts that may write may see them."""
    repo = _writable(request)
    return JSONResponse(_settings(hub_of(request).store, repo).get(_kind(request), {}))


async def set_named(request: Request) -> Response:
    """Set a variable or a secret."""
    repo, body, store = _writable(request), await read_json(request), hub_of(request).store
    settings, kind = _settings(store, repo), _kind(request)
    named = {**settings.get(kind, {}), str(body["key"]): _named(kind, body)}
    _keep(store, repo, {**settings, kind: named})
    return JSONResponse(named)


async def remove_named(request: Request) -> Response:
    """Remove a variable or a secret."""
    repo, body, store = _writable(request), await read_json(request), hub_of(request).store
    settings, kind = _settings(store, repo), _kind(request)
    named = {key: value for key, value in settings.get(kind, {}).items() if key != body.get("key")}
    _keep(store, repo, {**settings, kind: named})
    return JSONResponse(named)


async def _changed(request: Request, change: Any) -> Response:
    repo, store = _writable(request), hub_of(request).store
    body = await read_json(request) if await request.body() else {}
    _keep(store, repo, {**_settings(store, repo), **change(body)})
    return _runtime(store, repo)


def _runtime(store: Store, repo: Repo) -> Response:
    settings = _settings(store, repo)
    hardware = settings.get("hardware", "cpu-basic")
    runtime: dict[str, Any] = {
        "stage": "PAUSED" if settings.get("paused") else settings.get("stage") or "RUNNING",
        "hardware": {"current": hardware, "requested": hardware},
        "gcTimeout": settings.get("sleep", SLEEPS_AFTER if hardware == "cpu-basic" else None),
        "storage": None,
    }
    mounted = settings.get("volumes")
    return JSONResponse(runtime if mounted is None else {**runtime, "volumes": mounted})


def _named(kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
    value = str(item.get("value", ""))
    shown = {"value": value} if kind == "variables" else {"sha256": hashlib.sha256(value.encode()).hexdigest()}
    return {**shown, "key": item["key"], "description": item.get("description"), "updatedAt": stored.now()}


def _kind(request: Request) -> str:
    return request.url.path.rpartition("/")[2]


def _readable(request: Request) -> Repo:
    return visible_repo(request, "space", f"{parameter(request, 'namespace')}/{parameter(request, 'name')}")


def _writable(request: Request) -> Repo:
    repo = _readable(request)
    refuse_stranger(writer(request), repo.namespace)
    return repo


def _settings(store: Store, repo: Repo) -> dict[str, Any]:
    return dict(json.loads(stored.space_settings(store, repo)))


def _keep(store: Store, repo: Repo, settings: Mapping[str, Any]) -> None:
    stored.set_space_settings(store, repo, json.dumps(settings))
