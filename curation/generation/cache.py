"""Every reply that was paid for, on disk before it is used: the same request is never paid for twice."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from curation.errors import ServiceError

DAY_SECONDS = 86_400.0


def cache_file() -> Path:
    """Return where replies are kept: `requests.sqlite` in CURATION_CACHE, or else in the user's cache folder."""
    import platformdirs

    folder = os.environ.get("CURATION_CACHE") or platformdirs.user_cache_dir("curation")
    return Path(folder) / "requests.sqlite"


def request_key(place: str, body: dict[str, Any]) -> str:
    """Return the SHA-256 of a request: its place, model, messages and parameters; no secret is part of it."""
    text = json.dumps([place, body], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the cache holds: replies, bytes on disk, and replies by model."""

    path: str
    replies: int
    bytes: int
    models: dict[str, int]


class RequestCache:
    """Replies by request, in SQLite with a write-ahead log: a reply that `put` took survives kill -9.

    Several processes may use one file at the same time. The file is readable by its user alone.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it if needed. Raises ServiceError if it cannot be used."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS replies "
                "(key TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, reply TEXT NOT NULL) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise ServiceError(
                f"The request cache {path} cannot be used: {error}.",
                remedy="Free its disk, delete the file, or name another folder in CURATION_CACHE.",
            ) from error

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the reply to a request, None if it was never answered."""
        row = self._database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, reply: dict[str, Any], *, model: str) -> None:
        """Keep a reply; when this returns it is on disk."""
        values = (key, model, time.time(), json.dumps(reply))
        self._database.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", values)

    def info(self) -> CacheInfo:
        """Return what the cache holds."""
        counts = self._database.execute("SELECT model, count(*) FROM replies GROUP BY model ORDER BY model").fetchall()
        size = sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*"))
        return CacheInfo(str(self.path), sum(count for _, count in counts), size, dict(counts))

    def prune(self, *, older_than_days: float) -> int:
        """Delete replies older than this; return how many. What is deleted would be paid for again."""
        limit = time.time() - older_than_days * DAY_SECONDS
        deleted = self._database.execute("DELETE FROM replies WHERE created < ?", (limit,)).rowcount
        self._database.execute("VACUUM")
        return int(deleted)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
