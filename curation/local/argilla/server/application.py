"""The server: argilla_server as the review Space starts it, with our search engine and jobs.

It first updates the tables and creates the owner.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import uvicorn
from alembic import command
from alembic.config import Config

from . import jobs  # noqa: TID252

with jobs.redis_in_process() as connection:
    import argilla_server

from argilla_server.enums import UserRole
from argilla_server.models import User, Workspace

from . import (  # noqa: TID252
    bodies,
    patches,
    search_engine,  # noqa: F401  (importing it registers the engine)
)
from .points import point  # noqa: TID252

HOST = "127.0.0.1"


def serve(*, port: int, users_file: Path, workspace: str) -> None:
    """Serve on 127.0.0.1:`port` until SIGTERM; `users_file` holds the owner's username, password and API key."""
    patches.apply()
    _migrate()
    patches.index_pages()
    asyncio.run(_account(json.loads(users_file.read_text()), workspace))
    jobs.start_worker(connection)
    uvicorn.run(
        bodies.limited(point("review_app.app")),
        host=HOST,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )


def _migrate() -> None:
    """Update the tables. This does not use alembic.ini, which would turn off all loggers that exist by now."""
    config = Config()
    config.set_main_option("script_location", str(Path(argilla_server.__file__).parent / "alembic"))
    command.upgrade(config, "head")


async def _account(owner: dict[str, str], workspace: str) -> None:
    """Create the workspace and the owner if they are missing; set the owner's password and key to those of the file."""
    accounts = point("argilla_server.contexts.accounts")
    async with point("argilla_server.database.AsyncSessionLocal")() as db:
        row = await Workspace.get_by(db, name=workspace) or await accounts.create_workspace(db, {"name": workspace})
        user = await accounts.get_user_by_username(db, owner["username"])
        if user is None:
            await _create_owner(db, accounts, owner, row)
            return
        if not accounts.verify_password(owner["password"], user.password_hash):
            await accounts.update_user(db, user, {"password": owner["password"]})
        if user.api_key != owner["api_key"]:
            await accounts.update_user(db, user, {"api_key": owner["api_key"]})


async def _create_owner(db: Any, accounts: Any, owner: dict[str, str], workspace: Any) -> None:
    await User.create(
        db,
        first_name=owner["username"],
        username=owner["username"],
        role=UserRole.owner,
        api_key=owner["api_key"],
        password_hash=accounts.hash_password(owner["password"]),
        workspaces=[workspace],
    )
