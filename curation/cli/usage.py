"""Help and errors of usage, which Typer prints itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from curation.cli.visible import visible

WHOLE = 1000
"""More characters than any sentence of help has."""


class Verbs(TyperGroup):
    """A group of commands whose errors escape control characters in what was typed.

    A shell may have put the name of any file in the place of `*`.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments before the verb."""
        with _usage_errors_as_sentences():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read the arguments after the verb, and run it."""
        with _usage_errors_as_sentences():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of verbs with their whole first sentences, which Click would cut at 45 characters."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(WHOLE)) for name, command in commands if command])


@contextmanager
def _usage_errors_as_sentences() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Errors are recognised by their attributes and name, because some versions of Typer have classes of their own.
        # NoArgsIsHelpError contains a whole help, whose line ends must stay.
        help_only = type(error).__name__ == "NoArgsIsHelpError"
        if hasattr(error, "format_message") and hasattr(error, "message") and not help_only:
            # Typer passes on the words of pydantic.
            error.message = visible(str(error.message).removeprefix("Value error, "))
        raise
