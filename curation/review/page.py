"""What stands on the page of every task: the prompt, and the questions for a better answer and a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from curation.review.options import ReviewOptions
from curation.review.shown import shown
from curation.review.spec import Field, TextQuestion
from curation.types import Message

PROMPT = Field("prompt", "Prompt", chat=True)


def conversation(messages: Sequence[Message]) -> list[JsonValue]:
    """Return a prompt as the value of its field: [{"role": "user", "content": "Why?"}]."""
    return [{"role": message.role, "content": shown(message.content)} for message in messages]


def text_questions(options: ReviewOptions, *, edit: str) -> Iterator[TextQuestion]:
    """Yield the questions for a better answer, described by `edit`, and for a comment, if they are asked."""
    if options.edit:
        yield TextQuestion("edit", "A better answer", edit)
    if options.comment:
        yield TextQuestion("comment", "Comment", "Optional: anything the publisher should know. Never published.")
