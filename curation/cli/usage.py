"""Sentences about wrong usage, which Typer prints itself: what was typed is shown, and steers no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from curation.cli.visible import visible


class Verbs(TyperGroup):
    """A group of commands that names what was typed as `visible` does: a shell may fill in any file's name for `*`."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read what stands before the verb."""
        with _shown():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read what stands behind the verb, and run it."""
        with _shown():
            return super().invoke(ctx)


@contextmanager
def _shown() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Told by what they have: some versions of Typer bring a copy of Click, with other classes.
        if hasattr(error, "format_message") and hasattr(error, "message"):
            error.message = visible(str(error.message))
        raise
