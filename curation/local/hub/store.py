"""The database of the local Hub: repositories, commits, the files of each commit, branches and tags (but no content).

It is one SQLite file in WAL mode with one connection, which is used only from the server's event loop. So a
`with store.change()` block without an await is one transaction, and no other request can come in between. If the
process is killed, nothing is lost that was answered. After a power failure the last commits may be missing, but never
half of one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curation.local.hub.accounts import Account

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, private INTEGER NOT NULL,
    gated TEXT NOT NULL DEFAULT '', sdk TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, UNIQUE (kind, name));
CREATE TABLE IF NOT EXISTS commits (
    id INTEGER PRIMARY KEY, repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE, oid TEXT NOT NULL,
    parent INTEGER, title TEXT NOT NULL, message TEXT NOT NULL, author TEXT NOT NULL, created_at TEXT NOT NULL,
    UNIQUE (repo, oid));
CREATE TABLE IF NOT EXISTS files (
    commit_id INTEGER NOT NULL REFERENCES commits ON DELETE CASCADE, path TEXT NOT NULL, oid TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, large INTEGER NOT NULL, changed_in INTEGER NOT NULL,
    PRIMARY KEY (commit_id, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refs (
    repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE, kind TEXT NOT NULL, name TEXT NOT NULL,
    commit_id INTEGER NOT NULL, PRIMARY KEY (repo, kind, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spaces (
    repo INTEGER PRIMARY KEY REFERENCES repos ON DELETE CASCADE, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, private INTEGER NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, namespace TEXT NOT NULL, job TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS discussions (
    repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE, num INTEGER NOT NULL, title TEXT NOT NULL,
    status TEXT NOT NULL, author TEXT NOT NULL, created_at TEXT NOT NULL, base INTEGER, merged_as TEXT,
    PRIMARY KEY (repo, num)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE, num INTEGER NOT NULL,
    kind TEXT NOT NULL, author TEXT NOT NULL, created_at TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    repo INTEGER NOT NULL REFERENCES repos ON DELETE CASCADE, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (repo, sha256)) WITHOUT ROWID;
"""
_REPO = "SELECT id, kind, name, private, gated, sdk, created_at FROM repos"


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository; `gated` is "", "auto" or "manual", `sdk` is set for Spaces only."""

    id: int
    kind: str
    name: str
    private: bool
    gated: str
    sdk: str
    created_at: str

    @property
    def namespace(self) -> str:
        """The user or organisation that the repository belongs to."""
        return self.name.partition("/")[0]

    def is_visible_to(self, account: Account | None) -> bool:
        """Whether this account may see the repository; None is a request without a token."""
        return not self.private or self.belongs_to(account)

    def belongs_to(self, account: Account | None) -> bool:
        """Whether this account is the owner, or a member of the organisation that is the owner."""
        return account is not None and self.namespace in account.namespaces


class Store:
    """The SQLite file. `id` is a random name that never changes, and `secret` is the key that signs tickets."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;" + _SCHEMA)
        self.id = self._remember("id", secrets.token_hex(8))
        self.secret = bytes.fromhex(self._remember("secret", secrets.token_hex(32)))

    def close(self) -> None:
        """Close the file. The store cannot be used afterwards."""
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Run the block as one transaction: if it raises, none of its statements have an effect."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement."""
        return self._db.execute(statement, values)

    def row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """Return the first row, or None if there is none."""
        first_row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        return first_row

    def _remember(self, key: str, value: str) -> str:
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
        return str(self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])


def now() -> str:
    """Return the time as the Hub writes it, in UTC with milliseconds: "2025-01-31T12:00:00.000Z"."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_repo(store: Store, kind: str, name: str) -> Repo | None:
    """Return the repository of this kind and full name, or None."""
    row = store.row(f"{_REPO} WHERE kind = ? AND name = ?", kind, name)
    return None if row is None else _repo(row)


def list_repos(store: Store, kind: str) -> list[Repo]:
    """Return all repositories of a kind, the newest first."""
    return [_repo(row) for row in store.execute(f"{_REPO} WHERE kind = ? ORDER BY id DESC", kind)]


def add_repo(store: Store, kind: str, name: str, *, private: bool, sdk: str = "") -> Repo:
    """Add a repository without any commit; raise sqlite3.IntegrityError if the name is taken."""
    store.execute(
        "INSERT INTO repos (kind, name, private, sdk, created_at) VALUES (?, ?, ?, ?, ?)",
        *(kind, name, private, sdk, now()),
    )
    repo = find_repo(store, kind, name)
    assert repo is not None
    return repo


def remove_repo(store: Store, repo: Repo) -> None:
    """Remove a repository and its history. Its content stays on disk, because other repositories may use it."""
    store.execute("DELETE FROM repos WHERE id = ?", repo.id)


def set_visibility(store: Store, repo: Repo, *, private: bool) -> None:
    """Make a repository private or public."""
    store.execute("UPDATE repos SET private = ? WHERE id = ?", private, repo.id)


def set_space_settings(store: Store, repo: Repo, settings: str) -> None:
    """Store the settings of a Space, an object as JSON."""
    store.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?)", repo.id, settings)


def space_settings(store: Store, repo: Repo) -> str:
    """Return the settings of a Space, an object as JSON."""
    row = store.row("SELECT settings FROM spaces WHERE repo = ?", repo.id)
    return "{}" if row is None else str(row[0])


def add_bucket(store: Store, name: str, *, private: bool) -> None:
    """Add a bucket; raise sqlite3.IntegrityError if the name is taken."""
    store.execute("INSERT INTO buckets VALUES (?, ?, ?)", name, private, now())


def bucket(store: Store, name: str) -> tuple[bool, str] | None:
    """Return whether a bucket is private and when it was created, None if there is none of this name."""
    row = store.row("SELECT private, created_at FROM buckets WHERE name = ?", name)
    return None if row is None else (bool(row[0]), str(row[1]))


def keep_job(store: Store, namespace: str, job_id: str, job: str) -> None:
    """Keep a scheduled job, an object as JSON, in the place of an earlier state of it."""
    store.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", job_id, namespace, job)


def jobs(store: Store, namespace: str) -> list[str]:
    """Return the scheduled jobs of an account as JSON."""
    return [str(job) for (job,) in store.execute("SELECT job FROM jobs WHERE namespace = ? ORDER BY id", namespace)]


def remove_job(store: Store, job_id: str) -> None:
    """Remove a scheduled job."""
    store.execute("DELETE FROM jobs WHERE id = ?", job_id)


def set_gate(store: Store, repo: Repo, gated: str) -> None:
    """Gate a repository ("auto" or "manual"), or open it ("")."""
    store.execute("UPDATE repos SET gated = ? WHERE id = ?", gated, repo.id)


def add_object(store: Store, repo: int, sha256: str, size: int) -> bool:
    """Note that this content was uploaded for a repository; False if the repository is gone meanwhile."""
    if store.row("SELECT 1 FROM repos WHERE id = ?", repo) is None:
        return False
    store.execute("INSERT OR IGNORE INTO objects VALUES (?, ?, ?)", repo, sha256, size)
    return True


def object_size(store: Store, repo: int, sha256: str) -> int | None:
    """Return the size of content uploaded for this repository (not for another: that would leak it), or None."""
    row = store.row("SELECT size FROM objects WHERE repo = ? AND sha256 = ?", repo, sha256)
    return None if row is None else int(row[0])


def _repo(row: tuple[Any, ...]) -> Repo:
    number, kind, name, private, gated, sdk, created_at = row
    return Repo(number, kind, name, bool(private), gated, sdk, created_at)
