"""The application of the local Hub: all of its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.local.hub import (
    bucket_routes,
    commit_routes,
    discussion_routes,
    jobs_routes,
    repo_routes,
    space_routes,
    tree_routes,
    xet_routes,
)
from curation.local.hub.access import Counters, Hub, hub_of
from curation.local.hub.accounts import Account
from curation.local.hub.blobs import Blobs
from curation.local.hub.faults import Faults, Surroundings, set_fault
from curation.local.hub.oauth_routes import oauth_routes
from curation.local.hub.refusals import answer_refusal, answer_unencodable
from curation.local.hub.store import Store

_REPO = "/api/{kind}/{namespace}/{name}"
# The address of a model's file begins with its namespace; those of datasets and Spaces begin with their kind.
_PLACES = ("/{kind}/{namespace}/{name}", "/{namespace}/{name}")


def build_app(data: Path, accounts: Mapping[str, Account]) -> Starlette:
    """Return the application that serves the Hub kept in `data`."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    hub = Hub(Store(data / "hub.sqlite"), Blobs(data), accounts, Counters())
    faults = Faults()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        hub.store.close()

    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(Surroundings, counters=hub.counters, faults=faults),
            # Without this a web page whose host name resolves to 127.0.0.1 could use this server.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
        ],
        exception_handlers={HTTPException: answer_refusal, UnicodeEncodeError: answer_unencodable},
        lifespan=lifespan,
    )
    app.state.hub = hub
    app.state.faults = faults
    return app


async def health(request: Request) -> Response:
    """Answer that the server is up."""
    return JSONResponse({"status": "ok"})


async def stats(request: Request) -> Response:
    """Answer how many requests and how many bytes of content arrived since the start."""
    return JSONResponse(asdict(hub_of(request).counters))


def _routes() -> list[Route]:
    return [
        Route("/health", health),
        Route("/stats", stats),
        Route("/faults", set_fault, methods=["POST", "DELETE"]),
        *oauth_routes(),
        Route("/api/whoami-v2", repo_routes.whoami),
        Route("/api/validate-yaml", repo_routes.validate_yaml, methods=["POST"]),
        Route("/api/repos/create", repo_routes.create_repo, methods=["POST"]),
        Route("/api/repos/delete", repo_routes.delete_repo, methods=["DELETE"]),
        *jobs_routes.routes(),
        Route("/api/{kind}", repo_routes.list_repos),
        Route("/api/{kind}/{name}", repo_routes.short_name),
        Route("/cas/{store}/v1/xorbs/default/{hash}", xet_routes.put_xorb, methods=["POST"]),
        Route("/cas/{store}/v1/shards", xet_routes.put_shard, methods=["POST"]),
        Route("/lfs/{sha256}", commit_routes.lfs_put, methods=["PUT"]),
        Route("/lfs/{sha256}/verify", commit_routes.lfs_verify, methods=["POST"]),
        *bucket_routes.routes(),
        *space_routes.routes(),
        *discussion_routes.routes(),
        *_repo_routes(),
        *(Route(f"{place}/resolve/{{revision}}/{{path:path}}", tree_routes.resolve_file) for place in _PLACES),
        *(Route(f"{place}.git/info/lfs/objects/batch", commit_routes.lfs_batch, methods=["POST"]) for place in _PLACES),
    ]


def _repo_routes() -> list[Route]:
    return [
        Route(_REPO, repo_routes.repo_info),
        Route(_REPO + "/revision/{revision}", repo_routes.repo_info),
        Route(_REPO + "/settings", repo_routes.change_settings, methods=["PUT"]),
        Route(_REPO + "/auth-check", repo_routes.check_access),
        Route(_REPO + "/auth-check/write", repo_routes.check_access),
        Route(_REPO + "/tree/{revision}", tree_routes.list_tree),
        Route(_REPO + "/tree/{revision}/{path:path}", tree_routes.list_tree),
        Route(_REPO + "/paths-info/{revision}", tree_routes.paths_info, methods=["POST"]),
        Route(_REPO + "/refs", tree_routes.list_all_refs),
        Route(_REPO + "/commits/{revision}", tree_routes.list_history),
        Route(_REPO + "/branch/{ref}", tree_routes.create_branch, methods=["POST"]),
        Route(_REPO + "/branch/{ref}", tree_routes.delete_branch, methods=["DELETE"]),
        Route(_REPO + "/tag/{ref}", tree_routes.create_tag, methods=["POST"]),
        Route(_REPO + "/tag/{ref}", tree_routes.delete_tag, methods=["DELETE"]),
        Route(_REPO + "/preupload/{revision}", commit_routes.preupload, methods=["POST"]),
        Route(_REPO + "/commit/{revision}", commit_routes.commit, methods=["POST"]),
        Route(_REPO + "/xet-{mode}-token/{revision}", xet_routes.xet_token),
    ]
