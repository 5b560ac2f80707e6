"""Runs refreshes one at a time: soon after a webhook, and on a timer whether or not one came."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from curation.scratch import scratch_folder
from curation.serving.dashboard import Dashboard
from curation.serving.kept_refreshes import read_refreshes, write_refreshes
from curation.serving.outcome import Cause, Outcome, Refresh, Request
from curation.serving.settings import Timing

KEPT = 20
"""The page shows so many refreshes; older ones are forgotten."""
TEMPORARY = 3
MOST_NAMED = 500
"""If more records than this changed, all are read: that takes less time than to read so many one by one."""
OF_THE_SERVER = ("CURATION_SERVE_TOKEN", "CURATION_WEBHOOK_SECRET", "OAUTH_CLIENT_SECRET")
"""Secrets that a refresh does not need."""
RUN = (sys.executable, "-m", "curation.serving.refresh_run")


class Refresher:
    """Refreshes the datasets of a config, again and again. Nothing is lost with it, because all data is in the store.

    - `dashboard`: that of the last refresh that could read the store, None before the first
    - `refreshes`: the last ones, newest first. With a file `kept` they outlive a restart.
    - `tell`: called with each refresh that has ended
    - `command`: the program that refreshes; it gets the arguments of `refresh_run`
    """

    def __init__(
        self,
        config: Path,
        timing: Timing,
        *,
        tell: Callable[[Refresh], None] = lambda refresh: None,
        command: Sequence[str] = RUN,
        kept: Path | None = None,
    ) -> None:
        self.dashboard: Dashboard | None = None
        earlier = read_refreshes(kept) if kept is not None else ()
        self.refreshes: deque[Refresh] = deque(earlier[:KEPT], maxlen=KEPT)
        self._kept = kept
        self.running = False
        self._config, self._timing, self._tell, self._command = config, timing, tell, command
        self._hinted = asyncio.Event()
        self._changed: set[str] | None = set()

    def hint(self, record_id: str | None = None) -> None:
        """Note that something changed in Argilla: the answers to this record, or something else."""
        if record_id is None or self._changed is None or len(self._changed) >= MOST_NAMED:
            self._changed = None
        else:
            self._changed.add(record_id)
        self._hinted.set()

    async def run(self) -> None:
        """Refresh now, and then whenever it is time, until this task is cancelled."""
        cause: Cause = "start"
        while True:
            self.running = True
            try:
                await self._refresh(cause)
            finally:
                self.running = False
            cause = await self._next()

    async def _next(self) -> Cause:
        """Wait until the next refresh should begin; return why."""
        passing = self.refreshes[0].exit_code == TEMPORARY
        pause = min(self._timing.every, self._timing.again) if passing else self._timing.every
        if not await self._hint_within(pause):
            return "timer"
        loop = asyncio.get_running_loop()
        latest = loop.time() + self._timing.longest
        while await self._hint_within(min(self._timing.quiet, latest - loop.time())):
            pass
        return "webhook"

    async def _hint_within(self, seconds: float) -> bool:
        """Wait at most so long for a hint; return whether one came."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._hinted.wait()
        except TimeoutError:
            return False
        self._hinted.clear()
        return True

    async def _refresh(self, cause: Cause) -> None:
        # A hint that comes from now on may be about something that this refresh does not see.
        self._hinted.clear()
        changed, self._changed = self._changed, set()
        request = Request(
            revision=self.dashboard.revision if self.dashboard else None,
            changed=tuple(sorted(changed)) if cause == "webhook" and changed is not None else None,
        )
        began_at, began = datetime.now(UTC), time.monotonic()
        outcome = await refresh_in_process(self._command, self._config, request, limit=self._timing.limit)
        self.dashboard = outcome.dashboard or self.dashboard
        if outcome.exit_code:
            # The next refresh reads what this one should have read, whichever records it is asked for.
            self._changed = None
        refresh = Refresh(
            began_at=began_at,
            cause=cause,
            seconds=time.monotonic() - began,
            lines=outcome.lines,
            error=outcome.error,
            exit_code=outcome.exit_code,
        )
        self.refreshes.appendleft(refresh)
        if self._kept is not None:
            write_refreshes(self._kept, self.refreshes)
        # Whoever read what the server says may be gone.
        with suppress(OSError):
            self._tell(refresh)


async def refresh_in_process(command: Sequence[str], config: Path, request: Request, *, limit: float) -> Outcome:
    """Return what came of a refresh. Its process ends in any case: by itself, or killed after `limit` seconds."""
    try:
        # If this server is killed, the next run of anything of ours removes the folder.
        with scratch_folder() as folder:
            result = folder / "outcome.json"
            arguments = (str(config), str(result), request.model_dump_json())
            return await _run((*command, *arguments), result, limit)
    except OSError as error:
        return Outcome(
            error=f"The refresh could not be started: {error.strerror or error}. It is tried again.",
            exit_code=TEMPORARY,
        )


async def _run(command: Sequence[str], result: Path, limit: float) -> Outcome:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in OF_THE_SERVER},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limit):
            code = await process.wait()
    except TimeoutError:
        return Outcome(
            error=f"The refresh did not end within {limit:.0f} s, so it was stopped. The next one starts over.",
            exit_code=TEMPORARY,
        )
    finally:
        await _end(process)
    return _read(result, code)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and those that it started, unless it has ended, and wait until it is gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _read(result: Path, code: int) -> Outcome:
    try:
        return Outcome.model_validate_json(result.read_bytes())
    except (OSError, ValidationError):
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Outcome(
            error=f"The refresh {ended} before it could say why (perhaps for want of memory). `curation refresh` on "
            "the command line shows more.",
            exit_code=TEMPORARY,
        )
