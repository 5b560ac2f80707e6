"""Prompts that are a list: in a launch script, or in the TOML file."""

from __future__ import annotations

from typing import Any

import pytest

from curation.config import parse_config
from curation.errors import ConfigError, DataError
from curation.prompts import ListPrompts
from curation.types import Drop, Prompt

NOWHERE = "http://127.0.0.1:9"
MESSAGES = [
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": "So."},
    {"role": "user", "content": "?"},
]


def read(prompts: ListPrompts) -> list[Prompt | Drop]:
    source = prompts.resolve(endpoint=NOWHERE, token=None)
    return list(prompts.load(source, endpoint=NOWHERE, token=None))


def test_texts_messages_and_rows_are_prompts_and_all_else_is_dropped() -> None:
    rows = ("How?", MESSAGES, {"instruction": "Where?", "kind": "geography"}, "How?", "  ", 7)
    prompts = read(ListPrompts(rows=rows))
    texts = [prompt.messages[-1].content for prompt in prompts if isinstance(prompt, Prompt)]
    assert texts == ["How?", "?", "Where?"]
    assert [drop.reason for drop in prompts if isinstance(drop, Drop)] == [
        "duplicate",
        "empty",
        "not_a_string_or_messages",
    ]


def test_the_named_columns_of_a_row_come_with_its_prompt() -> None:
    [prompt] = read(
        ListPrompts(rows=({"question": "Where?", "kind": "maps"},), column="question", category_column="kind")
    )
    assert isinstance(prompt, Prompt)
    assert (prompt.messages[-1].content, prompt.category) == ("Where?", "maps")
    with pytest.raises(DataError, match="kind"):
        read(ListPrompts(rows=({"question": "Where?"},), column="question", category_column="kind"))


def test_the_source_changes_with_the_prompts_and_only_with_them() -> None:
    def source(*rows: str) -> str:
        return ListPrompts(rows=rows).resolve(endpoint=NOWHERE, token=None)

    assert source("How?", "Why?") == source("How?", "Why?")
    assert source("How?", "Why?") != source("Why?", "How?")
    assert source("How?").startswith("list@")
    assert len(source("How?")) == len("list@") + 16


def test_a_list_can_be_written_in_the_toml_file_and_must_not_be_empty() -> None:
    values: dict[str, Any] = {
        "name": "x",
        "prompts": {"type": "list", "rows": ["How?", MESSAGES]},
        "generators": [{"model_id": "a"}, {"model_id": "b"}],
        "publish": {"repo_id": "a/b"},
        "store": {"repo_id": "a/c"},
    }
    assert parse_config(values).prompts == ListPrompts(rows=("How?", MESSAGES))
    with pytest.raises(ConfigError, match=r"prompts\.rows: must have 1 or more entries, not 0\."):
        parse_config({**values, "prompts": {"type": "list", "rows": []}})
