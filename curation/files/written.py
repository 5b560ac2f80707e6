"""Recognises messages that were written as a text, and reads them back.

A CSV file, or `str(messages)`, makes a text such as "[{'role': 'user', 'content': 'Hi'}]" of a list of messages.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from typing import Any

PAIRS = (("role", "content"), ("from", "value"))
"""The keys of a message: OpenAI's, which TRL reads, and those of ShareGPT."""
LISTS = ("messages", "conversations", "conversation")
"""The keys under which an object holds a list of messages."""
STARTS = re.compile(r"""["']?[\[{][\s\[{]*\\?["']""")
"""The beginning of a list of objects, or of an object, also if it is JSON within JSON."""
START = 200
"""The messages must begin within so many characters of a text."""
LONGEST_LITERAL = 1 << 20
"""A longer Python text is not parsed, because that takes a hundred times its size in memory."""
NUMPY_ITEMS = re.compile(r"\}\s*\n\s*\{")


def is_message(value: object) -> bool:
    """Whether an object has the keys of a message."""
    return isinstance(value, Mapping) and any(speaker in value and text in value for speaker, text in PAIRS)


def is_written(text: str) -> bool:
    """Whether a text is messages that were written as a text, also if they cannot be read back."""
    try:
        return read_written(text) is not None
    except ValueError:
        return True


def read_written(text: str) -> list[Any] | None:
    """Return the messages that a text holds as JSON, as JSON within JSON, or as Python; None if it is another text.

    An object that holds messages, such as {"messages": [...]}, is returned as the only item of a list. Raises
    ValueError if the text begins like messages but cannot be read, for example because it was cut off. A text is never
    run as a program: only Python literals are read.
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
"""Stands for JSON that is followed by other text, as in a question about the JSON."""


def _value(text: str) -> Any:
    """Return the value of a text that is JSON or a Python literal. Raises ValueError if it is neither."""
    try:
        value, end = json.JSONDecoder().raw_decode(text.strip())
    except (ValueError, RecursionError):
        return _literal(text)
    return value if end == len(text.strip()) else _MORE_TEXT


def _literal(text: str) -> Any:
    if len(text) > LONGEST_LITERAL:
        raise ValueError("too long for a Python literal")
    # numpy writes one item of a list on each line, without commas. (A text within a literal cannot hold a line end.)
    literal = NUMPY_ITEMS.sub("}, {", text.strip())
    try:
        with warnings.catch_warnings():
            # Python warns of a backslash that escapes nothing, as in "\d".
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(literal)
    except (SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise ValueError(f"no Python literal: {error}") from error
