"""The request for a refresh and its outcome, which the server and the process that refreshes exchange."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from curation.serving.dashboard import Dashboard
from curation.types import Row

Cause = Literal["start", "webhook", "timer"]


class Request(Row):
    """What a refresh should do.

    If the store is still at the commit `revision`, it makes no new dashboard. `changed` are the ids in Argilla of the
    records of which webhooks told, null if all answers should be read.
    """

    revision: str | None = None
    changed: tuple[str, ...] | None = None


class Outcome(Row):
    """What a refresh did, in sentences.

    `exit_code` is as on the command line: 0 done, 1 something must be changed, 3 temporary. `error` is null unless it
    failed. `dashboard` is null if the store is as it was before, or cannot be read.
    """

    lines: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int = 0
    dashboard: Dashboard | None = None


class Refresh(Row):
    """A refresh as the page tells of it: when it began, why, how long it took, and what came of it."""

    began_at: datetime
    cause: Cause
    seconds: float
    lines: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int = 0

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it did, and what went wrong."""
        return (*self.lines, *([self.error] if self.error else []))
