"""What `lint` reads: a row of any preference dataset as one type, `Example`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Layout = Literal[
    "conversational",
    "conversational_implicit_prompt",
    "text",
    "text_implicit_prompt",
    "mixed_text_and_messages",
    "prompt_repeated",
    "unpaired_conversational",
    "unpaired_text",
    "completion_without_prompt",
    "messages_with_label",
]
REFUSED_LAYOUTS: frozenset[Layout] = frozenset(
    {"mixed_text_and_messages", "prompt_repeated", "completion_without_prompt", "messages_with_label"}
)
"""Layouts on which a trainer fails, or which it reads as something else than intended."""
SHORTEST_REPEATED = 20
"""A prompt must have so many characters to count as repeated: an answer to "Hello" may well begin with "Hello"."""


class Turn(NamedTuple):
    """One message. The role is any string, because chat templates know more roles than ours.

    `content` is its text. `attachments` is canonical JSON of everything else (images, calls of tools), "" if none.
    """

    role: str
    content: str
    attachments: str = ""


Side = str | tuple[Turn, ...]
"""A prompt or an answer: a text or messages."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a preference dataset in any layout: a pair (chosen, rejected), or a completion with a label.

    - The texts are the answers alone: a prompt that is repeated in them, or only in them, is removed.
    - `attachments` has one entry for each of `answers`: its `Turn.attachments`. `media` are the row's images.
    - `prompt` is None if the layout has no prompt. `label` is None in pairs, and if it is not a boolean.
    - `faults` are the names of what is wrong with the row as TRL reads it.
    """

    layout: Layout
    prompt: tuple[Turn, ...] | None
    chosen: str | None = None
    rejected: str | None = None
    completion: str | None = None
    attachments: tuple[str, ...] = ()
    media: str = ""
    label: bool | None = None
    chosen_score: float | None = None
    rejected_score: float | None = None
    score: float | None = None
    category: str | None = None
    subcategory: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether the row is a pair rather than one labelled completion."""
        return self.chosen is not None

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers of the row: chosen and rejected, or the completion."""
        return tuple(text for text in (self.chosen, self.rejected, self.completion) if text is not None)

    @property
    def wanted(self) -> str | None:
        """The answer that a model learns to give: chosen, or a completion with the label true. None if none."""
        return self.chosen if self.paired else self.completion if self.label else None

    @property
    def unwanted(self) -> str | None:
        """The answer that a model learns to avoid: rejected, or a completion with the label false. None if none."""
        return self.rejected if self.paired else self.completion if self.label is False else None

    @property
    def prompt_text(self) -> str:
        """The contents of the prompt's messages with a blank line between them, "" without a prompt."""
        return text_of(self.prompt or ())


def text_of(turns: Sequence[Turn]) -> str:
    """Return the contents of messages with a blank line between them."""
    return "\n\n".join(turn.content for turn in turns)
