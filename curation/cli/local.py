"""curation local: the servers that run on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import errors_as_sentences
from curation.cli.usage import Verbs
from curation.errors import ConfigError

FOLDER = Path(".curation")
FolderOption = Annotated[
    Path, typer.Option("--folder", help="The folder with the data, ports and logs of the servers.")
]

local = typer.Typer(cls=Verbs, help="Run a Hub, Argilla and a model server on this machine.", no_args_is_help=True)


@local.command()
def up(folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Start the servers, which run until `curation local down`."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.local import Stack

        stack = Stack(folder)
        stack.up(say=out.note)
        for line in stack.describe():
            out.note(line)
        out.note(f'Next: eval "$(curation local env --folder {folder})"')


@local.command()
def down(folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Stop the servers, and keep their data."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.local import Stack

        out.note("Stopped." if Stack(folder).down() else f"No stack runs in {folder}.")


@local.command("status")
def local_status(
    folder: FolderOption = FOLDER, format: FormatOption = Format.human, debug: DebugOption = False
) -> None:
    """Show which servers run, their addresses, and how to log in. The exit code is 1 if one does not run."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.local import Stack

        stack = Stack(folder)
        servers = stack.status()
        out.facts(stack.status_json(), stack.describe(), whole=True)
        if not all(server.healthy for server in servers):
            raise typer.Exit(1)


@local.command()
def env(folder: FolderOption = FOLDER, debug: DebugOption = False) -> None:
    """Print `export` lines for a shell, with which the other commands use these servers."""
    out = Output(Format.human)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.local import Stack

        for line in Stack(folder).export_lines():
            out.data(line)


@local.command()
def batch(
    requests: Annotated[Path, typer.Argument(metavar="REQUESTS", help="A file of requests for OpenAI's Batch API.")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="The file to write.")],
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="The server; by default CURATION_INFERENCE_URL, which `local env` prints."),
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option("--api-key-env", metavar="NAME", help="The variable with the key of the server.")
    ] = None,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Send the requests of a batch file to a server of your own, and write their results."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), local_extra():
        from curation.environment import address_from, key_from
        from curation.local.inference.batch import run_batch

        url = address_from("--base-url", {"--base-url": base_url or ""}) or address_from("CURATION_INFERENCE_URL")
        if url is None:
            raise ConfigError("No server is named.", remedy="Add --base-url, or set CURATION_INFERENCE_URL.")
        key = key_from(api_key_env) if api_key_env else None
        if api_key_env and key is None:
            raise ConfigError(f"{api_key_env} is not set.", remedy=f"export {api_key_env}=...")
        counts = run_batch(requests, results, base_url=url, api_key=key)
        facts = {"results": str(results), "answered": counts.answered, "refused": counts.refused}
        out.facts(
            json.dumps(facts),
            [f"Wrote {results}: {counts.answered:,} answered, {counts.refused:,} refused."],
            whole=True,
        )


@contextmanager
def local_extra() -> Iterator[None]:
    """Raise ConfigError, which says what to install, if a package of the extra `local` is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The local stack needs the package {error.name}, which is not installed.",
            remedy="Install curation with its extra: pip install 'curation[local]'",
        ) from error
