"""Commits, their files, branches and tags: functions that read them and add to them."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from curation.local.hub.refusals import refusal
from curation.local.hub.store import Repo, Store, now

RefKind = Literal["branch", "tag", "pull"]
MAIN = "main"
_FILE = "SELECT path, oid, sha256, size, large, changed_in FROM files WHERE commit_id = ?"
_COMMIT = "SELECT id, oid, title, message, author, created_at FROM commits"
_OID = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repository."""

    id: int
    oid: str
    title: str
    message: str
    author: str
    created_at: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a commit. Clients know `large` files by their sha256 (LFS), others by their git `oid`."""

    path: str
    oid: str
    sha256: str
    size: int
    large: bool
    changed_in: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """The removal of a file, or of a folder with everything in it."""

    path: str
    folder: bool


@dataclass(frozen=True, slots=True)
class Message:
    """The title, text and author of a commit."""

    title: str
    text: str
    author: str


def git_oid(content: bytes) -> str:
    """Return git's name for a blob with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """Return the LFS pointer that git keeps instead of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def find_commit(store: Store, repo: Repo, revision: str) -> Commit:
    """Return the commit that a branch, a tag or a (short) commit id names. Refuses with 404 if there is none."""
    name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
    row = store.row(
        f"{_COMMIT} WHERE id = (SELECT commit_id FROM refs WHERE repo = ? AND name = ? ORDER BY kind)", repo.id, name
    )
    if row is None and _OID.fullmatch(revision):
        rows = store.execute(f"{_COMMIT} WHERE repo = ? AND oid LIKE ? LIMIT 2", repo.id, revision + "%").fetchall()
        row = rows[0] if len(rows) == 1 else None
    if row is None:
        raise refusal(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
    return Commit(*row)


def list_commits(store: Store, commit: Commit) -> list[Commit]:
    """Return the commit and its ancestors, the newest first."""
    rows = store.execute(
        "WITH RECURSIVE line (id) AS (SELECT ? UNION SELECT parent FROM commits JOIN line USING (id)) "
        f"{_COMMIT} JOIN line USING (id) ORDER BY id DESC",
        commit.id,
    )
    return [Commit(*row) for row in rows]


def get_commit(store: Store, number: int) -> Commit:
    """Return the commit with this number, such as a file's `changed_in`."""
    row = store.row(f"{_COMMIT} WHERE id = ?", number)
    assert row is not None
    return Commit(*row)


def list_files(store: Store, commit: Commit, folder: str = "") -> list[File]:
    """Return the files of a commit, or those under a folder at any depth, sorted by path."""
    if not folder:
        rows = store.execute(f"{_FILE} ORDER BY path", commit.id)
    else:
        # "0" follows "/" in ASCII, so this is the range of all paths that begin with the folder.
        rows = store.execute(f"{_FILE} AND path >= ? AND path < ? ORDER BY path", commit.id, f"{folder}/", f"{folder}0")
    return [_file(row) for row in rows]


def find_file(store: Store, commit: Commit, path: str) -> File | None:
    """Return the file at a path, or None."""
    row = store.row(f"{_FILE} AND path = ?", commit.id, path)
    return None if row is None else _file(row)


def list_refs(store: Store, repo: Repo, kind: RefKind) -> list[tuple[str, str]]:
    """Return (name, commit id) of all refs of a kind; that of a pull request has the name "refs/pr/1"."""
    rows = store.execute(
        "SELECT name, oid FROM refs JOIN commits ON commits.id = commit_id WHERE refs.repo = ? AND kind = ? ORDER BY 1",
        *(repo.id, kind),
    )
    return [(name, oid) for name, oid in rows]


def add_ref(store: Store, repo: Repo, kind: RefKind, name: str, commit: Commit) -> None:
    """Add a branch or tag; refuse with 409 if it exists."""
    row = store.row("INSERT OR IGNORE INTO refs VALUES (?, ?, ?, ?) RETURNING 1", repo.id, kind, name, commit.id)
    if row is None:
        raise refusal(409, f"Reference already exists: {name}")


def remove_ref(store: Store, repo: Repo, kind: RefKind, name: str) -> None:
    """Remove a branch or tag; refuse with 404 if there is none."""
    row = store.row("DELETE FROM refs WHERE repo = ? AND kind = ? AND name = ? RETURNING 1", repo.id, kind, name)
    if row is None:
        raise refusal(404, f"Reference not found: {name}", code="RevisionNotFound")


def add_first_commit(store: Store, repo: Repo, author: str, files: Sequence[File]) -> None:
    """Give a new repository its main branch with one commit."""
    commit = _insert_commit(store, repo, None, Message("initial commit", "", author))
    for file in files:
        _put(store, commit, file)
    add_ref(store, repo, "branch", MAIN, commit)


def add_commit(
    store: Store, repo: Repo, branch: str, *, parent: str | None, message: Message, changes: Sequence[File | Removal]
) -> Commit:
    """Add a commit with these changes, in their order, to a branch: all of them or none.

    Refuses with 404 if the branch or a path to remove is missing, with 412 if the branch is no longer at `parent`, and
    with 400 if a path would be both a file and a folder.
    """
    with store.change():
        return add_commit_inside(store, repo, branch, parent=parent, message=message, changes=changes)


def add_commit_inside(
    store: Store, repo: Repo, branch: str, *, parent: str | None, message: Message, changes: Sequence[File | Removal]
) -> Commit:
    """Do what `add_commit` does, inside a transaction of the caller."""
    head = _branch_head(store, repo, branch)
    if parent is not None and not (_OID.fullmatch(parent) and head.oid.startswith(parent)):
        raise refusal(412, "A commit has happened since. Please refresh and try again.")
    commit = _insert_commit(store, repo, head, message)
    for change in changes:
        if isinstance(change, Removal):
            _remove(store, commit, change)
        else:
            _put(store, commit, change)
    for change in changes:
        if isinstance(change, File):
            _refuse_clash(store, commit, change.path)
    store.execute(
        "UPDATE refs SET commit_id = ? WHERE repo = ? AND kind <> 'tag' AND name = ?", commit.id, repo.id, branch
    )

    return commit


def _branch_head(store: Store, repo: Repo, branch: str) -> Commit:
    row = store.row(
        f"{_COMMIT} WHERE id = (SELECT commit_id FROM refs WHERE repo = ? AND kind <> 'tag' AND name = ?)",
        *(repo.id, branch),
    )
    if row is None:
        raise refusal(
            404, f"Invalid rev id: {branch} (only branches and pull requests take commits)", code="RevisionNotFound"
        )
    return Commit(*row)


def _insert_commit(store: Store, repo: Repo, parent: Commit | None, message: Message) -> Commit:
    row = store.row(
        "INSERT INTO commits (repo, oid, parent, title, message, author, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "RETURNING id, oid, title, message, author, created_at",
        *(repo.id, secrets.token_hex(20), parent.id if parent else None),
        *(message.title, message.text, message.author, now()),
    )
    assert row is not None
    commit = Commit(*row)
    if parent is not None:
        store.execute(
            "INSERT INTO files SELECT ?, path, oid, sha256, size, large, changed_in FROM files WHERE commit_id = ?",
            *(commit.id, parent.id),
        )
    return commit


def _put(store: Store, commit: Commit, file: File) -> None:
    store.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET (oid, sha256, size, large, changed_in)"
        " = (excluded.oid, excluded.sha256, excluded.size, excluded.large, excluded.changed_in)"
        " WHERE files.sha256 <> excluded.sha256 OR files.large <> excluded.large",
        *(commit.id, file.path, file.oid, file.sha256, file.size, file.large, commit.id),
    )


def _remove(store: Store, commit: Commit, removal: Removal) -> None:
    if removal.folder:
        span = (f"{removal.path}/", f"{removal.path}0")
        gone = store.execute("DELETE FROM files WHERE commit_id = ? AND path >= ? AND path < ?", commit.id, *span)
    else:
        gone = store.execute("DELETE FROM files WHERE commit_id = ? AND path = ?", commit.id, removal.path)
    if gone.rowcount == 0:
        noun = "folder" if removal.folder else "file"
        raise refusal(404, f"A {noun} with this name doesn't exist: {removal.path}", code="EntryNotFound")


def _refuse_clash(store: Store, commit: Commit, path: str) -> None:
    parents = [path[:position] for position, letter in enumerate(path) if letter == "/"]
    if any(find_file(store, commit, parent) for parent in parents) or list_files(store, commit, path):
        raise refusal(400, f"A path cannot be both a file and a folder: {path}")


def _file(row: tuple[Any, ...]) -> File:
    path, oid, sha256, size, large, changed_in = row
    return File(path, oid, sha256, size, bool(large), changed_in)
