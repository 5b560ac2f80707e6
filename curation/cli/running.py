"""Runs a verb: loads the config, prints the report, and turns errors into sentences and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def run_over_segments(
    path: Path, format: Format, debug: bool, stage: Callable[[Config, Callable[[int, int], None]], Report]
) -> None:
    """Do what `run` does with a stage that reads the store segment by segment, and show how far it is.

    `stage` gets the config, and a function to call with the number of segments that are done, and of all.
    """

    def shown(loaded: Config, out: Output) -> Report:
        from curation.cli.progress import segments_shown

        with segments_shown(out) as watch:
            return stage(loaded, watch)

    run(path, format, debug, shown)


def print_report(report: Report, out: Output, *, hint: str | None) -> None:
    """Print a report; raise typer.Exit with its exit code if that is not 0."""
    out.report(report, hint=hint)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


@contextmanager
def errors_as_sentences(out: Output, *, debug: bool) -> Iterator[None]:
    """Print errors as sentences, and end with their exit codes. The traceback is shown only with `debug`."""
    from curation.patience import telling

    try:
        with telling(out.note):
            yield
    except typer.Exit:
        raise
    except BaseException as error:
        if debug:
            out.trace(error)
        raise typer.Exit(_tell(error, out, debug=debug)) from error


def _tell(error: BaseException, out: Output, *, debug: bool) -> int:
    """Print an error as a sentence, unless its traceback was shown, and return its exit code."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        out.note("Interrupted. The same command goes on from where this one stopped.")
        return 130
    if not isinstance(error, CurationError):
        # An error that is not ours is a defect. Its traceback is not shown unasked, because it may contain keys.
        error = ServiceError(f"Unexpected {type(error).__name__}: {error}", remedy="Add --debug to see where.")
    if not debug:
        out.error(error)
    return error.exit_code
