"""Messages that were written as a text, as a CSV file or `str(messages)` leaves them: found, and read back."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

PAIRS = (("role", "content"), ("from", "value"))
"""The keys of a message: OpenAI's, which TRL reads, and ShareGPT's."""
LISTS = ("messages", "conversations", "conversation")
"""Where an object holds messages."""
STARTS = re.compile(r"""["']?[\[{][\s\[{]*\\?["']""")
"""How a list of objects or an object begins, also as JSON within JSON."""
START = 200
LONGEST_LITERAL = 1 << 20
"""Characters of Python text that are parsed: what is longer takes a hundred times its size."""
NUMPY_ITEMS = re.compile(r"\}\s*\n\s*\{")


def is_message(value: object) -> bool:
    """Whether an object has the keys of a message."""
    return isinstance(value, Mapping) and any(speaker in value and text in value for speaker, text in PAIRS)


def is_written(text: str) -> bool:
    """Whether a text is messages that were written as a text, readable or not."""
    try:
        return read_written(text) is not None
    except ValueError:
        return True


def read_written(text: str) -> list[Any] | None:
    """Return the messages that a text holds, as JSON, JSON within JSON, or Python; null if it is another text.

    An object that holds messages ({"messages": [...]}) is given as it is, in a list of its own. Raises ValueError if
    the text begins as messages and cannot be read, as where it was cut off. Nothing is run: only literals are read.
    """
    if not STARTS.match(text.lstrip()[:START]) or not any(_has_keys(text, keys) for keys in PAIRS):
        return None
    value = _value(text)
    if isinstance(value, str):
        value = _value(value)
    if value is _MORE_TEXT:
        return None
    values = [value] if isinstance(value, dict) else value
    if not isinstance(values, list) or not values or not all(map(_holds_messages, values)):
        return None
    return values


def _has_keys(text: str, keys: tuple[str, str]) -> bool:
    return all(re.search(rf"""["']{key}\\?["']\s*:""", text) for key in keys)


def _holds_messages(value: object) -> bool:
    return is_message(value) or (isinstance(value, Mapping) and any(value.get(name) for name in LISTS))


_MORE_TEXT = object()
"""Stands for JSON with other text behind it, as in a question about it."""


def _value(text: str) -> Any:
    """Return what JSON or a Python literal says; ValueError if the text is neither."""
    try:
        value, end = json.JSONDecoder().raw_decode(text.strip())
    except (ValueError, RecursionError):
        return _literal(text)
    return value if end == len(text.strip()) else _MORE_TEXT


def _literal(text: str) -> Any:
    if len(text) > LONGEST_LITERAL:
        raise ValueError("too long for a Python literal")
    # numpy writes the items of a list on lines of their own, without commas; in a literal no text holds a line end.
    literal = NUMPY_ITEMS.sub("}, {", text.strip())
    try:
        with warnings.catch_warnings():
            # Python warns of a backslash that stands for nothing, as in "\d".
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(literal)
    except (SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise ValueError(f"no Python literal: {error}") from error
