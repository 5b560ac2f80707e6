"""What Typer prints itself: help, and sentences about wrong usage, in which what was typed steers no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from curation.cli.visible import visible

WHOLE = 1000
"""More characters than any help has."""


class Verbs(TyperGroup):
    """A group of commands that names what was typed as `visible` does: a shell may fill in any file's name for `*`."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read what stands before the verb."""
        with _usage_errors_as_sentences():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read what stands behind the verb, and run it."""
        with _usage_errors_as_sentences():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of verbs with their whole sentences: Click cuts them at 45 characters."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(WHOLE)) for name, command in commands if command])


@contextmanager
def _usage_errors_as_sentences() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Told by what they have and by name: some versions of Typer bring a copy of Click, with other classes.
        # NoArgsIsHelpError holds a whole help, which is ours and has lines.
        help_only = type(error).__name__ == "NoArgsIsHelpError"
        if hasattr(error, "format_message") and hasattr(error, "message") and not help_only:
            error.message = visible(str(error.message))
        raise
