"""curation serve: the receiver of webhooks, with the page that shows how far reviewing is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from curation.cli.options import ConfigFile, DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import errors_as_sentences
from curation.errors import ConfigError


def serve(
    config: ConfigFile,
    host: Annotated[
        str, typer.Option("--host", help="Where to listen. 0.0.0.0 is for a container alone: it means everywhere.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")] = 7860,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", help="Where browsers and Argilla reach this server. A Space knows its own."),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option("--user", help="This account of the Hub may look; repeatable."),
    ] = None,
    org: Annotated[
        list[str] | None,
        typer.Option("--org", help="Members of this organisation may; repeatable."),
    ] = None,
    admin: Annotated[
        list[str] | None,
        typer.Option("--admin", help="This account sees the names of reviewers too."),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Refresh every so many minutes, also without a webhook.")
    ] = 15.0,
    quiet: Annotated[
        float, typer.Option("--quiet-for", min=0, help="Refresh after so many seconds without another webhook.")
    ] = 10.0,
    format: FormatOption = Format.human,
    debug: DebugOption = False,
) -> None:
    """Refresh whenever reviewers answered, and show how far they are on a page."""
    out = Output(format)
    with errors_as_sentences(out, debug=debug), serve_extra():
        from curation.config import load_config
        from curation.serving.server import address_of, listen, run_server
        from curation.serving.settings import Timing, serving_from

        loaded = load_config(config)
        with listen(host, port) as socket:
            serving = serving_from(
                config,
                environment=os.environ,
                local_url=address_of(socket),
                public_url=public_url,
                users=user or (),
                orgs=org or (),
                admins=admin or (),
                timing=Timing(quiet=quiet, every=60 * every),
            )
            address = {"url": serving.public_url, "port": socket.getsockname()[1]}
            out.event("serving", address, lines=[f"Serving {loaded.name} at {serving.public_url}. Ctrl-C ends it."])
            run_server(
                serving,
                loaded,
                socket,
                tell=lambda refresh: out.event("refresh", refresh.model_dump(mode="json"), lines=refresh.sentences),
            )


@contextmanager
def serve_extra() -> Iterator[None]:
    """Raise ConfigError, which says what to install, if a package of the extra `serve` is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The server needs the package {error.name}, which is not installed.",
            remedy="Install curation with its extra: pip install 'curation[serve]'",
        ) from error
