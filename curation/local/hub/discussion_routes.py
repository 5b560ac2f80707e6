"""Routes of discussions and pull requests, as huggingface_hub calls them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.local.hub import discussions
from curation.local.hub.access import hub_of, parameter, read_json, repo_to_read, repo_to_write, writer
from curation.local.hub.discussions import Discussion, Event
from curation.local.hub.history import MAIN, find_commit
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo

_PLACE = "/api/{kind}/{namespace}/{name}/discussions"
PAGE = 50


async def list_all(request: Request) -> Response:
    """List discussions, fifty at a time, the newest first."""
    repo, query = repo_to_read(request), request.query_params
    wanted = [
        discussion
        for discussion in discussions.list_discussions(hub_of(request).store, repo)
        if _of_kind(discussion, query.get("type", "all"))
        and _has_status(discussion, query.get("status", "all"))
        and query.get("author", discussion.author) == discussion.author
    ]
    page = query.get("p", "0")
    start = PAGE * int(page) if page.isdecimal() else 0
    shown = [_described(repo, discussion) for discussion in wanted[start : start + PAGE]]
    return JSONResponse({"discussions": shown, "count": len(wanted), "start": start})


async def open_new(request: Request) -> Response:
    """Open a discussion, or a pull request without changes, which is a draft."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    pull_request = bool(body.get("pullRequest"))
    with store.change():
        discussion = discussions.open_discussion(
            *(store, repo),
            title=_text(body, "title"),
            text=_text(body, "description"),
            author=account.name,
            status="draft" if pull_request else "open",
            base=find_commit(store, repo, MAIN) if pull_request else None,
        )
    return JSONResponse(_described(repo, discussion))


async def details(request: Request) -> Response:
    """Answer with a discussion and all that happened in it."""
    repo, store = repo_to_read(request), hub_of(request).store
    discussion = discussions.find_discussion(store, repo, _number(request))
    events = discussions.list_events(store, repo, discussion)
    answer = {**_described(repo, discussion), "events": [_event(event) for event in events]}
    if discussion.base is not None:
        paths = discussions.changed_paths(store, repo, discussion)
        answer["changes"] = {"base": f"refs/heads/{MAIN}", "mergeCommitId": discussion.merged_as}
        is_open = discussion.status in ("open", "draft")
        answer["filesWithConflicts"] = discussions.conflicts(store, repo, discussion) if is_open else []
        answer["diff"] = "".join(f"diff --git a/{path} b/{path}\n" for path in paths)
    return JSONResponse(answer)


async def comment(request: Request) -> Response:
    """Add a comment."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    discussion = discussions.find_discussion(store, repo, _number(request))
    event = discussions.add_comment(store, repo, discussion, account.name, _text(body, "comment"))
    return JSONResponse({"newMessage": _event(event)})


async def edit(request: Request) -> Response:
    """Replace the text of a comment."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    discussion = discussions.find_discussion(store, repo, _number(request))
    event = discussions.edit_comment(
        *(store, repo, discussion, parameter(request, "comment"), account.name), _text(body, "content")
    )
    return JSONResponse({"updatedComment": _event(event)})


async def title(request: Request) -> Response:
    """Give a discussion another title."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    discussion = discussions.find_discussion(store, repo, _number(request))
    event = discussions.rename(store, repo, discussion, account.name, _text(body, "title"))
    return JSONResponse({"newTitle": _event(event)})


async def status(request: Request) -> Response:
    """Open or close a discussion, with a comment if there is one."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    wanted = body.get("status")
    if wanted not in ("open", "closed"):
        raise refusal(400, "The status must be open or closed.")
    with store.change():
        discussion = discussions.find_discussion(store, repo, _number(request))
        event = discussions.set_status(store, repo, discussion, account.name, wanted)
        if body.get("comment"):
            discussions.add_comment(store, repo, discussion, account.name, _text(body, "comment"))
    return JSONResponse({"newStatus": _event(event)})


async def merge(request: Request) -> Response:
    """Merge a pull request into main, with a comment if there is one."""
    repo, account, store = repo_to_write(request), writer(request), hub_of(request).store
    body = await read_json(request)
    discussion = discussions.find_discussion(store, repo, _number(request))
    if body.get("comment"):
        discussions.add_comment(store, repo, discussion, account.name, _text(body, "comment"))
    discussions.merge(store, repo, discussion, account.name)
    return JSONResponse({})


def routes() -> list[Route]:
    """Return the routes of discussions."""
    place = _PLACE + "/{num}"
    return [
        Route(_PLACE, list_all),
        Route(_PLACE, open_new, methods=["POST"]),
        Route(place, details),
        Route(place + "/comment", comment, methods=["POST"]),
        Route(place + "/comment/{comment}/edit", edit, methods=["POST"]),
        Route(place + "/title", title, methods=["POST"]),
        Route(place + "/status", status, methods=["POST"]),
        Route(place + "/merge", merge, methods=["POST"]),
    ]


def _number(request: Request) -> int:
    num = parameter(request, "num")
    if not num.isdecimal() or len(num) > 9:
        raise refusal(404, f"Discussion not found: {num}", code="EntryNotFound")
    return int(num)


def _text(body: dict[str, Any], key: str) -> str:
    return str(body.get(key) or "").encode(errors="replace").decode()


def _of_kind(discussion: Discussion, kind: str) -> bool:
    return kind == "all" or (kind == "pull_request") == (discussion.base is not None)


def _has_status(discussion: Discussion, status: str) -> bool:
    return status == "all" or (status == "open") == (discussion.status in ("open", "draft"))


def _described(repo: Repo, discussion: Discussion) -> dict[str, Any]:
    return {
        "num": discussion.num,
        "title": discussion.title,
        "status": discussion.status,
        "author": {"name": discussion.author},
        "createdAt": discussion.created_at,
        "isPullRequest": discussion.base is not None,
        "repo": {"name": repo.name, "type": repo.kind},
    }


def _event(event: Event) -> dict[str, Any]:
    author = {"name": event.author}
    return {"id": event.id, "type": event.kind, "author": author, "createdAt": event.created_at, "data": event.data}
