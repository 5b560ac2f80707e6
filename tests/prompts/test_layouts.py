"""Prompts in the layouts that datasets have: read where they are clear, dropped with a name where they are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation.errors import DataError
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt

SOURCE = "acme/prompts@abc"
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def read(row: dict[str, Any], **columns: Any) -> Prompt | Drop:
    [prompt] = read_prompts([row], PromptColumns(**columns), source=SOURCE)
    return prompt


def turns(row: dict[str, Any], **columns: Any) -> list[str]:
    """Return the messages of a row, each as "role: content"."""
    prompt = read(row, **columns)
    assert isinstance(prompt, Prompt), prompt
    return [f"{message.role}: {message.content}" for message in prompt.messages]


def reason(row: dict[str, Any], **columns: Any) -> str:
    drop = read(row, **columns)
    assert isinstance(drop, Drop), drop
    return drop.reason


ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
BOTH = ["system: Be brief.", "user: Why?"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief.", "tool_calls": None}, {**ASK[1], "name": "ann", "loss": 0.5}],
        [{"role": "developer", "content": "Be brief.", "tool_calls": []}, {"role": "Human", "content": "Why?"}],
        [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Why?", "weight": None}],
        [ASK[0], {"role": "user", "content": [{"type": "text", "text": "Wh", "image_url": None}, {"text": "y?"}]}],
        [ASK[0], {"role": "user", "content": [{"type": "input_text", "text": "Why?"}], "images": []}],
        [{"role": "system", "content": " "}, *ASK, {"role": "system", "content": None}],
        {"messages": ASK},
        {"conversations": [{"from": "human", "value": "Why?"}], "system": "Be brief."},
        {"input": "Why?", "instructions": "Be brief."},
        json.dumps(ASK),
        str(ASK),
        str({"id": 1, "messages": ASK}),
        str([{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Why?"}]),
    ],
)
def test_messages_are_read_in_every_form(messages: object) -> None:
    assert turns({"instruction": messages}) == BOTH
    assert read({"instruction": messages}) == read({"instruction": ASK})


@pytest.mark.parametrize("message", [ASK[1], str(ASK[1]), json.dumps(ASK[1]), str({"from": "user", "value": "Why?"})])
def test_a_single_message_is_a_prompt(message: object) -> None:
    assert turns({"instruction": message}) == ["user: Why?"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (str(ASK)[:-9], "messages_as_text"),
        (json.dumps(ASK)[:-9], "messages_as_text"),
        ("[{'role': 'user', 'content': array(['a'])}]", "messages_as_text"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], "content_is_not_text"),
        ([{"role": "user", "content": 7}], "content_is_not_text"),
        ([{**ASK[1], "images": ["x.png"]}], "content_is_not_text"),
        ([{"from": "observation", "value": "42"}], "turn_of_a_tool"),
        ([{"role": "assistant", "content": None, "tool_calls": [WEATHER]}], "turn_of_a_tool"),
        ([{"role": "narrator", "content": "Once"}], "unknown_role"),
        ([{"role": 7, "content": "Once"}], "unknown_role"),
        ([{"role": "user", "text": "Why?"}], "not_a_string_or_messages"),
        ({"question": "Why?"}, "not_a_string_or_messages"),
        ({"messages": None}, "not_a_string_or_messages"),
        ([*ASK, {"role": "assistant", "content": "So."}], "does_not_end_with_the_user"),
        ([{"role": "system", "content": ""}], "empty"),
    ],
)
def test_each_kind_of_unreadable_value_has_its_own_reason(value: object, expected: str) -> None:
    assert reason({"instruction": value}) == expected


def test_a_question_about_messages_is_a_text() -> None:
    text = f"{json.dumps(ASK)} Is this valid JSON?"
    assert turns({"instruction": text}) == [f"user: {text}"]


def test_values_that_are_nested_too_deeply_are_dropped() -> None:
    value: Any = {"messages": ASK}
    for _ in range(5000):
        value = {"messages": value}
    assert reason({"instruction": value}) == "not_a_string_or_messages"


SHARED = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}, {"from": "human", "value": "Really?"}]


def test_sharegpt_is_read() -> None:
    expected = ["user: Why?", "assistant: So.", "user: Really?"]
    assert turns({"id": "1", "conversations": SHARED}) == expected
    assert turns({"conversations": SHARED, "system": "Be brief."}) == ["system: Be brief.", *expected]
    assert turns({"conversations": [{"from": "system", "value": "Rhyme."}, *SHARED], "system": "Be brief."})[0] == (
        "system: Rhyme."
    )
    assert turns({"talk": SHARED}, column="talk") == expected


def test_an_answer_at_the_end_is_left_out_if_the_config_says_so() -> None:
    answered = {"conversations": [*SHARED, {"from": "gpt", "value": "Yes."}, {"from": "gpt", "value": "Yes!"}]}
    assert reason(answered) == "does_not_end_with_the_user"
    assert turns(answered, leave_out_answers=True) == ["user: Why?", "assistant: So.", "user: Really?"]
    assert reason({"messages": [{"role": "assistant", "content": "Hi!"}]}, leave_out_answers=True) == "empty"


def test_alpaca_is_read_with_its_input() -> None:
    row = {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"}
    assert turns(row) == turns(row, column="instruction") == ["user: Translate.\n\nGuten Tag"]
    for nothing in ("", " \n", None, "Translate. ", ["x"]):
        assert turns({**row, "input": nothing}) == ["user: Translate."]
    # Where another column is the prompt, "input" is anything.
    assert turns({"question": "Why?", "input": "x"}, column="question") == ["user: Why?"]


def test_alpaca_with_a_system_text_and_earlier_turns_is_read() -> None:
    row = {"instruction": "And now?", "input": "", "system": "Be brief.", "history": [["Why?", "So."], ("How?", "So!")]}
    assert turns(row) == [
        "system: Be brief.",
        "user: Why?",
        "assistant: So.",
        "user: How?",
        "assistant: So!",
        "user: And now?",
    ]
    assert turns({**row, "history": None, "system": None}) == ["user: And now?"]
    assert reason({**row, "history": [["Why?"]]}) == "history_is_no_list_of_pairs"


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": ASK, "max_tokens": 9}},
        {"url": "/v1/responses", "body": {"input": "Why?", "instructions": "Be brief."}},
        {"url": "/v1/responses", "body": {"input": [{**ASK[1], "type": "message"}], "instructions": "Be brief."}},
        {"body": json.dumps({"messages": ASK})},
        {"params": {"system": "Be brief.", "messages": [ASK[1]]}},
        {"params": {"system": [{"type": "text", "text": "Be brief."}], "messages": [ASK[1]]}},
    ],
)
def test_requests_of_a_batch_are_read(request_: dict[str, Any]) -> None:
    assert turns({"custom_id": "1", **request_}) == BOTH


def test_tools_of_a_request_come_along() -> None:
    row = {"custom_id": "1", "body": {"messages": ASK, "tools": [WEATHER]}, "mine": "[]"}
    with_own_tools, with_named_column = read(row), read(row, tools_column="mine")
    assert isinstance(with_own_tools, Prompt)
    assert isinstance(with_named_column, Prompt)
    assert json.loads(with_own_tools.tools or "") == [WEATHER]
    assert with_named_column.tools is None


def test_a_request_to_no_chat_model_is_dropped_with_a_reason() -> None:
    row = {"custom_id": "1", "url": "/v1/embeddings", "body": {"model": "m", "input": "Why?"}}
    assert reason(row) == "no_request_to_a_chat_model"


def test_without_a_named_column_the_only_column_of_a_known_layout_is_read() -> None:
    assert turns({"id": 1, "prompt": "Why?"}) == turns({"messages": ASK[1:]}) == ["user: Why?"]
    for row in ({"prompt": "Why?", "messages": ASK}, {"question": "Why?"}, {"body": "Dear Ann, ..."}):
        with pytest.raises(DataError, match=r"has no column 'instruction'; it has '"):
            read(row)
    with pytest.raises(DataError, match=r"has no column 'instruction'; it has 'prompt'"):
        read({"prompt": "Why?"}, column="instruction")
