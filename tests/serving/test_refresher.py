"""Refreshes run one at a time, soon after webhooks and on a timer, and one that hangs or dies is told of."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from curation.serving.kept_refreshes import kept_file
from curation.serving.outcome import Outcome, Refresh
from curation.serving.refresher import MOST_NAMED, Refresher
from curation.serving.settings import Timing

pytestmark = pytest.mark.slow

NEVER = 3600.0
AT_ONCE = Timing(quiet=0.01, longest=0.05, every=NEVER)
WAIT = 60.0
"""Nothing takes so long; a test that waits for it fails."""

# The config is where a run notes that it began and ended, with its further arguments.
PROGRAM = """
import json, os, sys, pathlib, time
config, result, request = sys.argv[1:]
with open(config, "a") as notes:
    notes.write(" ".join(["begin", *(json.loads(request)["changed"] or [])]) + "\\n")
{body}
with open(config, "a") as notes:
    notes.write("end\\n")
"""
DONE = f"pathlib.Path(result).write_text({Outcome(lines=('Done.',)).model_dump_json()!r})"


class Watched:
    """A refresher that runs a program of the test, and the refreshes that ended."""

    def __init__(self, folder: Path, body: str, timing: Timing) -> None:
        self.notes = folder / "notes"
        self.ended: asyncio.Queue[Refresh] = asyncio.Queue()
        command = (sys.executable, "-S", "-c", PROGRAM.format(body=body))
        self.refresher = Refresher(self.notes, timing, tell=self.ended.put_nowait, command=command)

    async def next(self) -> Refresh:
        """Return the next refresh that ends."""
        async with asyncio.timeout(WAIT):
            return await self.ended.get()

    def lines(self) -> list[str]:
        """Return what the program noted."""
        return self.notes.read_text().splitlines()


def watch(folder: Path, body: str, timing: Timing, test: Callable[[Watched], Awaitable[None]]) -> None:
    """Let the refresher run as long as the test does."""

    async def main() -> None:
        watched = Watched(folder, body, timing)
        task = asyncio.create_task(watched.refresher.run())
        try:
            await test(watched)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_it_refreshes_at_the_start_and_once_for_many_webhooks(tmp_path: Path) -> None:
    async def test(watched: Watched) -> None:
        assert (await watched.next()).cause == "start"
        for _ in range(20):
            watched.refresher.hint()
        refresh = await watched.next()
        assert (refresh.cause, refresh.lines, refresh.error) == ("webhook", ("Done.",), None)
        assert watched.ended.empty()
        assert watched.lines() == ["begin", "end"] * 2

    watch(tmp_path, DONE, AT_ONCE, test)


def test_a_webhook_during_a_refresh_leads_to_another_one_after_it(tmp_path: Path) -> None:
    go = tmp_path / "go"
    body = f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n{DONE}"

    async def test(watched: Watched) -> None:
        async with asyncio.timeout(WAIT):
            while not watched.notes.exists():
                await asyncio.sleep(0.01)
        watched.refresher.hint()
        assert watched.refresher.running
        go.touch()
        assert [(await watched.next()).cause, (await watched.next()).cause] == ["start", "webhook"]
        # One ended before the other began.
        assert watched.lines() == ["begin", "end"] * 2

    watch(tmp_path, body, AT_ONCE, test)


def test_webhooks_that_never_stop_do_not_keep_it_waiting(tmp_path: Path) -> None:
    async def test(watched: Watched) -> None:
        await watched.next()

        async def hints() -> None:
            while True:
                watched.refresher.hint()
                await asyncio.sleep(0)

        stream = asyncio.create_task(hints())
        assert (await watched.next()).cause == "webhook"
        stream.cancel()

    watch(tmp_path, DONE, Timing(quiet=NEVER, longest=0.05, every=NEVER), test)


def test_it_refreshes_on_a_timer_without_any_webhook(tmp_path: Path) -> None:
    async def test(watched: Watched) -> None:
        assert [(await watched.next()).cause for _ in range(3)] == ["start", "timer", "timer"]

    watch(tmp_path, DONE, Timing(every=0.01), test)


def test_one_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    body = f"if os.fork() == 0: pathlib.Path({str(child)!r}).write_text(str(os.getpid()))\ntime.sleep(3600)"

    async def test(watched: Watched) -> None:
        refresh = await watched.next()
        assert refresh.exit_code == 3
        assert refresh.error == ("The refresh did not end within 2 s, so it was stopped. The next one starts over.")
        # After a temporary failure it is tried again soon.
        assert (await watched.next()).cause == "timer"
        if child.exists():
            pid = child.read_text()
            async with asyncio.timeout(WAIT):
                while alive(pid):
                    await asyncio.sleep(0.01)

    watch(tmp_path, body, Timing(limit=2.0, again=0.01, every=NEVER), test)


def alive(pid: str) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_that_dies_is_told_of_and_the_next_one_runs(tmp_path: Path) -> None:
    async def test(watched: Watched) -> None:
        refresh = await watched.next()
        assert refresh.exit_code == 3
        assert refresh.error is not None
        assert refresh.error.startswith("The refresh was killed by signal 9 before it could say why")
        watched.refresher.hint()
        assert (await watched.next()).cause == "webhook"
        assert len(watched.refresher.refreshes) == 2

    watch(tmp_path, "os.kill(os.getpid(), 9)", AT_ONCE, test)


def test_a_refresh_gets_no_secret_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_SERVE_TOKEN", "secret-of-the-server")
    monkeypatch.setenv("HF_TOKEN", "needed")
    body = "open(config, 'a').write(f\"{os.environ.get('CURATION_SERVE_TOKEN')} {os.environ['HF_TOKEN']}\\n\")"

    async def test(watched: Watched) -> None:
        await watched.next()
        assert watched.lines()[1] == "None needed"

    watch(tmp_path, body, AT_ONCE, test)


def test_one_that_cannot_be_started_is_told_of(tmp_path: Path) -> None:
    async def main() -> None:
        ended: asyncio.Queue[Refresh] = asyncio.Queue()
        missing = (str(tmp_path / "no-such-program"),)
        refresher = Refresher(tmp_path / "config", AT_ONCE, tell=ended.put_nowait, command=missing)
        task = asyncio.create_task(refresher.run())
        async with asyncio.timeout(WAIT):
            refresh = await ended.get()
        assert refresh.error == "The refresh could not be started: No such file or directory. It is tried again."
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_it_goes_on_if_nobody_reads_what_it_says(tmp_path: Path) -> None:
    async def main() -> None:
        def gone(refresh: Refresh) -> None:
            raise BrokenPipeError

        command = (sys.executable, "-S", "-c", PROGRAM.format(body=DONE))
        refresher = Refresher(tmp_path / "notes", Timing(every=0.01), tell=gone, command=command)
        task = asyncio.create_task(refresher.run())
        async with asyncio.timeout(WAIT):
            while len(refresher.refreshes) < 2:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_it_reads_the_records_that_webhooks_named_and_all_where_that_may_not_be_enough(tmp_path: Path) -> None:
    body = f"if not os.path.exists(config + '.fail'): {DONE}"

    async def test(watched: Watched) -> None:
        refresher = watched.refresher
        await watched.next()
        for record in ("r2", "r1", "r2"):
            refresher.hint(record)
        await watched.next()
        # Something else changed too.
        refresher.hint("r3")
        refresher.hint()
        await watched.next()
        refresher.hint("r4")
        await watched.next()
        # One that failed did not store what it read.
        Path(f"{watched.notes}.fail").touch()
        refresher.hint("r5")
        await watched.next()
        Path(f"{watched.notes}.fail").unlink()
        refresher.hint("r6")
        await watched.next()
        for number in range(MOST_NAMED + 1):
            refresher.hint(f"r{number}")
        await watched.next()
        begun = [line for line in watched.lines() if line != "end"]
        assert begun == ["begin", "begin r1 r2", "begin", "begin r4", "begin r5", "begin", "begin"]

    watch(tmp_path, body, AT_ONCE, test)


def test_the_last_refreshes_outlive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_CACHE", str(tmp_path / "cache"))
    kept = kept_file(tmp_path / "demo.toml")
    assert kept.is_relative_to(tmp_path / "cache")
    assert kept != kept_file(tmp_path / "other" / "demo.toml")
    command = (sys.executable, "-S", "-c", PROGRAM.format(body=DONE))

    async def restarted(refreshes: int) -> list[Refresh]:
        ended: asyncio.Queue[Refresh] = asyncio.Queue()
        timing = Timing(every=0.01)
        refresher = Refresher(tmp_path / "notes", timing, tell=ended.put_nowait, command=command, kept=kept)
        before = list(refresher.refreshes)
        task = asyncio.create_task(refresher.run())
        async with asyncio.timeout(WAIT):
            for _ in range(refreshes):
                await ended.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return before

    assert asyncio.run(restarted(2)) == []
    before = asyncio.run(restarted(1))
    assert [(refresh.cause, refresh.lines) for refresh in before[-2:]] == [("timer", ("Done.",)), ("start", ("Done.",))]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    # It is only what the page tells: a damaged file or a folder that cannot be written stops nothing.
    kept.write_text("{")
    assert asyncio.run(restarted(1)) == []
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("a file")
    assert asyncio.run(restarted(1)) == []
