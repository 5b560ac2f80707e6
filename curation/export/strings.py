"""Conversations as strings: the text alone where there is one turn, or what a chat template makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from curation.types import Message

ANSWERS = ("chosen", "rejected", "completion")

TEMPLATE_COLUMNS = ("tools", "chat_template_kwargs")
"""Columns that are passed to the chat template."""

Render = Callable[[Sequence[Message], Message, Mapping[str, Any]], tuple[str, str]]
"""Takes the messages of a prompt, the assistant's turn, and the values of TEMPLATE_COLUMNS that the row has. Returns
the texts of the prompt and of the answer; a trainer concatenates them."""


def plain(prompt: Sequence[Message], answer: Message, template_columns: Mapping[str, Any]) -> tuple[str, str]:
    """Return the text of the prompt's only message, and that of the answer, as they are."""
    return prompt[0].content, answer.content


def as_strings(table: pa.Table, render: Render) -> pa.Table:
    """Return a table of a training config with its conversations as strings.

    `messages` becomes `prompt` and `completion`, TRL's other layout for supervised fine-tuning.
    """
    names = table.column_names
    options_of_rows = (
        table.select([name for name in TEMPLATE_COLUMNS if name in names]).to_pylist() or [{}] * table.num_rows
    )
    conversations: dict[str, list[tuple[Message, ...]]] = {}
    if "messages" in names:
        conversations["completion"] = [_messages(turns) for turns in table["messages"].to_pylist()]
    else:
        prompts = table["prompt"].to_pylist()
        for name in ANSWERS:
            if name in names:
                turns = zip(prompts, table[name].to_pylist(), strict=True)
                conversations[name] = [_messages([*prompt, *answer]) for prompt, answer in turns]
    texts: dict[str, list[str]] = {}
    for name, of_rows in conversations.items():
        rendered = [
            render(turns[:-1], turns[-1], options) for turns, options in zip(of_rows, options_of_rows, strict=True)
        ]
        texts.setdefault("prompt", [prompt for prompt, _ in rendered])
        texts[name] = [answer for _, answer in rendered]
    other_names = [name for name in names if name not in ("messages", *texts)]
    fields = [pa.field(name, pa.string(), nullable=False) for name in texts]
    arrays = [pa.array(values, pa.string()) for values in texts.values()]
    schema = pa.schema([*fields, *(table.schema.field(name) for name in other_names)])
    return pa.Table.from_arrays([*arrays, *(table[name] for name in other_names)], schema=schema)


def _messages(value: Sequence[Any]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in value)
