"""Turns the rows of a source into prompts, or into drops with the reason why a row is no prompt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import PositiveInt, TypeAdapter

from curation import ids
from curation.characters import is_storable
from curation.errors import DataError
from curation.prompts.layouts import INSTRUCTION, REQUESTS, layout_column, prompt_value
from curation.prompts.messages import read_messages, without_answers
from curation.section import Section
from curation.types import Drop, Message, Prompt

EXTRAS = ("tools", "chat_template_kwargs", "category", "subcategory")
JSON_KINDS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "tools": (TypeAdapter(list[dict[str, Any]]), "a_list_of_objects"),
    "chat_template_kwargs": (TypeAdapter(dict[str, Any]), "an_object"),
}


REMEDIES = MappingProxyType(
    {
        "does_not_end_with_the_user": (
            "These conversations end with an answer. To ask their last question again, set leave_out_answers = true "
            "under [prompts]."
        ),
        "messages_as_text": (
            "The column holds messages as text (such as a Python list in a CSV cell), and that text is damaged or cut "
            "off. Save the dataset as .jsonl or .parquet."
        ),
        "needs_no_document": "The question model answered these questions without their documents too (closed_book).",
        "no_question": (
            "For some questions that were asked for there is none: a request failed, or its reply held fewer questions."
        ),
        "no_variation": (
            "For some variations that were asked for there is none: a request failed, or its reply held fewer."
        ),
        "row_too_large": "Rows of more than 16,777,216 characters are left out: no model reads that much.",
    }
)
"""A sentence for the user, by the reason for which prompts were dropped: what to do about it."""


class PromptColumns(Section):
    """Which columns of a source are read.

    `column` holds the prompts. If the config does not name it and the source has no column "instruction", the column of
    a well-known layout is read (see `layouts.LAYOUTS`). The options that end in `_column` name columns that are
    published with a prompt; the models are not asked with them.
    """

    column: str = INSTRUCTION
    """The prompts: each a text, or a list of `{role, content}` that ends with the user. If it is not named and there
    is no "instruction", the column of a layout that many datasets have."""
    leave_out_answers: bool = False
    """`true`: conversations that end with the assistant are asked without that end. Otherwise they are dropped."""
    tools_column: str | None = None
    """Tools, published for the chat template of a trainer."""
    chat_template_kwargs_column: str | None = None
    """Keyword arguments, published for the chat template of a trainer."""
    category_column: str | None = None
    """The kind of prompt, published."""
    subcategory_column: str | None = None
    """A more precise kind of prompt, published."""
    limit: PositiveInt | None = None
    """Ask only the first so many prompts."""

    @property
    def extras(self) -> dict[str, str]:
        """The other columns to read, by the field of Prompt that each fills: {"category": "topic"}."""
        columns = {name: getattr(self, f"{name}_column") for name in EXTRAS}
        return {name: column for name, column in columns.items() if column is not None}


def read_prompt(
    value: object,
    *,
    source: str,
    position: int,
    extras: Mapping[str, object] = MappingProxyType({}),
    leave_out_answers: bool = False,
) -> Prompt | Drop:
    """Return the prompt that `value` holds (see `read_messages`), or a Drop whose id is the row, "prompts.jsonl@...#3".

    `extras` are values for other fields of Prompt, such as {"category": "history"}; `tools` and `chat_template_kwargs`
    may be JSON text. With `leave_out_answers` the assistant's messages at the end of a conversation are left out.
    """
    row_id = f"{source}#{position}"
    if value is None:
        return Drop(id=row_id, reason="empty")
    try:
        messages = read_messages(value)
        messages = without_answers(messages) if leave_out_answers else messages
        reason = _fault(messages)
        if reason is not None:
            return Drop(id=row_id, reason=reason)
        fields = {name: _extra(name, raw) for name, raw in extras.items()}
    except RecursionError:
        return Drop(id=row_id, reason="not_a_string_or_messages")
    except ValueError as error:
        return Drop(id=row_id, reason=str(error))
    if not all(is_storable(text) for text in fields.values() if text is not None):
        return Drop(id=row_id, reason="nul_or_surrogate_characters")
    context = (fields.get("tools"), fields.get("chat_template_kwargs"))
    return Prompt(id=ids.prompt_id(messages, context=context), messages=messages, source=source, **fields)


def read_prompts(
    rows: Iterable[Mapping[str, Any] | str], columns: PromptColumns, *, source: str
) -> Iterator[Prompt | Drop]:
    """Yield a Prompt or a Drop for each row, and stop after `columns.limit` prompts.

    A row that is a text is the reason why its source left it out. A prompt that came before is dropped as "duplicate".
    Raises DataError if a row lacks a column, and names the columns that it has.
    """
    prompt_ids: set[str] = set()
    for position, row in enumerate(rows):
        if columns.limit is not None and len(prompt_ids) >= columns.limit:
            return
        row_id = f"{source}#{position}"
        prompt = Drop(id=row_id, reason=row) if isinstance(row, str) else _read_row(row, columns, source, position)
        if isinstance(prompt, Prompt) and prompt.id in prompt_ids:
            prompt = Drop(id=row_id, reason="duplicate")
        if isinstance(prompt, Prompt):
            prompt_ids.add(prompt.id)
        yield prompt


def _read_row(row: Mapping[str, Any], columns: PromptColumns, source: str, position: int) -> Prompt | Drop:
    column = _column(row, columns, source)
    extras = {name: row[extra_column] for name, extra_column in columns.extras.items()}
    request = row[column]
    if column in REQUESTS and isinstance(request, Mapping) and "tools" in request:
        extras.setdefault("tools", request["tools"])
    try:
        value = prompt_value(row, column)
    except ValueError as error:
        return Drop(id=f"{source}#{position}", reason=str(error))
    return read_prompt(
        value, source=source, position=position, extras=extras, leave_out_answers=columns.leave_out_answers
    )


def _column(row: Mapping[str, Any], columns: PromptColumns, source: str) -> str:
    """Return the name of the column that holds the prompt. Raises DataError if the row lacks it or an extra column."""
    column: str | None = columns.column
    if column not in row and "column" not in columns.model_fields_set:
        column = layout_column(row)
    missing = [name for name in (column or columns.column, *columns.extras.values()) if name not in row]
    if missing or column is None:
        raise DataError(
            f"{source} has no column {missing[0]!r}; it has {', '.join(map(repr, row)) or 'no columns'}.",
            remedy="Name columns of the source under [prompts].",
        )
    return column


def _extra(name: str, value: object) -> str | None:
    """Return the value of a field of Prompt as text, None if it is empty.

    Raises ValueError, such as "tools_is_not_a_list_of_objects", if JSON of another kind is expected in this field.
    """
    if isinstance(value, str) and not value.strip():
        return None
    if name not in JSON_KINDS:
        return None if value is None else str(value)
    validator, expected = JSON_KINDS[name]
    try:
        parsed: Any = _without_nulls(json.loads(value) if isinstance(value, str) else value)
        if parsed in (None, "", [], {}):
            return None
        return json.dumps(validator.validate_python(parsed), ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}_is_not_{expected}") from error


def _without_nulls(value: Any) -> Any:
    """Return a JSON value without keys whose value is None.

    Parquet adds such keys: it gives every object of a column the keys of all the others.
    """
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _fault(messages: tuple[Message, ...]) -> str | None:
    """Return the reason why these messages cannot be asked, None if they can."""
    if not messages or not any(message.content.strip() for message in messages):
        return "empty"
    if all(message.role == "system" for message in messages):
        return "only_a_system_message"
    if messages[-1].role != "user":
        return "does_not_end_with_the_user"
    if not messages[-1].content.strip():
        return "empty"
    if any(not is_storable(message.content) for message in messages):
        return "nul_or_surrogate_characters"
    return None
