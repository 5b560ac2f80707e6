"""Changes to argilla_server at run time: a connection for each session, and three shortcuts for speed."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from .points import point, replace  # noqa: TID252

LOCK_SECONDS = 30

_KEEPERS: list[sqlite3.Connection] = []


def apply() -> None:
    """Change argilla_server in place. Call this once, after its import and before the first request."""
    _connect_per_session()
    replace("argilla_server.models.database.TypeAdapter", _cached_type_adapter())
    for events, build in [
        ("records", "build_record_event"),
        ("responses", "build_response_event"),
        ("datasets", "build_dataset_event"),
    ]:
        path = f"argilla_server.webhooks.v1.{events}.{build}"
        replace(path, _only_for_webhooks(point(path)))


def index_pages() -> None:
    """Add an index with which SQLite reads a page of a dataset's records from its place. Call this after migrations.

    Without it each page sorts all records with their texts: of 100,000 a page of 1,000 takes two seconds.
    """
    path = make_url(point("argilla_server.settings.settings").database_url).database
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        connection.execute("CREATE INDEX IF NOT EXISTS curation_pages ON records (dataset_id, inserted_at)")
        connection.commit()


def _connect_per_session() -> None:
    """Open a connection for each session, without a pool, and use SQLite's write-ahead log.

    A pool would share connections between event loops, but a connection belongs to one loop and jobs have their own.
    """
    url = point("argilla_server.settings.settings").database_url
    # The log does not show the parameters of a statement that fails, because API keys are among them.
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _write_ahead)
    _keep_log_open(engine.url.database)
    replace("argilla_server.database.async_engine", engine)
    point("argilla_server.database.AsyncSessionLocal").configure(bind=engine)


def _keep_log_open(path: str) -> None:
    """Keep one connection open as long as the process lives.

    When the last connection closes, SQLite writes the whole log back and deletes it. Without a pool that would happen
    at the end of nearly every request, and takes 10 ms.
    """
    keeper = sqlite3.connect(path, check_same_thread=False)
    keeper.execute("PRAGMA journal_mode = WAL")
    keeper.execute("SELECT count(*) FROM sqlite_master")
    _KEEPERS.append(keeper)


def _write_ahead(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _cached_type_adapter() -> Any:
    """Return a TypeAdapter that is built once for each type. The server would build one for every answer it checks."""
    return functools.cache(point("pydantic.TypeAdapter"))


class _NoEvent:
    """An event that nobody listens to."""

    async def notify(self, _db: Any) -> list[Any]:
        return []


def _only_for_webhooks(build: Any) -> Any:
    """Return a function that builds an event only if there is a webhook to send it to.

    Building an event takes seven queries and turns the whole record into JSON.
    """
    list_enabled = point("argilla_server.contexts.webhooks.list_enabled_webhooks")

    @functools.wraps(build)
    async def build_if_needed(db: Any, kind: Any, subject: Any) -> Any:
        return await build(db, kind, subject) if await list_enabled(db) else _NoEvent()

    return build_if_needed
