"""What the values of a response hold, whatever the task is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from curation.errors import DataError
from curation.review.shown import original_text
from curation.types import Annotation, Response, ReviewRecord, Scores


def annotation_without_scores(response: Response) -> Annotation:
    """Return what a draft or a discarded response means: no scores, but its comment, and the flags of a discard."""
    return Annotation(
        reviewer=response.reviewer,
        status=response.status,
        flags=() if response.status == "draft" else flags_of(response),
        comment=comment_of(response),
    )


def submitted_annotation(
    response: Response,
    scores: Scores,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    *,
    strength: int | None = None,
) -> Annotation:
    """Return what a submitted response with these scores means, with its better text, flags, reason and comment."""
    return Annotation(
        reviewer=response.reviewer,
        status=response.status,
        scores=scores,
        strength=strength,
        edit=edit_of(response),
        labels=dict(labels or {}),
        reason=_text_of(response, "reason"),
        flags=flags_of(response),
        comment=comment_of(response),
    )


def comment_of(response: Response) -> str | None:
    """Return what a reviewer wrote to the publisher, without the blanks around it; null if nothing."""
    return _text_of(response, "comment")


def edit_of(response: Response) -> str | None:
    """Return the better text that a reviewer wrote, as it was meant, without the blanks around it; null if none."""
    text = response.values.get("edit")
    return original_text(text).strip() or None if isinstance(text, str) and text.strip() else None


def flags_of(response: Response) -> tuple[str, ...]:
    """Return what a reviewer flagged a record for, sorted: ("broken_prompt", "unsafe").

    The names need not be flags of the present configuration: an answer keeps its meaning when that changes.
    """
    flags = response.values.get("flags")
    return tuple(sorted({flag for flag in flags if isinstance(flag, str)})) if isinstance(flags, list) else ()


def not_an_answer(response: Response, record: ReviewRecord, question: str, allowed: Iterable[object]) -> DataError:
    """Return the error for a value that is no answer to a question; it names the reviewer and the record."""
    return DataError(
        f"The response of {response.reviewer} to record {record.id} has {question} "
        f"{response.values.get(question)!r}; allowed are {', '.join(map(str, allowed))}."
    )


def _text_of(response: Response, question: str) -> str | None:
    text = response.values.get(question)
    return text.strip() or None if isinstance(text, str) else None
