"""One raw value -> one prompt, or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt, TypeAdapter, ValidationError

from curation import ids
from curation.errors import DataError
from curation.types import Drop, Message, Prompt, is_text

MESSAGES = TypeAdapter(tuple[Message, ...])
EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory")
JSON_KINDS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "tools": (TypeAdapter(list[dict[str, Any]]), "a_list_of_objects"),
    "chat_template_kwargs": (TypeAdapter(dict[str, Any]), "an_object"),
}


class PromptColumns(BaseModel):
    """Which columns of a source are read. Only `column` must be there.

    The others name what is published with a prompt: `tools` and `chat_template_kwargs` for TRL's chat templates, and
    the kind of prompt it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = "instruction"
    tools_column: str | None = None
    chat_template_kwargs_column: str | None = None
    category_column: str | None = None
    subcategory_column: str | None = None
    limit: PositiveInt | None = None

    @property
    def extras(self) -> dict[str, str]:
        """The columns that are read besides, by the field of Prompt that they fill."""
        named = {name: getattr(self, f"{name}_column") for name in EXTRAS}
        return {name: column for name, column in named.items() if column is not None}


def read_prompt(
    value: object, *, source: str, position: int, extras: Mapping[str, object] = MappingProxyType({})
) -> Prompt | Drop:
    """Return the prompt that `value` (a string, or a list of {role, content}) holds, or a Drop that names its row.

    `extras` are the values of other fields of Prompt; `tools` and `chat_template_kwargs` may be JSON text.
    """
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
    try:
        more = {name: _extra(name, given) for name, given in extras.items()}
    except ValueError as error:
        return Drop(id=where, reason=str(error))
    if not all(is_text(text) for text in more.values() if text is not None):
        return Drop(id=where, reason="nul_or_surrogate_characters")
    context = (more.get("tools"), more.get("chat_template_kwargs"))
    return Prompt(id=ids.prompt_id(messages, context=context), messages=messages, source=source, **more)


def read_prompts(
    rows: Iterable[Mapping[str, Any] | str], columns: PromptColumns, *, source: str
) -> Iterator[Prompt | Drop]:
    """Yield a prompt or a drop per row, at most `limit` prompts; a prompt seen before is dropped as "duplicate".

    A row may be the reason why its source could not give it: that is a drop too. Raises DataError, naming the columns
    there are, if a row lacks one.
    """
    column, limit, extras = columns.column, columns.limit, columns.extras
    seen: set[str] = set()
    for position, row in enumerate(rows):
        if limit is not None and len(seen) >= limit:
            return
        if isinstance(row, str):
            yield Drop(id=f"{source}#{position}", reason=row)
            continue
        for wanted in (column, *extras.values()):
            if wanted not in row:
                raise DataError(
                    f"{source} has no column {wanted!r}; it has {', '.join(map(repr, row)) or 'no columns'}.",
                    remedy="Name columns that are there under [prompts].",
                )
        given = {name: row[named] for name, named in extras.items()}
        found = read_prompt(row[column], source=source, position=position, extras=given)
        if isinstance(found, Prompt):
            if found.id in seen:
                found = Drop(id=f"{source}#{position}", reason="duplicate")
            else:
                seen.add(found.id)
        yield found


def _extra(name: str, value: object) -> str | None:
    """A value as text, null if there is none; ValueError with the reason if it is not what it should be."""
    if isinstance(value, str) and not value.strip():
        return None
    if name not in JSON_KINDS:
        return None if value is None else str(value)
    kind, said = JSON_KINDS[name]
    try:
        found: Any = _without_nulls(json.loads(value) if isinstance(value, str) else value)
        if found in (None, "", [], {}):
            return None
        return json.dumps(kind.validate_python(found), ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}_is_not_{said}") from error


def _without_nulls(value: Any) -> Any:
    """Parquet gives every object the keys of all others, null where it had none."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


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
