"""Discussions and pull requests of a repository: their comments and events, and the ref of each pull request."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curation.local.hub.history import (
    MAIN,
    Commit,
    File,
    Message,
    Removal,
    add_commit,
    add_commit_inside,
    add_ref,
    find_commit,
    get_commit,
    list_files,
)
from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo, Store, now

Status = Literal["draft", "open", "closed", "merged"]
_DISCUSSION = "SELECT num, title, status, author, created_at, base, merged_as FROM discussions"


@dataclass(frozen=True, slots=True)
class Discussion:
    """A discussion. If it is a pull request, `base` is the number of the commit that it started from."""

    num: int
    title: str
    status: Status
    author: str
    created_at: str
    base: int | None
    merged_as: str | None

    @property
    def ref(self) -> str:
        """The ref that commits to this pull request go to."""
        return f"refs/pr/{self.num}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a discussion. `data` depends on the kind, such as "comment" or "status-change"."""

    id: str
    kind: str
    author: str
    created_at: str
    data: Mapping[str, Any]


def open_discussion(
    store: Store, repo: Repo, *, title: str, text: str, author: str, status: Status, base: Commit | None
) -> Discussion:
    """Open a discussion whose first comment is `text`; with a `base` it is a pull request, whose ref starts there."""
    row = store.row("SELECT coalesce(max(num), 0) + 1 FROM discussions WHERE repo = ?", repo.id)
    assert row is not None
    values = (repo.id, row[0], title, status, author, now(), None if base is None else base.id)
    store.execute("INSERT INTO discussions VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", *values)
    discussion = find_discussion(store, repo, row[0])
    if base is not None:
        add_ref(store, repo, "pull", discussion.ref, base)
    add_comment(store, repo, discussion, author, text)
    return discussion


def propose(
    store: Store, repo: Repo, base: Commit, *, message: Message, changes: Sequence[File | Removal]
) -> tuple[Discussion, Commit]:
    """Open a pull request with one commit after `base`; the title and text of the commit are also those of it."""
    with store.change():
        discussion = open_discussion(
            store, repo, title=message.title, text=message.text, author=message.author, status="open", base=base
        )
        commit = add_commit_inside(store, repo, discussion.ref, parent=None, message=message, changes=changes)
        note_commit(store, repo, discussion.ref, commit)
    return discussion, commit


def note_commit(store: Store, repo: Repo, revision: str, commit: Commit) -> None:
    """Note a commit to a pull request among what happened in it; commits to branches need no note."""
    discussion = _of_ref(store, repo, revision)
    if discussion is not None:
        add_event(store, repo, discussion, "commit", commit.author, {"subject": commit.title, "oid": commit.oid})


def refuse_ended(store: Store, repo: Repo, revision: str) -> None:
    """Refuse a commit to a pull request that was closed or merged."""
    discussion = _of_ref(store, repo, revision)
    if discussion is not None and discussion.status in ("closed", "merged"):
        raise refusal(403, f"This pull request is {discussion.status}.")


def _of_ref(store: Store, repo: Repo, revision: str) -> Discussion | None:
    matching = [discussion for discussion in list_discussions(store, repo) if discussion.ref == revision]
    return matching[0] if matching and matching[0].base is not None else None


def find_discussion(store: Store, repo: Repo, num: int) -> Discussion:
    """Return the discussion with this number. Refuses with 404 if there is none."""
    row = store.row(f"{_DISCUSSION} WHERE repo = ? AND num = ?", repo.id, num)
    if row is None:
        raise refusal(404, f"Discussion not found: {num}", code="EntryNotFound")
    return Discussion(*row)


def list_discussions(store: Store, repo: Repo) -> list[Discussion]:
    """Return all discussions, the newest first."""
    return [Discussion(*row) for row in store.execute(f"{_DISCUSSION} WHERE repo = ? ORDER BY num DESC", repo.id)]


def list_events(store: Store, repo: Repo, discussion: Discussion) -> list[Event]:
    """Return what happened in a discussion, the oldest first."""
    rows = store.execute(
        "SELECT id, kind, author, created_at, data FROM events WHERE repo = ? AND num = ? ORDER BY rowid",
        *(repo.id, discussion.num),
    )
    return [Event(event, kind, author, at, json.loads(data)) for event, kind, author, at, data in rows]


def add_event(store: Store, repo: Repo, discussion: Discussion, kind: str, author: str, data: Any) -> Event:
    """Note what happened."""
    event = Event(secrets.token_hex(12), kind, author, now(), data)
    store.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(event.id, repo.id, discussion.num, kind, author, event.created_at, json.dumps(data)),
    )
    return event


def add_comment(store: Store, repo: Repo, discussion: Discussion, author: str, text: str) -> Event:
    """Add a comment."""
    data = {"edited": False, "hidden": False, "latest": {"raw": text}}
    return add_event(store, repo, discussion, "comment", author, data)


def edit_comment(store: Store, repo: Repo, discussion: Discussion, comment: str, author: str, text: str) -> Event:
    """Replace the text of a comment. Only its author may do that. Refuses with 404 if there is no such comment."""
    events = {event.id: event for event in list_events(store, repo, discussion) if event.kind == "comment"}
    if comment not in events:
        raise refusal(404, f"Comment not found: {comment}")
    if events[comment].author != author:
        raise refusal(403, "Only the author of a comment may edit it.")
    data = json.dumps({"edited": True, "hidden": False, "latest": {"raw": text}})
    store.execute("UPDATE events SET data = ? WHERE repo = ? AND id = ?", data, repo.id, comment)
    return next(event for event in list_events(store, repo, discussion) if event.id == comment)


def rename(store: Store, repo: Repo, discussion: Discussion, author: str, title: str) -> Event:
    """Give a discussion another title."""
    store.execute("UPDATE discussions SET title = ? WHERE repo = ? AND num = ?", title, repo.id, discussion.num)
    return add_event(store, repo, discussion, "title-change", author, {"from": discussion.title, "to": title})


def set_status(store: Store, repo: Repo, discussion: Discussion, author: str, status: Status) -> Event:
    """Open, close or merge a discussion. Refuses with 400 if it was merged."""
    if discussion.status == "merged":
        raise refusal(400, "This pull request was merged.")
    store.execute("UPDATE discussions SET status = ? WHERE repo = ? AND num = ?", status, repo.id, discussion.num)
    return add_event(store, repo, discussion, "status-change", author, {"status": status})


def conflicts(store: Store, repo: Repo, discussion: Discussion) -> list[str]:
    """Return the paths that the pull request and main both changed, in different ways, since it started."""
    changes, base = _changes(store, repo, discussion)
    main = _contents(store, find_commit(store, repo, MAIN))
    return [
        path
        for path, change in changes.items()
        if main.get(path) not in (base.get(path), change.sha256 if isinstance(change, File) else None)
    ]


def changed_paths(store: Store, repo: Repo, discussion: Discussion) -> list[str]:
    """Return the paths that a pull request changes."""
    return list(_changes(store, repo, discussion)[0])


def merge(store: Store, repo: Repo, discussion: Discussion, author: str) -> Commit:
    """Merge a pull request: all that it changes becomes one commit on main. Refuses with 409 if there are conflicts."""
    if discussion.status not in ("open", "draft"):
        raise refusal(400, f"This pull request is {discussion.status}.")
    if paths := conflicts(store, repo, discussion):
        raise refusal(409, f"There are conflicts with main in {', '.join(paths)}.")
    present = _contents(store, find_commit(store, repo, MAIN))
    changes = [
        change
        for path, change in _changes(store, repo, discussion)[0].items()
        if isinstance(change, File) or path in present
    ]
    message = Message(f"{discussion.title} (#{discussion.num})", "", author)
    commit = add_commit(store, repo, MAIN, parent=None, message=message, changes=changes)
    set_status(store, repo, discussion, author, "merged")
    store.execute(
        "UPDATE discussions SET merged_as = ? WHERE repo = ? AND num = ?", commit.oid, repo.id, discussion.num
    )
    return commit


def _changes(store: Store, repo: Repo, discussion: Discussion) -> tuple[dict[str, File | Removal], dict[str, str]]:
    """Return what a pull request changes by path, and the sha256 of each file that it started from."""
    if discussion.base is None:
        raise refusal(400, "This discussion is no pull request.")
    base = _contents(store, get_commit(store, discussion.base))
    head = {file.path: file for file in list_files(store, find_commit(store, repo, discussion.ref))}
    changes: dict[str, File | Removal] = {path: file for path, file in head.items() if base.get(path) != file.sha256}
    return changes | {path: Removal(path, folder=False) for path in base if path not in head}, base


def _contents(store: Store, commit: Commit) -> dict[str, str]:
    return {file.path: file.sha256 for file in list_files(store, commit)}
