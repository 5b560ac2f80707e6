"""The request cache: every reply is on disk before it is used, so the same request is never paid for twice.

A reply is first a line in a journal (`journal.py`). Many replies are written to the database together, which takes a
tenth of the processor time of writing each alone.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import Any, Self

import orjson
import platformdirs

from curation.errors import ServiceError
from curation.generation import locks
from curation.generation.estimates import Experience
from curation.generation.journal import Entry, Journal, left_behind
from curation.generation.refusals import Tokens

KEY_LENGTH = 32
BATCH = "batch-"
DAY_SECONDS = 86_400.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS replies "
    "(key TEXT PRIMARY KEY, model TEXT NOT NULL, created REAL NOT NULL, reply TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS newest ON replies (model, created)",
    "CREATE TABLE IF NOT EXISTS wasted (id TEXT PRIMARY KEY, request TEXT NOT NULL, created REAL NOT NULL, "
    "input_tokens INTEGER, output_tokens INTEGER)",
    "CREATE INDEX IF NOT EXISTS wasted_by_request ON wasted (request)",
)
MOST_WAITING = 512
"""So many replies wait in the journal at most before they are written to the database."""

FLUSH_SECONDS = 1.0
"""After so many seconds at most, `flush` should be called, because other processes may wait for a reply."""

NEWEST = 200
"""The expected length and time of a model's replies are means over so many of its newest replies."""


def cache_file() -> Path:
    """Return the path of the cache: `requests.sqlite` in CURATION_CACHE, or in the user's cache folder."""
    folder = os.environ.get("CURATION_CACHE") or platformdirs.user_cache_dir("curation")
    return Path(folder) / "requests.sqlite"


def request_key(address: str, body: dict[str, Any], *, asker: str, nth: int) -> tuple[str, int]:
    """Return the key and the seed of a request. Both are hashes of its model, messages and parameters, without secrets.

    The seed also depends on `asker`, which is the generator's name, and on `nth`, which tells several answers to one
    request apart. A seed in the body is kept. The key also depends on `address`, which is the
    address of the endpoint or the name of a dedicated one; the seed does not.
    """
    content = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    seed = body.get("seed")
    if not isinstance(seed, int):
        seed = int(_sha256("seed", content, asker, str(nth))[:7], 16)
    return _sha256("request", address, content, str(seed), str(nth))[:KEY_LENGTH], seed


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


@dataclass(frozen=True, slots=True)
class Wasted:
    """A reply that was paid for but could not be used: its id, and the tokens that were billed.

    The id begins with BATCH if the reply came through a batch, which costs less; otherwise it is random.
    """

    id: str
    tokens: Tokens

    @classmethod
    def new(cls, tokens: Tokens) -> Wasted:
        """Return the record of one attempt, with a new id."""
        return cls(uuid.uuid4().hex, tokens)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that go into the statistics of a row."""
        facts = {"request": self.id, "input_tokens": self.tokens.input, "output_tokens": self.tokens.output}
        return {**facts, "batch": True} if self.in_batch else facts

    @property
    def in_batch(self) -> bool:
        """Whether the reply came through a batch."""
        return self.id.startswith(BATCH)


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """The size of the cache: the number of replies, the bytes on disk, and the number of replies by model."""

    path: str
    replies: int
    bytes: int
    models: dict[str, int]


class RequestCache:
    """Replies by request, in an SQLite file with a write-ahead log. When `put` has returned, kill -9 loses nothing.

    Several processes may use the file at the same time. They see a reply after `flush`, and until then its request
    stays claimed. Only the owner of the file can read it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, creating it if needed. Raises ServiceError if it cannot be used."""
        self.path = path
        self._claims_opened: locks.Claims | None = None
        self._journal: Journal | None = None
        self._waiting: dict[str, Entry] = {}
        self._contested: set[str] = set()
        self._users = 1
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            # 32 MB of log: the pages of the indexes, which nearly every reply changes, are written back less often.
            self._database.execute("PRAGMA wal_autocheckpoint = 8000")
            for statement in _TABLES:
                self._database.execute(statement)
            # Only few requests have useless replies, so a set of their keys saves most queries.
            self._wasteful = {key for (key,) in self._database.execute("SELECT DISTINCT request FROM wasted")}
            self._take_over()
        except (OSError, sqlite3.Error) as error:
            if hasattr(self, "_database"):
                self._database.close()
            raise self._unusable(error) from error

    @classmethod
    def shared(cls, path: Path) -> RequestCache:
        """Return the cache that this thread has open at this path already, or else open it.

        It is closed when everybody who called this has closed it. Raises ServiceError if it cannot be used.
        """
        name = (str(path.absolute()), threading.get_ident())
        cache = _SHARED.get(name)
        if cache is None:
            cache = _SHARED[name] = cls(path)
        else:
            cache._users += 1
        return cache

    @property
    def mark(self) -> bytes:
        """Bytes that change whenever anybody has written replies to the database."""
        return self._claims.mark

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the reply to a request, None if there is none. Raises ServiceError if the file is broken."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            return orjson.loads(waiting[-1])  # type: ignore[no-any-return]
        try:
            self._begin_reading()
            row = self._database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return orjson.loads(row[0]) if row else None

    def put(self, key: str, reply: dict[str, Any], *, model: str) -> None:
        """Write a reply to disk. Raises ServiceError if that fails."""
        entry = (key, model, time.time(), orjson.dumps(reply).decode())
        try:
            if self._journal is None:
                self._journal = Journal.create(self.path)
            self._journal.append(entry)
        except OSError as error:
            raise self._unusable(error) from error
        self._waiting[key] = entry
        if len(self._waiting) >= MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write the replies of the journal to the database, so that other processes see them.

        Raises ServiceError if the file cannot be written. The replies are then still in the journal.
        """
        if not self._waiting or self._journal is None:
            return
        try:
            self._insert(list(self._waiting.values()))
            self._journal.clear()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        written, self._waiting = self._waiting, {}
        for key in written:
            self.release(key)

    def _begin_reading(self) -> None:
        """Begin a transaction for many reads, because each transaction takes several system calls.

        It ends before the next write. It must not hide what other processes write, nor keep them from emptying the
        write-ahead log. So once another process has written something, every read is a transaction of its own.
        """
        if not self._claims.is_alone:
            self._end_reading()
        elif not self._database.in_transaction:
            self._database.execute("BEGIN")

    def _end_reading(self) -> None:
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def _insert(self, entries: list[Entry]) -> None:
        self._end_reading()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", entries)
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._claims.change_mark()

    def _take_over(self) -> None:
        """Write to the database what processes that were killed left in their journals."""
        for journal in left_behind(self.path):
            keep = True
            try:
                entries = journal.entries()
                if entries:
                    self._insert(entries)
                keep = False
            finally:
                journal.close(keep=keep)

    def waste(self, key: str, wasted: Wasted) -> None:
        """Write down that a reply to this request was useless. Raises ServiceError if the file cannot be written."""
        values = (wasted.id, key, time.time(), wasted.tokens.input, wasted.tokens.output)
        try:
            self._end_reading()
            self._database.execute("INSERT INTO wasted VALUES (?, ?, ?, ?, ?)", values)
            self._wasteful.add(key)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def wasted(self, key: str) -> list[Wasted]:
        """Return all useless replies to a request, from this run and from earlier ones."""
        if key not in self._wasteful:
            return []
        query = "SELECT id, input_tokens, output_tokens FROM wasted WHERE request = ? ORDER BY created"
        try:
            rows = self._database.execute(query, (key,)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return [Wasted(name, Tokens(input_tokens, output_tokens)) for name, input_tokens, output_tokens in rows]

    def claim(self, key: str, *, since: bytes | None = None) -> bool:
        """Claim a request, so that no other process asks it too; return whether it is ours to ask.

        Returns False if somebody else is asking it right now, or if it has a reply by now. `since` is the mark before
        the caller found that it has none; if it is still the same, we need not look again. A claim ends with `release`,
        with the `flush` after `put`, or with its process. Raises ServiceError if the file cannot be locked.
        """
        try:
            if not self._claims.take(key):
                self._contested.add(key)
                return False
            if key in self._contested:
                # Whoever asked it before may have been killed after the reply came.
                self._contested.discard(key)
                self._take_over()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        if since == self._claims.mark or self.get(key) is None:
            return True
        self._claims.release(key)
        return False

    def release(self, key: str) -> None:
        """Give up the claim to a request, so that others may ask it. If its reply is not flushed yet, this waits."""
        if self._claims_opened is not None and key not in self._waiting:
            self._claims_opened.release(key)

    @property
    def _claims(self) -> locks.Claims:
        if self._claims_opened is None:
            self._claims_opened = locks.Claims(self.path.with_name(f"{self.path.name}.claims"))
        return self._claims_opened

    def info(self) -> CacheInfo:
        """Return the size of the cache. Raises ServiceError if the file cannot be used."""
        self._settle()
        counts = self._database.execute("SELECT model, count(*) FROM replies GROUP BY model ORDER BY model").fetchall()
        size = sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*"))
        return CacheInfo(str(self.path), sum(count for _, count in counts), size, dict(counts))

    def experience(self, model: str) -> Experience:
        """Return the mean tokens and seconds of a model's newest replies. Raises ServiceError if the file is broken."""
        self._settle()
        newest = "SELECT reply FROM replies WHERE model = ? ORDER BY created DESC LIMIT ?"
        replies = [orjson.loads(reply) for (reply,) in self._database.execute(newest, (model, NEWEST))]
        return Experience(*(_mean(reply.get(fact) for reply in replies) for fact in ("output_tokens", "seconds")))

    def prune(self, *, older_than_days: float) -> int:
        """Delete replies older than this; return how many. A deleted reply is paid for again if it is needed again.

        Raises ServiceError if the file cannot be used.
        """
        self._settle()
        limit = time.time() - older_than_days * DAY_SECONDS
        deleted = self._database.execute("DELETE FROM replies WHERE created < ?", (limit,)).rowcount
        self._database.execute("DELETE FROM wasted WHERE created < ?", (limit,))
        self._database.execute("VACUUM")
        self._claims.change_mark()
        return int(deleted)

    def _settle(self) -> None:
        """Write all replies to the database that wait in a journal: ours, and those of processes that were killed."""
        self.flush()
        try:
            self._end_reading()
            self._take_over()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ServiceError:
        return ServiceError(
            f"The request cache {self.path} cannot be used: {error}.",
            remedy="Make room on its disk, delete the file, or set CURATION_CACHE to another folder.",
        )

    def close(self) -> None:
        """Close the file. Requests that were claimed and not answered may then be asked by others."""
        self._users -= 1
        if self._users:
            return
        for name in [name for name, cache in _SHARED.items() if cache is self]:
            del _SHARED[name]
        try:
            self.flush()
        except ServiceError:
            # Nothing is lost: the replies stay in the journal until somebody can open the cache again.
            pass
        finally:
            if self._journal is not None:
                self._journal.close(keep=bool(self._waiting))
                self._journal = None
            if self._claims_opened is not None:
                self._claims_opened.close()
                self._claims_opened = None
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_SHARED: dict[tuple[str, int], RequestCache] = {}
"""The caches that are open, by their paths and threads. SQLite's connections can be used by one thread only."""
