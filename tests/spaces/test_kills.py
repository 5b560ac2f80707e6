"""A review Space that is killed at random moments and loses its disk, on the real argilla-server."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.argilla.snapshots import restore_database
from tests.spaces.killing import Desk, DurableArgilla, answered_in, moments

pytestmark = pytest.mark.stack

INTERVAL = 0.4
KILLS = 5


def test_a_killed_space_loses_only_what_was_answered_since_the_last_snapshot_began(tmp_path: Path) -> None:
    with DurableArgilla(tmp_path / "disk", tmp_path / "bucket", seconds=INTERVAL) as server:
        desk = Desk(server)
        for number, after in enumerate(moments(15, KILLS, longest=3 * INTERVAL), start=1):
            lost = desk.kill(after)
            if number < KILLS:
                server.start()
                loss = lost(desk.answered())
            else:
                # A start takes seconds, and after the last kill the database alone tells as much.
                database = server.folder / "argilla.db"
                restore_database(database, server.snapshots)
                loss = lost(answered_in(database))
            assert loss.answers
            assert (loss.unexcused, loss.invented) == (0, 0)
