"""Messages that were written as a text are told from other texts, and read back as they were."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from curation.files import is_written, read_written

ODD = 'It\'s "so" \\d {x} [y]?\nYes: {"role": 1}, é\u2028'
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ODD, "name": None}]
SHARED = [{"from": "human", "value": ODD}, {"from": "gpt", "value": "So."}]


@pytest.mark.parametrize("messages", [MESSAGES, SHARED, MESSAGES[:1]])
@pytest.mark.parametrize(
    "write",
    [
        str,
        json.dumps,
        lambda messages: json.dumps(messages, indent=1, ensure_ascii=False),
        lambda messages: json.dumps(json.dumps(messages)),
        lambda messages: str(np.array(messages, dtype=object)),
        lambda messages: f"\n {messages} \n",
    ],
    ids=["repr", "json", "indented", "json in json", "numpy", "blanks"],
)
def test_messages_are_read_back_however_they_were_written(messages: list[dict[str, Any]], write: Any) -> None:
    assert read_written(write(messages)) == messages
    assert is_written(write(messages))


@pytest.mark.parametrize("write", [str, json.dumps])
def test_a_single_message_and_an_object_with_messages_are_returned_in_a_list(write: Any) -> None:
    for value in (MESSAGES[1], {"id": 7, "messages": MESSAGES}, {"conversations": SHARED}):
        assert read_written(write(value)) == [value]


@pytest.mark.parametrize(
    "text",
    [
        str(MESSAGES)[:-40],
        json.dumps(MESSAGES)[:-40],
        "[{'role': 'user', 'content': array(['a'])}]",
        "[{'role': 'user', 'content': __import__('os').getcwd()}]",
        "[{'role': 'user', 'content': '" + "x" * (1 << 20) + "'}]",
        "[{'role': 'user', 'content': " + "[" * 5000,
    ],
    ids=["cut repr", "cut JSON", "an array", "a call", "too long", "too deep"],
)
def test_a_text_that_begins_like_messages_and_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_written(text)
    assert is_written(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why?",
        "[1] What do 'role': and 'content': mean?",
        'What does [{"role": "user", "content": "x"}] mean?',
        '[{"role": "user", "content": "x"}] What does this mean?',
        '[{"value": 3}, {"value": 4}]',
        '{"role": "admin"}',
        '{"a": {"role": "user", "content": "x"}}',
        # Tools of which one has parameters of these names.
        '[{"type": "function", "function": {"parameters": {"role": {"a": 1}, "content": {"b": 2}}}}]',
        " " * 100_000 + "[",
    ],
)
def test_other_texts_are_not_messages(text: str) -> None:
    assert read_written(text) is None
    assert not is_written(text)
