"""curation cache: shows and deletes the replies of models that are kept on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from curation.cli.options import DebugOption, FormatOption
from curation.cli.output import Format, Output
from curation.cli.running import errors_as_sentences
from curation.cli.usage import Verbs

cache = typer.Typer(cls=Verbs, help="Show or shrink the cache of model replies on this machine.", no_args_is_help=True)


@cache.command("info")
def cache_info(format: FormatOption = Format.human, debug: DebugOption = False) -> None:
    """Show where the cache is, and how many replies of which models it has."""
    from curation.generation.cache import RequestCache, cache_file
    from curation.wording import counted, size

    out = Output(format)
    with errors_as_sentences(out, debug=debug), RequestCache(cache_file()) as opened:
        info = opened.info()
        models = (f"  {model}: {counted(replies, 'reply', 'replies')}" for model, replies in info.models.items())
        first = f"{counted(info.replies, 'reply', 'replies')}, {size(info.bytes)} in {info.path}"
        out.facts(json.dumps(asdict(info)), [first, *models], whole=True)


@cache.command("prune")
def cache_prune(
    days: Annotated[float, typer.Option("--days", min=0, help="Delete replies that are older than so many days.")],
    debug: DebugOption = False,
) -> None:
    """Delete old replies. If one is needed again, it is paid for again."""
    from curation.generation.cache import RequestCache, cache_file
    from curation.wording import counted

    out = Output(Format.human)
    with errors_as_sentences(out, debug=debug), RequestCache(cache_file()) as opened:
        out.data(f"{counted(opened.prune(older_than_days=days), 'reply', 'replies')} deleted.")
