"""What the values of a response hold, whatever the task is."""

from __future__ import annotations

from collections.abc import Iterable

from curation.errors import DataError
from curation.review.shown import written
from curation.types import Response, ReviewRecord


def comment_of(response: Response) -> str | None:
    """Return what a reviewer wrote to the publisher, without the blanks around it; null if nothing."""
    text = response.values.get("comment")
    return text.strip() or None if isinstance(text, str) else None


def edit_of(response: Response) -> str | None:
    """Return the better text that a reviewer wrote, as it was meant, without the blanks around it; null if none."""
    text = response.values.get("edit")
    return written(text).strip() or None if isinstance(text, str) and text.strip() else None


def not_an_answer(response: Response, record: ReviewRecord, question: str, allowed: Iterable[object]) -> DataError:
    """Return the error for a value that is no answer to a question; it names the reviewer and the record."""
    return DataError(
        f"The response of {response.reviewer} to record {record.id} has {question} "
        f"{response.values.get(question)!r}; allowed are {', '.join(map(str, allowed))}."
    )
