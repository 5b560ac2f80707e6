"""Where a row holds its prompt: the column that is named, or that of a layout which many datasets have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSTRUCTION = "instruction"
"""The column of distilabel and of Alpaca, whose rows may have `input`, `system` and `history` too."""

LAYOUTS = ("prompt", "messages", "conversations", "conversation", "body", "params")
"""Columns that are read where no column is named and there is none "instruction".

`prompt` and `messages` are TRL's and OpenAI's, `conversations` is ShareGPT's, `body` that of OpenAI's batch requests,
`params` that of Anthropic's. If a row has several of them, one must be named.
"""
REQUESTS = ("body", "params")
REQUEST_ID = "custom_id"
"""What a batch request has beside its body; without it "body" is the body of a letter."""
NO_CHAT = ("/embeddings", "/moderations", "/images/generations")
"""Addresses of batch requests that ask no model for an answer."""


def layout_column(row: Mapping[str, Any]) -> str | None:
    """Return the one column of `LAYOUTS` that a row has; null if there is none or more than one."""
    known = [name for name in LAYOUTS if name in row and (name not in REQUESTS or REQUEST_ID in row)]
    return known[0] if len(known) == 1 else None


def prompt_value(row: Mapping[str, Any], column: str) -> object:
    """Return what the row asks, from this column and those that belong to it; ValueError if it asks no chat model."""
    value = row[column]
    if column == INSTRUCTION and isinstance(value, str):
        return _alpaca(row, value)
    if column in ("conversations", "conversation") and isinstance(row.get("system"), str):
        return {"messages": value, "system": row["system"]}
    if column in REQUESTS and str(row.get("url") or "").endswith(NO_CHAT):
        raise ValueError("no_request_to_a_chat_model")
    return value


def _alpaca(row: Mapping[str, Any], instruction: str) -> object:
    """Return the instruction with the text that it is about, after the turns and the system text before it."""
    given = row.get("input")
    asked = f"{instruction}\n\n{given}" if _is_more(given, instruction) else instruction
    before = [turn for pair in row.get("history") or () for turn in _turns(pair)]
    system = row.get("system")
    if not before and not isinstance(system, str):
        return asked
    messages = [*before, {"role": "user", "content": asked}]
    return {"messages": messages, "system": system if isinstance(system, str) else ""}


def _is_more(given: object, instruction: str) -> bool:
    return isinstance(given, str) and given.strip() not in ("", instruction.strip())


def _turns(pair: object) -> list[dict[str, object]]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError("history_is_no_list_of_pairs")
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant"), pair, strict=True)]
