"""Routes that read a repository (its tree, single paths, commits, files) and change its branches and tags."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from curation.local.hub.access import (
    hub_of,
    parameter,
    read_body,
    read_json,
    refuse_gated,
    repo_to_read,
    repo_to_write,
)
from curation.local.hub.history import (
    MAIN,
    Commit,
    File,
    RefKind,
    add_ref,
    find_commit,
    find_file,
    get_commit,
    list_commits,
    list_files,
    list_refs,
    remove_ref,
)
from curation.local.hub.pages import flag, next_start, page_answer, page_size, page_start
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Store
from curation.local.hub.uploads import large_file_info

_REF_NAME = re.compile(r"(?!.*(\.\.|//|@\{|\.lock$))[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,254}(?<![./])")


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    oid: str
    changed_in: int


async def list_tree(request: Request) -> Response:
    """List a folder, with `recursive` also the folders below it. A page has 1,000 entries, or 50 with `expand`."""
    repo, store, expand = repo_to_read(request), hub_of(request).store, flag(request, "expand")
    start, pinned = page_start(request)
    commit = find_commit(store, repo, pinned or parameter(request, "revision"))
    folder = parameter(request, "path").strip("/")
    files = list_files(store, commit, folder)
    if folder and not files:
        raise refusal(404, f"{folder} does not exist on {parameter(request, 'revision')}", code="EntryNotFound")
    entries: list[File | _Folder] = [*files, *_folders(files, below=folder)]
    entries.sort(key=lambda entry: entry.path)
    if not flag(request, "recursive"):
        depth = folder.count("/") + 1 if folder else 0
        entries = [entry for entry in entries if entry.path.count("/") == depth]
    size = page_size(request, most=50 if expand else 1000)
    page = [_describe(store, entry, expand=expand) for entry in entries[start : start + size]]
    return page_answer(request, page, more_from=next_start(start, size, len(entries)), pinned=commit.oid)


async def paths_info(request: Request) -> Response:
    """Describe the given files and folders; those that do not exist are left out."""
    repo, store = repo_to_read(request), hub_of(request).store
    commit = find_commit(store, repo, parameter(request, "revision"))
    if "json" in request.headers.get("Content-Type", ""):
        body = await read_json(request)
        paths, expand = body.get("paths", []), bool(body.get("expand"))
    else:
        form = parse_qs((await read_body(request)).decode(errors="replace"))
        paths, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() == "true"
    entries = [entry for path in paths if (entry := _entry(store, commit, str(path).strip("/")))]
    return JSONResponse([_describe(store, entry, expand=expand) for entry in entries])


async def list_all_refs(request: Request) -> Response:
    """List branches, tags and, if asked, the refs of pull requests."""
    repo, store = repo_to_read(request), hub_of(request).store
    answer: dict[str, Any] = {"converts": [], "pullRequests": []}
    if flag(request, "include_prs"):
        answer["pullRequests"] = [
            {"name": name.removeprefix("refs/"), "ref": name, "targetCommit": oid}
            for name, oid in list_refs(store, repo, "pull")
        ]
    kinds: tuple[tuple[RefKind, str, str], ...] = (("branch", "branches", "heads"), ("tag", "tags", "tags"))
    for kind, key, folder in kinds:
        answer[key] = [
            {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": oid}
            for name, oid in list_refs(store, repo, kind)
        ]
    return JSONResponse(answer)


async def list_history(request: Request) -> Response:
    """List the commits of a revision, the newest first, fifty at a time."""
    repo, store = repo_to_read(request), hub_of(request).store
    start, pinned = page_start(request)
    head = find_commit(store, repo, pinned or parameter(request, "revision"))
    commits, size = list_commits(store, head), page_size(request, most=50)
    page = [
        {
            "id": commit.oid,
            "title": commit.title,
            "message": commit.message,
            "date": commit.created_at,
            "authors": [{"user": commit.author}],
        }
        for commit in commits[start : start + size]
    ]
    return page_answer(request, page, more_from=next_start(start, size, len(commits)), pinned=head.oid)


async def create_branch(request: Request) -> Response:
    """Add a branch at `startingPoint` (main without one)."""
    repo, store, body = repo_to_write(request), hub_of(request).store, await read_json(request)
    commit = find_commit(store, repo, str(body.get("startingPoint") or MAIN))
    add_ref(store, repo, "branch", _ref_name(parameter(request, "ref")), commit)
    return JSONResponse({}, status_code=201)


async def delete_branch(request: Request) -> Response:
    """Remove a branch other than main."""
    repo, name = repo_to_write(request), parameter(request, "ref")
    if name == MAIN:
        raise refusal(403, "The main branch cannot be deleted")
    remove_ref(hub_of(request).store, repo, "branch", name)
    return Response(status_code=200)


async def create_tag(request: Request) -> Response:
    """Add a tag at the revision in the path."""
    repo, store, body = repo_to_write(request), hub_of(request).store, await read_json(request)
    commit = find_commit(store, repo, parameter(request, "ref"))
    add_ref(store, repo, "tag", _ref_name(str(body.get("tag", ""))), commit)
    return JSONResponse({}, status_code=201)


async def delete_tag(request: Request) -> Response:
    """Remove a tag."""
    remove_ref(hub_of(request).store, repo_to_write(request), "tag", parameter(request, "ref"))
    return Response(status_code=200)


async def resolve_file(request: Request) -> Response:
    """Answer with a file of a revision, or a range of it. The headers keep a browser from running it as a page."""
    repo, hub = repo_to_read(request), hub_of(request)
    commit = find_commit(hub.store, repo, parameter(request, "revision"))
    refuse_gated(request, repo)
    path = parameter(request, "path")
    file = find_file(hub.store, commit, path)
    if file is None:
        raise refusal(404, f"Entry not found: {path}", code="EntryNotFound", headers={"X-Repo-Commit": commit.oid})
    tag = f'"{file.sha256 if file.large else file.oid}"'
    headers = {"X-Repo-Commit": commit.oid, "ETag": tag, "X-Content-Type-Options": "nosniff"}
    if file.large:
        headers |= {"X-Linked-Size": str(file.size), "X-Linked-ETag": tag}
    media_type = "application/octet-stream" if file.large else "text/plain; charset=utf-8"
    return FileResponse(
        hub.blobs.path(file.sha256), headers=headers, media_type=media_type, filename=path.rpartition("/")[2]
    )


def _folders(files: list[File], *, below: str) -> list[_Folder]:
    files_by_folder: dict[str, list[File]] = {}
    for file in files:
        parent = file.path.rpartition("/")[0]
        while parent != below:
            files_by_folder.setdefault(parent, []).append(file)
            parent = parent.rpartition("/")[0]
    return [_folder(path, contents) for path, contents in files_by_folder.items()]


def _folder(path: str, files: list[File]) -> _Folder:
    listing = "\n".join(f"{file.path} {file.oid}" for file in files)
    oid = hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
    return _Folder(path, oid, max(file.changed_in for file in files))


def _entry(store: Store, commit: Commit, path: str) -> File | _Folder | None:
    file = find_file(store, commit, path)
    if file is not None or not path:
        return file
    files = list_files(store, commit, path)
    return _folder(path, files) if files else None


def _describe(store: Store, entry: File | _Folder, *, expand: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"path": entry.path, "oid": entry.oid}
    if isinstance(entry, _Folder):
        described |= {"type": "directory", "size": 0}
    else:
        described |= {"type": "file", "size": entry.size}
        if entry.large:
            # There is no xetHash here: clients would then download through Xet, which this server cannot do.
            described["lfs"] = large_file_info(entry)
    if expand:
        commit = get_commit(store, entry.changed_in)
        described["lastCommit"] = {"id": commit.oid, "title": commit.title, "date": commit.created_at}
    return described


def _ref_name(name: str) -> str:
    if not _REF_NAME.fullmatch(name) or name.startswith("refs/"):
        raise refusal(400, f"Invalid reference name: {name}")
    return name
