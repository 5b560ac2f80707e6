"""Arguments and options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.output import Format

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The TOML file of the curation.")]
FormatOption = Annotated[Format, typer.Option("--format", help="Print sentences, JSON, or errors only.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
AllowShrinkOption = Annotated[
    bool, typer.Option("--allow-shrink", help="Take away whatever is gone, also more than max_shrink under [publish].")
]
