"""The application: webhooks, health, signing in, and the page. Nothing of the curation is shown without access."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from curation.config import Config
from curation.errors import CurationError
from curation.review.webhooks import PATH
from curation.serving.access import Access, Viewer
from curation.serving.deliveries import Deliveries, RefusedDeliveryError, concerns, record_of
from curation.serving.headers import SafeHeaders
from curation.serving.oauth import CALLBACK, OAuth
from curation.serving.page import page_html, sign_in_html
from curation.serving.refresher import Refresher
from curation.serving.registration import Registration
from curation.serving.settings import Serving
from curation.wording import counted

MOST_WEBHOOK_BYTES = 8 * 2**20
"""A webhook carries a whole record, of which argilla-server accepts some hundred thousand characters."""
MOST_FORM_BYTES = 4096
BODY_SECONDS = 20.0
STATE = "curation_sign_in"
"""The cookie that ties a sign-in to the browser that began it."""

MOST_BODIES = 8
"""So many webhooks are read at the same time, so that strangers cannot fill the memory; others wait."""


class Server:
    """The state that all routes share."""

    def __init__(self, serving: Serving, config: Config, refresher: Refresher, registration: Registration) -> None:
        self.serving, self.config = serving, config
        self.refresher, self.registration = refresher, registration
        self.deliveries = Deliveries()
        self.bodies = asyncio.Semaphore(MOST_BODIES)
        self._refused, self._why = 0, ""
        self.access = Access(serving)
        self.oauth = OAuth(serving.sign_in, serving.public_url) if serving.sign_in is not None else None

    def refuse(self, reason: str) -> None:
        """Count a webhook that was refused."""
        self._refused, self._why = self._refused + 1, reason

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with webhooks, in sentences."""
        problem = self.registration.problem
        refused = f"{counted(self._refused, 'webhook')} refused since the start; of the last one {self._why}."
        return (*([problem] if problem else []), *([refused] if self._refused else []))


def build_app(server: Server) -> Starlette:
    """Return the application. Refreshes run as long as it does."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(server.refresher.run()), asyncio.create_task(server.registration.run())]
        app.state.tasks = tasks
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = Starlette(
        routes=[
            Route("/", show),
            Route("/dashboard.json", data),
            Route("/health", health),
            Route(PATH, receive, methods=["POST"]),
            Route("/login", log_in, methods=["GET", "POST"]),
            Route(CALLBACK, come_back),
            Route("/logout", log_out, methods=["POST"]),
        ],
        middleware=[Middleware(SafeHeaders)],
        lifespan=lifespan,
    )
    app.state.server = server
    return app


async def receive(request: Request) -> Response:
    """Take a webhook of Argilla. It only says that something changed; a refresh then reads the changes."""
    server = _server(request)
    async with server.bodies:
        body = await read_body(request, limit=MOST_WEBHOOK_BYTES)
    try:
        message = server.deliveries.take(body, request.headers, server.registration.secret)
    except RefusedDeliveryError as error:
        server.refuse(str(error))
        return PlainTextResponse("The delivery was refused.", status_code=401)
    config = server.config
    if concerns(
        message, workspace=config.review.workspace, datasets=(config.review_dataset, config.adjudication_dataset)
    ):
        server.refresher.hint(record_of(message))
    return Response(status_code=204)


async def health(request: Request) -> Response:
    """Answer how the server is, without anything private. 503 if it no longer refreshes."""
    server, now = _server(request), datetime.now(UTC)
    refresher = server.refresher
    dead = any(task.done() for task in request.app.state.tasks)
    done = next((refresh for refresh in refresher.refreshes if refresh.exit_code == 0), None)
    last = refresher.refreshes[0] if refresher.refreshes else None
    failing = last is not None and last.exit_code != 0
    fields = {
        "status": "stopped" if dead else "failing" if failing else "ok",
        "refreshing": refresher.running,
        "last_exit_code": last.exit_code if last is not None else None,
        "seconds_since_success": round((now - done.began_at).total_seconds()) if done is not None else None,
        "takes_webhooks": server.registration.secret is not None,
    }
    return JSONResponse(fields, status_code=503 if dead else 200)


async def show(request: Request) -> Response:
    """Show the page, or how to sign in."""
    server = _server(request)
    viewer = server.access.viewer(request)
    if viewer is None:
        return _door(server, status=401)
    refresher = server.refresher
    page = page_html(
        server.config.name,
        refresher.dashboard,
        refresher.refreshes,
        now=datetime.now(UTC),
        running=refresher.running,
        notes=server.notes,
        names=viewer.admin,
    )
    return HTMLResponse(page)


async def data(request: Request) -> Response:
    """Answer what the page shows as JSON; null before the first refresh."""
    server = _server(request)
    viewer = server.access.viewer(request)
    if viewer is None:
        return JSONResponse({"error": "Send the token as `Authorization: Bearer`."}, status_code=401)
    dashboard = server.refresher.dashboard
    if dashboard is not None and not viewer.admin:
        dashboard = dashboard.without_names()
    return JSONResponse(dashboard.model_dump(mode="json") if dashboard is not None else None)


async def log_in(request: Request) -> Response:
    """Begin a sign-in: with the token of the form, or at the provider."""
    server = _server(request)
    if request.method == "POST":
        form = parse_qs((await read_body(request, limit=MOST_FORM_BYTES)).decode(errors="replace"))
        if not server.access.is_token(form.get("token", [""])[0].strip()):
            return _door(server, status=403, problem="That is not the token.")
        return _admitted(server, Viewer("the token"))
    if server.oauth is None:
        return RedirectResponse("/", status_code=303)
    address, state = server.oauth.begin()
    response = RedirectResponse(address, status_code=303)
    server.access.set_cookie(response, STATE, state, seconds=600)
    return response


async def come_back(request: Request) -> Response:
    """End a sign-in at the provider."""
    server = _server(request)
    state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
    if server.oauth is None or not state or state != request.cookies.get(STATE):
        return _door(server, status=403, problem="This sign-in was not begun in this browser.")
    try:
        viewer = await server.oauth.finish(code=code, state=state)
    except CurationError as error:
        return _door(server, status=503 if error.exit_code == 3 else 403, problem=str(error))
    response = _admitted(server, viewer)
    response.delete_cookie(STATE)
    return response


async def log_out(request: Request) -> Response:
    """End the session."""
    response = RedirectResponse("/", status_code=303)
    _server(request).access.dismiss(request, response)
    return response


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return the body. Refuses with 413 if it is longer than `limit` bytes, with 408 if it comes too slowly."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise HTTPException(413, f"The request is longer than {limit} bytes.")
    except TimeoutError:
        raise HTTPException(408, "The request came too slowly.") from None
    return bytes(body)


def _door(server: Server, *, status: int, problem: str | None = None) -> Response:
    """Return how to sign in."""
    hub = f"{server.serving.public_url}/login" if server.oauth is not None else None
    page = sign_in_html(hub=hub, token=server.serving.token is not None, problem=problem)
    return HTMLResponse(page, status_code=status)


def _admitted(server: Server, viewer: Viewer) -> Response:
    response = RedirectResponse("/", status_code=303)
    server.access.admit(viewer, response)
    return response


def _server(request: Request) -> Server:
    return cast(Server, request.app.state.server)
