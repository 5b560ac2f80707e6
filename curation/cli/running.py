"""Runs a verb: loads the config, prints the report, and turns errors into sentences and exit codes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from curation.cli.output import Format, Output
from curation.errors import CurationError, ServiceError

if TYPE_CHECKING:
    from curation.config import Config
    from curation.report import Report


def run(path: Path, format: Format, debug: bool, stage: Callable[[Config, Output], Report]) -> None:
    """Load the config at `path`, call `stage` with it, and print the report with the command to run next."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        from curation.config import load_config

        report = stage(load_config(path), out)
        print_report(report, out, hint=f"curation {report.next_verb} {path}" if report.next_verb else None)


def print_report(report: Report, out: Output, *, hint: str | None) -> None:
    """Print a report; raise typer.Exit with its exit code if that is not 0."""
    out.report(report, hint=hint)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


class errors_as_sentences:
    """Turn errors into sentences and exit codes. The traceback is shown only with `debug`."""

    def __init__(self, out: Output, *, debug: bool) -> None:
        self.out = out
        self.debug = debug
        self._stack = ExitStack()

    def __enter__(self) -> None:
        from curation.patience import telling

        self._stack.enter_context(telling(self.out.note))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stack.close()
        if error is None or isinstance(error, typer.Exit):
            return
        if self.debug:
            self.out.trace(error)
        if isinstance(error, KeyboardInterrupt | typer.Abort):
            self.out.note("Interrupted. The same command goes on from where this one stopped.")
            raise typer.Exit(130) from None
        if not isinstance(error, CurationError):
            # Not one of ours: a defect. Say so in one line; the locals of a traceback may hold keys.
            error = ServiceError(f"Unexpected {type(error).__name__}: {error}", remedy="Add --debug to see where.")
        if not self.debug:
            self.out.error(error)
        raise typer.Exit(error.exit_code) from None
