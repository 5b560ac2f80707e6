"""What a command says: data on stdout, everything else on stderr, in the format that was asked for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from curation.errors import CurationError

if TYPE_CHECKING:
    from curation.stages import Report

LOG_EVERY_SECONDS = 10.0


class Format(StrEnum):
    """human: sentences and hints; json: one object on stdout; quiet: exit codes and errors only."""

    human = "human"
    json = "json"
    quiet = "quiet"


class Output:
    """Says things in one format."""

    def __init__(self, format: Format) -> None:
        self.format = format

    def report(self, report: Report, *, hint: str | None) -> None:
        """Print what a stage gave back; `hint` is the command to run next."""
        if self.format is Format.json:
            sys.stdout.write(report.model_dump_json() + "\n")
        elif self.format is Format.human:
            sys.stdout.write("\n".join(report.lines) + "\n")
            sys.stdout.flush()
            if hint is not None:
                self.note(f"Next: {hint}")

    def note(self, sentence: str) -> None:
        """Print a sentence for people on stderr."""
        if self.format is Format.human:
            sys.stderr.write(sentence + "\n")
            sys.stderr.flush()

    def data(self, text: str) -> None:
        """Print data on stdout, whatever the format."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def error(self, error: CurationError) -> None:
        """Print what went wrong: a sentence, or with json an object on stderr."""
        if self.format is Format.json:
            fields = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
            sys.stderr.write(json.dumps(fields, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(f"Error: {error}\n")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int, int], None]]:
        """Give a function to call with (done, failed, total): a bar on a terminal, else a line now and then."""
        if self.format is not Format.human:
            yield lambda done, failed, total: None
        elif sys.stderr.isatty():
            with _bar(what) as advance:
                yield advance
        else:
            yield _log_lines(what)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None, failed=0)
        yield lambda done, failed, total: progress.update(task, completed=done, total=total, failed=failed)


def _log_lines(what: str) -> Callable[[int, int, int], None]:
    started = last = time.monotonic()

    def advance(done: int, failed: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LOG_EVERY_SECONDS and done != total:
            return
        last = now
        left = (now - started) / done * (total - done)
        sys.stderr.write(f"{what}: {done:,} of {total:,}, {failed:,} failed, about {left:.0f} s left\n")
        sys.stderr.flush()

    return advance
