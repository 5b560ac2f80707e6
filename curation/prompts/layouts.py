"""Well-known layouts of datasets: in which column a row holds its prompt, and which other columns belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSTRUCTION = "instruction"
"""The column that distilabel and Alpaca use. Alpaca's rows may also have `input`, `system` and `history`."""

LAYOUTS = ("prompt", "messages", "conversations", "conversation", "body", "params")
"""Columns that are tried if the config names no column and the row has no "instruction".

`prompt` and `messages` are TRL's and OpenAI's, `conversations` is ShareGPT's, `body` belongs to OpenAI's batch requests
and `params` to Anthropic's. If a row has several of these columns, the config must name one.
"""
REQUESTS = ("body", "params")
REQUEST_ID = "custom_id"
"""The column that every batch request has. Without it a column "body" may be anything, such as the body of a letter."""
NO_CHAT = ("/embeddings", "/moderations", "/images/generations")
"""How the `url` of a batch request ends if the request does not ask a chat model."""


def layout_column(row: Mapping[str, Any]) -> str | None:
    """Return the column of `LAYOUTS` that a row has; None if it has none of them, or more than one."""
    known = [name for name in LAYOUTS if name in row and (name not in REQUESTS or REQUEST_ID in row)]
    return known[0] if len(known) == 1 else None


def prompt_value(row: Mapping[str, Any], column: str) -> object:
    """Return what the row asks, taken from `column` and the columns that belong to it.

    For example, {"instruction": "Translate:", "input": "Hola"} gives the two texts with an empty line between them.
    Raises ValueError with a reason if the row is a request to something other than a chat model.
    """
    value = row[column]
    if column == INSTRUCTION and isinstance(value, str):
        return _alpaca(row, value)
    if column in ("conversations", "conversation") and isinstance(row.get("system"), str):
        return {"messages": value, "system": row["system"]}
    if column in REQUESTS and str(row.get("url") or "").endswith(NO_CHAT):
        raise ValueError("no_request_to_a_chat_model")
    return value


def _alpaca(row: Mapping[str, Any], instruction: str) -> object:
    """Return what an Alpaca row asks: its instruction followed by its `input`.

    With a `history` or a `system` text the result is {"messages": [...], "system": "..."}, otherwise it is a text.
    """
    input_text = row.get("input")
    question = f"{instruction}\n\n{input_text}" if _adds_text(input_text, instruction) else instruction
    history = [turn for pair in row.get("history") or () for turn in _turns(pair)]
    system = row.get("system")
    if not history and not isinstance(system, str):
        return question
    messages = [*history, {"role": "user", "content": question}]
    return {"messages": messages, "system": system if isinstance(system, str) else ""}


def _adds_text(input_text: object, instruction: str) -> bool:
    """Whether a row's `input` says anything; some datasets repeat the instruction there."""
    return isinstance(input_text, str) and input_text.strip() not in ("", instruction.strip())


def _turns(pair: object) -> list[dict[str, object]]:
    """Return the two turns of a pair of a `history`, which is [question, answer]."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError("history_is_no_list_of_pairs")
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant"), pair, strict=True)]
