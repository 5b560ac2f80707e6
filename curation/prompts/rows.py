"""One raw value -> one prompt, or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import PositiveInt, TypeAdapter

from curation import ids
from curation.errors import DataError
from curation.prompts.layouts import INSTRUCTION, REQUESTS, layout_column, prompt_value
from curation.prompts.messages import read_messages, without_answers
from curation.section import Section
from curation.types import Drop, Message, Prompt, is_text

EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory")
JSON_KINDS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "tools": (TypeAdapter(list[dict[str, Any]]), "a_list_of_objects"),
    "chat_template_kwargs": (TypeAdapter(dict[str, Any]), "an_object"),
}


REMEDIES = MappingProxyType(
    {
        "does_not_end_with_the_user": (
            "A prompt that an answer in the source already follows is asked with leave_out_answers = true under "
            "[prompts]."
        ),
        "messages_as_text": (
            "Messages that were written as a text and cut off or changed cannot be read: save them as .jsonl or "
            ".parquet."
        ),
        "row_too_large": "Rows above 16,777,216 characters are left out: no model reads so much.",
    }
)
"""What mends the reasons for which a source drops prompts, where something does."""


class PromptColumns(Section):
    """Which columns of a source are read. Only `column` must be there.

    Where none is named, and there is none "instruction", that of a well-known layout is read. With `leave_out_answers`
    a conversation that ends with the assistant is asked without that end. The others name what is published with a
    prompt: `tools` and `chat_template_kwargs` for TRL's chat templates, and the kind of prompt it is.
    """

    column: str = INSTRUCTION
    """The prompts: each a text, or a list of `{role, content}` that ends with the user. If it is not named and there
    is no "instruction", the column of a layout that many datasets have."""
    leave_out_answers: bool = False
    """`true`: ask conversations that end with the assistant, without that end. They are dropped otherwise."""
    tools_column: str | None = None
    """Tools, published for the chat template of a trainer."""
    chat_template_kwargs_column: str | None = None
    """Keyword arguments, published for the chat template of a trainer."""
    category_column: str | None = None
    """The kind of prompt, published."""
    subcategory_column: str | None = None
    """The kind within that kind, published."""
    limit: PositiveInt | None = None
    """Ask the first so many prompts only."""

    @property
    def extras(self) -> dict[str, str]:
        """The columns that are read besides, by the field of Prompt that they fill."""
        named = {name: getattr(self, f"{name}_column") for name in EXTRAS}
        return {name: column for name, column in named.items() if column is not None}


def read_prompt(
    value: object,
    *,
    source: str,
    position: int,
    extras: Mapping[str, object] = MappingProxyType({}),
    leave_out_answers: bool = False,
) -> Prompt | Drop:
    """Return the prompt that `value` (a text, messages, or an object that holds them) is, or a Drop that names its row.

    `extras` are the values of other fields of Prompt; `tools` and `chat_template_kwargs` may be JSON text.
    `leave_out_answers` leaves out the turns of the assistant with which a conversation ends.
    """
    where = f"{source}#{position}"
    if value is None:
        return Drop(id=where, reason="empty")
    try:
        messages = read_messages(value)
        messages = without_answers(messages) if leave_out_answers else messages
        reason = _fault(messages)
        if reason is not None:
            return Drop(id=where, reason=reason)
        more = {name: _extra(name, given) for name, given in extras.items()}
    except RecursionError:
        return Drop(id=where, reason="not_a_string_or_messages")
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
    seen: set[str] = set()
    for position, row in enumerate(rows):
        if columns.limit is not None and len(seen) >= columns.limit:
            return
        where = f"{source}#{position}"
        prompt = Drop(id=where, reason=row) if isinstance(row, str) else _read_row(row, columns, source, position)
        if isinstance(prompt, Prompt) and prompt.id in seen:
            prompt = Drop(id=where, reason="duplicate")
        if isinstance(prompt, Prompt):
            seen.add(prompt.id)
        yield prompt


def _read_row(row: Mapping[str, Any], columns: PromptColumns, source: str, position: int) -> Prompt | Drop:
    column = _column(row, columns, source)
    given = {name: row[named] for name, named in columns.extras.items()}
    request = row[column]
    if column in REQUESTS and isinstance(request, Mapping) and "tools" in request:
        given.setdefault("tools", request["tools"])
    try:
        value = prompt_value(row, column)
    except ValueError as error:
        return Drop(id=f"{source}#{position}", reason=str(error))
    return read_prompt(
        value, source=source, position=position, extras=given, leave_out_answers=columns.leave_out_answers
    )


def _column(row: Mapping[str, Any], columns: PromptColumns, source: str) -> str:
    """Return the column that holds the prompt of a row; DataError if it, or another that is named, is not there."""
    column: str | None = columns.column
    if column not in row and "column" not in columns.model_fields_set:
        column = layout_column(row)
    missing = [name for name in (column or columns.column, *columns.extras.values()) if name not in row]
    if missing or column is None:
        raise DataError(
            f"{source} has no column {missing[0]!r}; it has {', '.join(map(repr, row)) or 'no columns'}.",
            remedy="Name columns that are there under [prompts].",
        )
    return column


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
