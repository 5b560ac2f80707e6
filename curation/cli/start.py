"""`curation recipes` and `curation init`, with which a curation starts. They read no config: there is none yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import errors_as_sentences, print_report

DEFAULT_RECIPE = "preference"


def recipes(format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """List the files to start from, with what each builds."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        from curation.stages.recipes import recipes as list_recipes

        print_report(list_recipes(), out, hint=None)


def init(
    recipe: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="See `curation recipes`.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of the curation.")] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", help="The user or organisation on the Hub that gets the repos.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="The file to write; by default NAME.toml.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask me: take the recipe's names and my account.")] = False,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Write a config file to start from, with comments."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug):
        from curation.config import Services
        from curation.recipes import load_recipe
        from curation.stages.init import account
        from curation.stages.init import init as write_file

        asks = out.can_ask and not yes
        if asks and recipe is None:
            from curation.stages.recipes import recipes as list_recipes

            for line in list_recipes().lines[:-1]:
                out.note(line)
            recipe = out.ask("Which recipe?", default=DEFAULT_RECIPE)
        chosen = load_recipe(recipe or DEFAULT_RECIPE)
        if asks and name is None:
            name = out.ask("What is the curation called?", default=chosen.curation_name)
        owner = owner or account(Services.from_environment())
        if asks and owner is None:
            owner = out.ask("Which user or organisation on the Hub gets the repos?", default=None)
        report = write_file(chosen.name, name=name, owner=owner, path=output)
        print_report(report, out, hint=f"curation {report.next_verb} {report.path}")
