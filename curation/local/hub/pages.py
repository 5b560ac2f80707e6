"""Answers with one page of a list. The Link header has the address of the next page."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from curation.local.hub.refusals import refusal


def page_start(request: Request) -> tuple[int, str]:
    """Return where the requested page starts, and the commit of the list that it belongs to.

    Both come from the request's cursor, such as "1000.<commit>". Without a cursor they are 0 and "".
    """
    offset, _, pinned = request.query_params.get("cursor", "0").partition(".")
    if not offset.isdecimal():
        raise refusal(400, "Invalid cursor")
    return int(offset), pinned


def page_size(request: Request, *, most: int) -> int:
    """Return the size of the requested page: the query parameter `limit`, but at most `most`."""
    limit = request.query_params.get("limit", "")
    return min(max(int(limit), 1), most) if limit.isdecimal() else most


def page_answer(request: Request, items: Sequence[object], *, more_from: int | None, pinned: str = "") -> Response:
    """Answer with one page. The next page, if any, starts at `more_from`.

    `pinned` is the commit that the list belongs to, so that the next page is of the same list even after a new commit.
    """
    headers = {}
    if more_from is not None:
        following = request.url.include_query_params(cursor=f"{more_from}.{pinned}")
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse(list(items), headers=headers)


def next_start(start: int, size: int, total: int) -> int | None:
    """Return where the next page starts, or None if this page is the last."""
    return start + size if start + size < total else None


def flag(request: Request, name: str) -> bool:
    """Whether a query parameter is set to true."""
    return request.query_params.get(name, "").lower() in ("1", "true")
