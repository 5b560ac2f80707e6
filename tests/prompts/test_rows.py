"""One raw value is one prompt or one reason; nothing in between, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from curation import ids
from curation.errors import DataError
from curation.prompts import read_prompt
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Message, Prompt

SOURCE = "acme/prompts@abc"


def turns(*messages: str) -> list[dict[str, str]]:
    """Return messages written as "role: content"."""
    return [dict(zip(("role", "content"), message.split(": ", 1), strict=True)) for message in messages]


def prompts(values: list[Any], *, limit: int | None = None) -> list[Prompt | Drop]:
    columns = PromptColumns(column="q", limit=limit)
    return list(read_prompts(({"q": value} for value in values), columns, source=SOURCE))


def test_a_string_is_a_prompt_of_one_user_message() -> None:
    messages = (Message(role="user", content="Why?"),)
    expected = Prompt(id=ids.prompt_id(messages), messages=messages, source=SOURCE)
    assert read_prompt("Why?", source=SOURCE, position=0) == expected


def test_a_list_of_messages_is_a_prompt() -> None:
    value = turns("system: Be brief.", "user: Why?", "assistant: Because.", "user: Really?")
    prompt = read_prompt(value, source=SOURCE, position=0)
    assert isinstance(prompt, Prompt)
    assert [message.model_dump() for message in prompt.messages] == value


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
        (["Why?"], "not_a_string_or_messages"),
        (turns("user: Why?", "tool: 42"), "turn_of_a_tool"),
        ([{"role": "user"}], "not_a_string_or_messages"),
        ([{"role": "user", "content": None}], "empty"),
    ],
)
def test_a_row_that_is_no_prompt_is_dropped_with_a_reason_and_its_number(value: object, reason: str) -> None:
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
    prompt = read_prompt(text, source=SOURCE, position=0)
    assert isinstance(prompt, Prompt)
    assert prompt.messages[-1].content.encode() == text.encode()


def test_a_prompt_that_differs_only_in_blanks_line_ends_or_unicode_form_is_a_duplicate() -> None:
    results = prompts(["e\u0301tude\n?", " étude\n?  ", "étude\r\n?", "Étude\n?"])
    assert [getattr(row, "reason", "kept") for row in results] == ["kept", "duplicate", "duplicate", "kept"]


def test_a_duplicate_is_noticed_however_many_rows_later() -> None:
    values = [str(number) for number in range(5000)]
    *earlier, last = prompts([*values, "0"])
    assert len(earlier) == 5000
    assert last == Drop(id=f"{SOURCE}#5000", reason="duplicate")


def test_the_limit_counts_prompts_not_rows() -> None:
    results = prompts(["", "one", "one", None, "two", "three"], limit=2)
    assert [row.messages[0].content for row in results if isinstance(row, Prompt)] == ["one", "two"]
    assert len(results) == 5


def test_without_a_limit_every_row_is_read() -> None:
    assert len(prompts([str(number) for number in range(50)])) == 50


def test_a_wrong_column_is_an_error_that_names_the_columns_that_exist() -> None:
    rows = [{"question": "Why?", "text": "x"}]
    with pytest.raises(DataError) as caught:
        list(read_prompts(rows, PromptColumns(), source=SOURCE))
    assert caught.value.message == f"{SOURCE} has no column 'instruction'; it has 'question', 'text'."
    assert caught.value.remedy == "Name columns of the source under [prompts]."


def test_a_row_without_any_column_is_an_error_too() -> None:
    with pytest.raises(DataError, match="it has no columns"):
        list(read_prompts([{}], PromptColumns(), source=SOURCE))


def test_rows_are_read_when_they_are_needed_and_not_after_the_limit() -> None:
    read = 0

    def endless() -> Iterator[dict[str, str]]:
        nonlocal read
        while True:
            read += 1
            yield {"q": f"Question {read}"}

    rows = read_prompts(endless(), PromptColumns(column="q", limit=3), source=SOURCE)
    assert read == 0
    next(rows)
    assert read == 1
    assert len(list(rows)) == 2
    assert read <= 4


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
EVERY_COLUMN = PromptColumns(
    column="q",
    tools_column="functions",
    chat_template_kwargs_column="options",
    category_column="topic",
    subcategory_column="detail",
)


def with_extras(**extras: object) -> Prompt | Drop:
    return read_prompt("Why?", source=SOURCE, position=7, extras=extras)


def test_only_named_columns_are_read() -> None:
    assert PromptColumns().extras == {}
    assert EVERY_COLUMN.extras == {
        "tools": "functions",
        "chat_template_kwargs": "options",
        "category": "topic",
        "subcategory": "detail",
    }
    row = {"q": "Why?", "tools": [WEATHER], "category": "science"}
    [prompt] = read_prompts([row], PromptColumns(column="q"), source=SOURCE)
    assert isinstance(prompt, Prompt)
    assert (prompt.tools, prompt.category) == (None, None)


def test_the_named_columns_fill_the_fields_of_the_prompt() -> None:
    row = {"q": "Why?", "functions": [WEATHER], "options": {"thinking": False}, "topic": "science", "detail": 4}
    [prompt] = read_prompts([row], EVERY_COLUMN, source=SOURCE)
    assert isinstance(prompt, Prompt)
    assert json.loads(prompt.tools or "") == [WEATHER]
    assert prompt.chat_template_kwargs == '{"thinking": false}'
    assert (prompt.category, prompt.subcategory) == ("science", "4")


def test_a_missing_extra_column_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match="has no column 'topic'; it has 'q', 'functions', 'options'"):
        list(read_prompts([{"q": "Why?", "functions": None, "options": None}], EVERY_COLUMN, source=SOURCE))


@pytest.mark.parametrize("value", [None, "", "  \n", [], {}, "[]", "{}", "null", '""'])
@pytest.mark.parametrize("name", ["tools", "chat_template_kwargs"])
def test_an_empty_value_of_an_extra_column_is_null(name: str, value: object) -> None:
    prompt = with_extras(**{name: value})
    assert isinstance(prompt, Prompt)
    assert getattr(prompt, name) is None
    assert prompt.id == ids.prompt_id(prompt.messages)


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_blank_category_is_null(value: object) -> None:
    prompt = with_extras(category=value, subcategory=value)
    assert isinstance(prompt, Prompt)
    assert (prompt.category, prompt.subcategory) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("tools", "{", "tools_is_not_a_list_of_objects"),
        ("tools", WEATHER, "tools_is_not_a_list_of_objects"),
        ("tools", json.dumps(WEATHER), "tools_is_not_a_list_of_objects"),
        ("tools", ["weather"], "tools_is_not_a_list_of_objects"),
        ("tools", [WEATHER, None], "tools_is_not_a_list_of_objects"),
        ("tools", 0, "tools_is_not_a_list_of_objects"),
        ("chat_template_kwargs", [WEATHER], "chat_template_kwargs_is_not_an_object"),
        ("chat_template_kwargs", "thinking", "chat_template_kwargs_is_not_an_object"),
        ("chat_template_kwargs", False, "chat_template_kwargs_is_not_an_object"),
        ("chat_template_kwargs", {"key": b"bytes"}, "chat_template_kwargs_is_not_an_object"),
        ("category", "NUL \0", "nul_or_surrogate_characters"),
        ("subcategory", "lone \ud83d", "nul_or_surrogate_characters"),
        ("tools", '[{"name": "\\ud83d"}]', "nul_or_surrogate_characters"),
    ],
)
def test_a_value_that_no_trainer_could_use_drops_the_prompt(name: str, value: object, reason: str) -> None:
    assert with_extras(**{name: value}) == Drop(id=f"{SOURCE}#7", reason=reason)


@pytest.mark.parametrize("name", ["tools", "chat_template_kwargs"])
def test_json_text_and_parquet_values_with_extra_nulls_are_the_same(name: str) -> None:
    plain: Any = {"a": {"b": [{"c": 1}]}, "z": "ü"}
    padded: Any = {"z": "ü", "n": None, "a": {"m": None, "b": [{"c": 1, "d": None}]}}
    if name == "tools":
        plain, padded = [plain], [padded]
    prompt = with_extras(**{name: plain})
    assert prompt == with_extras(**{name: padded}) == with_extras(**{name: f" {json.dumps(plain)}"})
    assert isinstance(prompt, Prompt)
    assert json.loads(getattr(prompt, name)) == plain


def test_an_object_whose_values_are_all_null_is_null() -> None:
    prompt = with_extras(chat_template_kwargs={"thinking": None})
    assert isinstance(prompt, Prompt)
    assert prompt.chat_template_kwargs is None


def test_other_tools_or_options_make_another_prompt_and_another_category_does_not() -> None:
    other = {**WEATHER, "type": "other"}
    texts = [
        with_extras(tools=[WEATHER]),
        with_extras(tools=[other]),
        with_extras(chat_template_kwargs={"thinking": True}),
        with_extras(tools=[WEATHER], chat_template_kwargs={"thinking": True}),
        with_extras(),
    ]
    assert len({prompt.id for prompt in texts}) == len(texts)
    assert with_extras(category="science").id == with_extras(category="art").id == with_extras().id


def test_the_reason_of_a_faulty_question_does_not_depend_on_its_extra_columns() -> None:
    drop = read_prompt("", source=SOURCE, position=7, extras={"tools": "{"})
    assert drop == Drop(id=f"{SOURCE}#7", reason="empty")
