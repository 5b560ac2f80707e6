"""Shows a preview on the terminal: each prompt, with its answers, ratings and rationales side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.cli.visible import visible
from curation.stages.preview import CUT
from curation.wording import counted

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.panel import Panel
    from rich.text import Text

    from curation.types import Candidate, CandidateSet


def preview_panels(sets: tuple[CandidateSet, ...]) -> Iterator[Panel]:
    """Yield a panel for each set, for `Output.show`: the prompt, its answers side by side, and what failed."""
    from rich.panel import Panel

    for number, candidate_set in enumerate(sets, 1):
        yield Panel(_SideBySide(candidate_set), title=f"{number} of {len(sets)}", title_align="left", padding=0)


@dataclass(frozen=True, slots=True)
class _SideBySide:
    """A set that rich lays out once it knows the width of the panel."""

    candidate_set: CandidateSet

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.columns import Columns
        from rich.padding import Padding

        candidates = self.candidate_set.candidates
        width = max(30, (options.max_width - 2) // max(1, len(candidates)) - 1)
        prompt = "\n".join(f"{message.role}: {message.content}" for message in self.candidate_set.prompt.messages)
        yield Padding(_plain(prompt), (0, 1, 1, 1))
        yield Columns([_panel(candidate, width) for candidate in candidates], padding=(0, 1))
        for failure in self.candidate_set.failures:
            attempts = counted(failure.attempts, "attempt")
            yield _plain(f"{failure.stage} {failure.generator}: {failure.reason} after {attempts}", style="red")


def _plain(text: str, style: str = "") -> Text:
    """Return a text without markup and with escaped control characters."""
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
    # The title is a Text too, so that [red] in the name of a model is not read as markup.
    return Panel(
        Group(*parts),
        title=_plain(f"{candidate.generator}: {rating}{', cut off' if cut else ''}"),
        title_align="left",
        width=width,
    )
