"""One raw value is one prompt or one reason; nothing in between, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from curation import ids
from curation.errors import DataError
from curation.prompts import read_prompt
from curation.prompts.rows import read_prompts
from curation.types import Drop, Message, Prompt

SOURCE = "acme/prompts@abc"


def turns(*messages: str) -> list[dict[str, str]]:
    """Return messages written as "role: content"."""
    return [dict(zip(("role", "content"), message.split(": ", 1), strict=True)) for message in messages]


def prompts(values: list[Any], *, limit: int | None = None) -> list[Prompt | Drop]:
    return list(read_prompts(({"q": value} for value in values), column="q", source=SOURCE, limit=limit))


def test_a_string_is_a_prompt_of_one_user_message() -> None:
    messages = (Message(role="user", content="Why?"),)
    expected = Prompt(id=ids.prompt_id(messages), messages=messages, source=SOURCE)
    assert read_prompt("Why?", source=SOURCE, position=0) == expected


def test_a_list_of_messages_is_a_prompt() -> None:
    value = turns("system: Be brief.", "user: Why?", "assistant: Because.", "user: Really?")
    found = read_prompt(value, source=SOURCE, position=0)
    assert isinstance(found, Prompt)
    assert [message.model_dump() for message in found.messages] == value


def test_a_string_and_its_message_are_the_same_prompt() -> None:
    first, second = prompts(["Why?", turns("user: Why?")])
    assert isinstance(first, Prompt)
    assert second == Drop(id=f"{SOURCE}#1", reason="duplicate")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \n\t", "empty"),
        ([], "empty"),
        (turns("user: "), "empty"),
        (turns("system: Be brief.", "user:  "), "empty"),
        (turns("system: Be brief."), "only_a_system_message"),
        (turns("system: Be brief.", "system: Very."), "only_a_system_message"),
        (turns("user: Why?", "assistant: Because."), "does_not_end_with_the_user"),
        (turns("user: Why?", "system: Be brief."), "does_not_end_with_the_user"),
        ("NUL \0 inside", "nul_or_surrogate_characters"),
        ("lone \ud83d surrogate", "nul_or_surrogate_characters"),
        ("\udc00 a low surrogate alone at the start", "nul_or_surrogate_characters"),
        (turns("system: \0", "user: Why?"), "nul_or_surrogate_characters"),
        (7, "not_a_string_or_messages"),
        (True, "not_a_string_or_messages"),
        (b"Why?", "not_a_string_or_messages"),
        ({"role": "user", "content": "Why?"}, "not_a_string_or_messages"),
        (["Why?"], "not_a_string_or_messages"),
        (turns("user: Why?", "tool: 42"), "not_a_string_or_messages"),
        ([{"role": "user"}], "not_a_string_or_messages"),
        ([{"role": "user", "content": None}], "not_a_string_or_messages"),
        ([{"role": "user", "content": "Why?", "name": "ann"}], "not_a_string_or_messages"),
        ([{"role": "user", "content": [{"type": "text", "text": "Why?"}]}], "not_a_string_or_messages"),
    ],
)
def test_what_is_no_prompt_is_dropped_with_a_reason_and_its_row(value: object, reason: str) -> None:
    assert read_prompt(value, source=SOURCE, position=41) == Drop(id=f"{SOURCE}#41", reason=reason)


@pytest.mark.parametrize(
    "text",
    [
        "word " * 40_000,
        "مرحبا بالعالم \u202eabc\u202c \u200f؟",
        "שלום 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 e\u0301 \U0001f469\U0001f3fd",
        "a\r\nb\tc\u2028d\u0085e",
        "  leading and trailing blanks stay  ",
        "\ufeffa byte order mark inside",
    ],
    ids=["200,000 characters", "right to left", "emoji", "line ends", "blanks", "mark"],
)
def test_an_odd_text_is_kept_to_the_last_byte(text: str) -> None:
    found = read_prompt(text, source=SOURCE, position=0)
    assert isinstance(found, Prompt)
    assert found.messages[-1].content.encode() == text.encode()


def test_a_prompt_that_differs_in_blanks_line_ends_or_unicode_form_alone_is_a_duplicate() -> None:
    found = prompts(["e\u0301tude\n?", " étude\n?  ", "étude\r\n?", "Étude\n?"])
    assert [getattr(row, "reason", "kept") for row in found] == ["kept", "duplicate", "duplicate", "kept"]


def test_a_duplicate_is_found_however_far_away() -> None:
    values = [str(number) for number in range(5000)]
    *kept, last = prompts([*values, "0"])
    assert len(kept) == 5000
    assert last == Drop(id=f"{SOURCE}#5000", reason="duplicate")


def test_the_limit_counts_prompts_not_rows() -> None:
    found = prompts(["", "one", "one", None, "two", "three"], limit=2)
    assert [row.messages[0].content for row in found if isinstance(row, Prompt)] == ["one", "two"]
    assert len(found) == 5


def test_without_a_limit_every_row_is_read() -> None:
    assert len(prompts([str(number) for number in range(50)])) == 50


def test_a_wrong_column_is_an_error_that_names_the_columns_there_are() -> None:
    rows = [{"prompt": "Why?", "text": "x"}]
    with pytest.raises(DataError) as caught:
        list(read_prompts(rows, column="instruction", source=SOURCE, limit=None))
    assert caught.value.message == f"{SOURCE} has no column 'instruction'; it has 'prompt', 'text'."
    assert caught.value.remedy == "Name one of them as `column` under [prompts]."


def test_a_row_without_any_column_is_an_error_too() -> None:
    with pytest.raises(DataError, match="it has no columns"):
        list(read_prompts([{}], column="instruction", source=SOURCE, limit=None))


def test_no_row_is_read_before_it_is_needed_nor_after_the_limit() -> None:
    read = 0

    def endless() -> Iterator[dict[str, str]]:
        nonlocal read
        while True:
            read += 1
            yield {"q": f"Question {read}"}

    rows = read_prompts(endless(), column="q", source=SOURCE, limit=3)
    assert read == 0
    next(rows)
    assert read == 1
    assert len(list(rows)) == 2
    assert read <= 4
