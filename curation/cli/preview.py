"""A preview on the terminal: each prompt with its answers, ratings and rationales side by side."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from curation.cli.output import write
from curation.cli.visible import visible
from curation.stages.preview import CUT
from curation.wording import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    from curation.types import Candidate, CandidateSet

WIDTH_WITHOUT_TERMINAL = 160


def show_preview(sets: tuple[CandidateSet, ...]) -> None:
    """Print the sets on stdout."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
    with console.capture() as shown:
        _print(console, sets)
    write(sys.stdout, shown.get())


def _print(console: Console, sets: tuple[CandidateSet, ...]) -> None:
    from rich.columns import Columns
    from rich.console import Group
    from rich.padding import Padding
    from rich.panel import Panel

    for number, candidate_set in enumerate(sets, 1):
        asked = "\n".join(f"{message.role}: {message.content}" for message in candidate_set.prompt.messages)
        width = max(30, (console.width - 4) // max(1, len(candidate_set.candidates)) - 1)
        answers = Columns([_panel(candidate, width) for candidate in candidate_set.candidates], padding=(0, 1))
        failures = [
            _plain(
                f"{failure.stage} {failure.generator}: {failure.reason} after {counted(failure.attempts, 'attempt')}",
                style="red",
            )
            for failure in candidate_set.failures
        ]
        body = Group(Padding(_plain(asked), (0, 1, 1, 1)), answers, *failures)
        console.print(Panel(body, title=f"{number} of {len(sets)}", title_align="left", padding=0))


def _plain(text: str, style: str = "") -> Text:
    """A text as it is: no markup, and what would steer the terminal is shown."""
    from rich.text import Text

    return Text(visible(text.replace("\r\n", "\n"), keep="\n\t"), style=style)


def _panel(candidate: Candidate, width: int) -> Panel:
    from rich.console import Group
    from rich.panel import Panel
    from rich.rule import Rule

    rating = "not rated" if candidate.rating is None else f"{candidate.rating:.3g} of 5"
    cut = candidate.finish_reason == CUT
    parts: list[Text | Rule] = [_plain(candidate.text)]
    if cut:
        parts.append(_plain("[cut off here, at max_new_tokens]", style="red"))
    if candidate.rationale:
        parts += [Rule(style="dim"), _plain(candidate.rationale, style="italic")]
    # Text, not markup: an answer may hold [red] or a link.
    return Panel(
        Group(*parts),
        title=_plain(f"{candidate.generator}: {rating}{', cut off' if cut else ''}"),
        title_align="left",
        width=width,
    )
