"""What Argilla accepts: the limits of argilla-server 2.8 and of the argilla 2.8 client, for settings and for records.

They come from the server's `api/schemas/v1` (datasets, chat, records). The rules for names are in `curation.section`.
"""

from __future__ import annotations

from collections.abc import Sequence

from curation.review.shown import display_text
from curation.types import Message

LONGEST_GUIDELINES = 10_000
LONGEST_TURN = 20_000
MOST_TURNS = 500

PROMPT_TOO_LONG, EMPTY_TURN, TOO_MANY_TURNS = "prompt_too_long_to_show", "empty_turn", "too_many_turns_to_show"


def checked_guidelines(guidelines: str) -> str:
    """Return the guidelines. Raises ValueError if there is nothing to read in them, or more than Argilla accepts."""
    if not guidelines.strip():
        raise ValueError("must not be empty; leave it out for the guidelines of the task")
    length = len(display_text(guidelines))
    if length > LONGEST_GUIDELINES:
        raise ValueError(f"must have at most {LONGEST_GUIDELINES:,} characters, not {length:,}")
    return guidelines


def prompt_fault(messages: Sequence[Message]) -> str | None:
    """Return why Argilla cannot show a prompt, null if it can.

    "prompt_too_long_to_show": a turn of more than 20,000 characters, as it is shown. "empty_turn": one without any
    character. "too_many_turns_to_show": more than 500.
    """
    if len(messages) > MOST_TURNS:
        return TOO_MANY_TURNS
    if any(_too_long(message.content) for message in messages):
        return PROMPT_TOO_LONG
    return None if all(message.content for message in messages) else EMPTY_TURN


def _too_long(text: str) -> bool:
    # Preparing a text for display takes time, and it adds fewer than three characters for each character.
    return len(text) > LONGEST_TURN // 4 and len(display_text(text)) > LONGEST_TURN
