"""Conversations as strings: the text alone where there is one turn, or what a chat template makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curation.types import Message

ANSWERS = ("chosen", "rejected", "completion")

GIVEN = ("tools", "chat_template_kwargs")

Render = Callable[[Sequence[Message], Message, Mapping[str, Any]], tuple[str, str]]
"""Of a prompt's messages, the assistant's turn and what the row brings of GIVEN: the two texts to concatenate."""


def plain(prompt: Sequence[Message], answer: Message, given: Mapping[str, Any]) -> tuple[str, str]:
    """Return the prompt's only message and the answer, as they are."""
    return prompt[0].content, answer.content


def as_strings(table: Any, render: Render) -> Any:
    """Return a table of a training config with its conversations as strings.

    `messages` becomes `prompt` and `completion`, TRL's other layout for supervised fine-tuning.
    """
    import pyarrow as pa

    names = table.column_names
    given = table.select([name for name in GIVEN if name in names]).to_pylist() or [{}] * table.num_rows
    if "messages" in names:
        conversations = [_messages(value) for value in table["messages"].to_pylist()]
        found = {
            "completion": [
                render(turns[:-1], turns[-1], more) for turns, more in zip(conversations, given, strict=True)
            ]
        }
    else:
        prompts = [_messages(value) for value in table["prompt"].to_pylist()]
        found = {
            name: [
                render(prompt, _messages(value)[0], more)
                for prompt, value, more in zip(prompts, table[name].to_pylist(), given, strict=True)
            ]
            for name in ANSWERS
            if name in names
        }
    rest = [name for name in names if name not in ("prompt", "messages", *found)]
    texts = {"prompt": [prompt for prompt, _ in next(iter(found.values()))]} | {
        name: [answer for _, answer in pairs] for name, pairs in found.items()
    }
    fields = [pa.field(name, pa.string(), nullable=False) for name in texts]
    arrays = [pa.array(values, pa.string()) for values in texts.values()]
    schema = pa.schema([*fields, *(table.schema.field(name) for name in rest)])
    return pa.Table.from_arrays([*arrays, *(table[name] for name in rest)], schema=schema)


def _messages(value: Sequence[Any]) -> tuple[Message, ...]:
    return tuple(Message.model_validate(turn) for turn in value)
