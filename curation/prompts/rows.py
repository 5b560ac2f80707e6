"""One raw value -> one prompt, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from curation import ids
from curation.errors import DataError
from curation.types import Drop, Message, Prompt, is_text

MESSAGES = TypeAdapter(tuple[Message, ...])


def read_prompt(value: object, *, source: str, position: int) -> Prompt | Drop:
    """Return the prompt that `value` (a string, or a list of {role, content}) holds, or a Drop that names its row."""
    where = f"{source}#{position}"
    if value is None:
        return Drop(id=where, reason="empty")
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    try:
        messages = MESSAGES.validate_python(value)
    except ValidationError:
        return Drop(id=where, reason="not_a_string_or_messages")
    reason = _fault(messages)
    if reason is not None:
        return Drop(id=where, reason=reason)
    return Prompt(id=ids.prompt_id(messages), messages=messages, source=source)


def read_prompts(
    rows: Iterable[Mapping[str, Any]], *, column: str, source: str, limit: int | None
) -> Iterator[Prompt | Drop]:
    """Yield a prompt or a drop per row, at most `limit` prompts; a prompt seen before is dropped as "duplicate".

    Raises DataError, naming the columns there are, if a row lacks `column`.
    """
    seen: set[str] = set()
    for position, row in enumerate(rows):
        if limit is not None and len(seen) >= limit:
            return
        if column not in row:
            raise DataError(
                f"{source} has no column {column!r}; it has {', '.join(map(repr, row)) or 'no columns'}.",
                remedy="Name one of them as `column` under [prompts].",
            )
        found = read_prompt(row[column], source=source, position=position)
        if isinstance(found, Prompt):
            if found.id in seen:
                found = Drop(id=f"{source}#{position}", reason="duplicate")
            else:
                seen.add(found.id)
        yield found


def _fault(messages: tuple[Message, ...]) -> str | None:
    if not messages or not any(message.content.strip() for message in messages):
        return "empty"
    if all(message.role == "system" for message in messages):
        return "only_a_system_message"
    if messages[-1].role != "user":
        return "does_not_end_with_the_user"
    if not messages[-1].content.strip():
        return "empty"
    if any(not is_text(message.content) for message in messages):
        return "nul_or_surrogate_characters"
    return None
