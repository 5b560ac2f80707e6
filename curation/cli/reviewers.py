"""curation reviewers: lets people answer in the workspace, takes them out, and says how much each of them did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import run
from curation.cli.usage import Verbs

if TYPE_CHECKING:
    from curation.config import Config
    from curation.report import Report

NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="The usernames.")]
FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", help="Read more names: the column `username` of a .csv, or the lines of a .txt."
    ),
]

reviewers = typer.Typer(cls=Verbs, help="Let people review, and see how much each of them did.", no_args_is_help=True)


@reviewers.command("add")
def add(
    config: ConfigFile,
    names: NamesArgument = None,
    file: FromOption = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Let reviewers in. Anybody without an account gets one; its password is printed once. Needs an owner's key."""
    from curation.cli.accounts import accounts_shown
    from curation.stages.add_reviewers import add_reviewers

    _require_names(names, file)

    def let_in(loaded: Config, out: Output) -> Report:
        with accounts_shown(out) as tell:
            return add_reviewers(loaded, _names(names, file), tell=tell)

    run(config, format, debug, let_in)


@reviewers.command("list")
def show(config: ConfigFile, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Show how much each reviewer did today and in all, and how much is left."""
    from curation.stages.reviewers import reviewers as count_answers

    run(config, format, debug, lambda loaded, out: count_answers(loaded))


@reviewers.command("remove")
def remove(
    config: ConfigFile,
    names: NamesArgument = None,
    file: FromOption = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Take reviewers out of the workspace. Their answers and accounts stay. This needs an owner's key."""
    from curation.stages.remove_reviewers import remove_reviewers

    _require_names(names, file)
    run(config, format, debug, lambda loaded, out: remove_reviewers(loaded, _names(names, file)))


def _require_names(names: list[str] | None, file: Path | None) -> None:
    if not names and file is None:
        raise typer.BadParameter("give at least one NAME, or a file of names with --from.")


def _names(names: list[str] | None, file: Path | None) -> list[str]:
    """Return the names of the command line and of the file."""
    from curation.review.usernames import names_from

    return [*(names or ()), *(names_from(file) if file is not None else ())]
