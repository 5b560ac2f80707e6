"""What one record shows on a card, and its texts back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from curation.review.card.markup import cleaned, html_of
from curation.types import Message

PLACEHOLDER = "#TEMPLATE#"
"""Argilla replaces the first occurrence of these characters by the template, also in a text of a record."""

JOINER = "\u2060"
_SENT = {"<": "\ufdd0", "$": "\ufdd1"}
"""Argilla puts the record into a script, where "</script>" would end the script and JavaScript would replace "$'". So
these noncharacters stand for "<" and "$" in what is sent."""
_SENDING = {ord(meant): stands for meant, stands in _SENT.items()}


def card_value(
    messages: Sequence[Message], candidates: Mapping[str, str], *, category: str | None = None
) -> dict[str, JsonValue]:
    """Return the value of the field: turns, perhaps a category, and candidates, each as HTML and as it was written.

    {"turns": [{"role": "user", "html": ..., "text": ...}],
     "candidates": [{"name": "response_a", "title": "Response A", "html": ..., "text": ...}]}.
    `candidates` has the texts by the names that they have as plain fields: {"response_a": "Rain."}.
    """
    value: dict[str, JsonValue] = {
        "turns": [{"role": _sent(message.role), **_both(message.content)} for message in messages],
        "candidates": [
            {"name": name, "title": name.replace("_", " ").title(), **_both(text)} for name, text in candidates.items()
        ],
    }
    return value if category is None else {**value, "category": dict(_both(category))}


def card_texts(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of the value of a card, as plain fields have them.

    {"prompt": [{"role": "user", "content": "Why?"}], "response_a": "Rain.", "response_b": "Sun."}.
    """
    category = value.get("category")
    return {
        "prompt": [{"role": _read(turn["role"]), "content": _read(turn["text"])} for turn in value["turns"]],
        **({"prompt_category": _read(category["text"])} if category else {}),
        **{candidate["name"]: _read(candidate["text"]) for candidate in value["candidates"]},
    }


def _both(text: str) -> dict[str, str]:
    return {"html": _sent(html_of(text)), "text": _sent(cleaned(text))}


def _sent(text: str) -> str:
    return text.replace(PLACEHOLDER, f"#{JOINER}{PLACEHOLDER[1:]}").translate(_SENDING)


def _read(text: str) -> str:
    for meant, stands in _SENT.items():
        text = text.replace(stands, meant)
    return text.replace(f"#{JOINER}{PLACEHOLDER[1:]}", PLACEHOLDER)
