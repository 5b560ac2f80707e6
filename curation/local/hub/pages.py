"""Lists in pages: the Link header names the next one."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from curation.local.hub.refusals import refusal


def page_start(request: Request) -> tuple[int, str]:
    """Return the offset, and what list it is an offset into, from the cursor of the request (0 and "" without one)."""
    offset, _, pinned = request.query_params.get("cursor", "0").partition(".")
    if not offset.isdecimal():
        raise refusal(400, "Invalid cursor")
    return int(offset), pinned


def page_size(request: Request, *, most: int) -> int:
    """Return how many items the client wants, at most `most`."""
    wanted = request.query_params.get("limit", "")
    return min(max(int(wanted), 1), most) if wanted.isdecimal() else most


def page_answer(request: Request, items: Sequence[object], *, more_from: int | None, pinned: str = "") -> Response:
    """Answer with one page; the next starts at `more_from` of the list `pinned`, so that it cannot shift meanwhile."""
    headers = {}
    if more_from is not None:
        following = request.url.include_query_params(cursor=f"{more_from}.{pinned}")
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse(list(items), headers=headers)


def next_start(start: int, size: int, total: int) -> int | None:
    """Return where the page after this one starts, or None if this is the last."""
    return start + size if start + size < total else None


def flag(request: Request, name: str) -> bool:
    """Whether a query parameter is set to true."""
    return request.query_params.get(name, "").lower() in ("1", "true")
