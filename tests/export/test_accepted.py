"""What TRL refuses or misreads is named before it is published, and what it trains on has no faults."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from curation.export import as_strings, faults, plain
from tests.export.test_columns import GIVEN, tables

CONFIGS = ("dpo", "reward", "kto", "sft")
CLEAN = tables(GIVEN, margin=True)


def told(config: str, table: Any) -> list[str]:
    return list(faults(config, table))


def with_column(config: str, name: str, values: Any, *, table: Any = None) -> Any:
    """Return a clean table with a column put in the place of another, or added."""
    table = CLEAN[config] if table is None else table
    values = values if isinstance(values, pa.Array) else pa.array(values)
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def with_turns(config: str, name: str, *conversations: list[tuple[str, str]]) -> Any:
    """Return a clean table with these conversations, as (role, content), in one of its columns."""
    turns = [[{"role": role, "content": content} for role, content in turns] for turns in conversations]
    kind = CLEAN[config].schema.field(name).type
    return with_column(config, name, pa.array(turns, kind))


@pytest.mark.parametrize("config", CONFIGS)
def test_clean_conversations_and_strings_have_no_faults(config: str) -> None:
    assert told(config, CLEAN[config]) == []
    assert told(config, CLEAN[config].slice(0, 0)) == []
    assert told(config, as_strings(CLEAN[config], plain)) == []


@pytest.mark.parametrize("config", ["dpo", "reward", "sft"])
def test_rows_of_pairs_may_stand_twice(config: str) -> None:
    assert told(config, pa.concat_tables([CLEAN[config], CLEAN[config]])) == []


@pytest.mark.parametrize("strings", [False, True])
@pytest.mark.parametrize("with_id", [False, True])
def test_a_completion_that_stands_twice_or_with_both_labels_is_named(strings: bool, with_id: bool) -> None:
    table = as_strings(CLEAN["kto"], plain) if strings else CLEAN["kto"]
    table = table if with_id else table.drop_columns(["prompt_id"])
    twice = pa.concat_tables([table, table.slice(0, 1)])
    assert told("kto", twice) == ["kto has 1 completions that stand twice"]
    other_way = with_column("kto", "label", [not label for label in table["label"].to_pylist()], table=table)
    opposite = other_way.cast(table.schema)
    assert told("kto", pa.concat_tables([table, opposite])) == ["kto has 2 completions with both labels"]
    assert told("kto", pa.concat_tables([table, opposite.slice(0, 1), table.slice(1)])) == [
        "kto has 1 completions with both labels",
        "kto has 1 completions that stand twice",
    ]


def test_the_same_completion_of_other_prompts_stands_once() -> None:
    same = with_turns("kto", "completion", [("assistant", "Yes.")], [("assistant", "Yes.")])
    assert told("kto", same) == []


def test_raw_is_not_trained_on_and_has_none() -> None:
    assert told("raw", pa.table({"messages": [None], "label": ["x"]})) == []


@pytest.mark.parametrize("trap", ["image", "images", "text", "messages", "label", "completion", "margin"])
def test_a_column_of_another_layout_is_named_in_pairs(trap: str) -> None:
    expected = [f"dpo has a column {trap!r}, which a trainer would take for something else"]
    assert [fault for fault in told("dpo", with_column("dpo", trap, ["x", "y"])) if "column" in fault] == expected


def test_the_margin_is_the_reward_models_alone() -> None:
    assert "margin" in CLEAN["reward"].column_names
    assert told("reward", CLEAN["reward"]) == []
    assert told("kto", with_column("kto", "margin", [1.0, 1.0])) == [
        "kto has a column 'margin', which a trainer would take for something else"
    ]


def test_messages_beside_a_prompt_are_named() -> None:
    assert "sft has a column 'prompt', which a trainer would take for something else" in told(
        "sft", with_column("sft", "prompt", ["x", "y"])
    )
    assert "kto has a column 'messages', which a trainer would take for something else" in told(
        "kto", with_column("kto", "messages", ["x", "y"])
    )


@pytest.mark.parametrize(
    ("config", "column"),
    [
        ("dpo", "prompt"),
        ("dpo", "rejected"),
        ("reward", "chosen"),
        ("kto", "prompt"),
        ("kto", "completion"),
        ("kto", "label"),
        ("sft", "messages"),
    ],
)
def test_a_column_that_is_missing_is_named(config: str, column: str) -> None:
    assert told(config, CLEAN[config].drop_columns([column])) == [f"{config} has no column {column!r}"]


def test_a_text_that_is_missing_beside_others_is_named() -> None:
    strings = as_strings(CLEAN["sft"], plain)
    assert told("sft", strings.drop_columns(["completion"])) == ["sft has no column 'completion'"]


@pytest.mark.parametrize("labels", [["true", "false"], [True, None], [1, 0]])
def test_labels_that_are_not_true_or_false_are_named(labels: list[Any]) -> None:
    assert told("kto", with_column("kto", "label", labels)) == ["kto has labels that are not true or false"]


def test_a_null_or_empty_extra_is_named() -> None:
    for values in ([None, "[1]"], ["", "[1]"], ["  ", "[1]"]):
        assert told("dpo", with_column("dpo", "tools", values)) == ["dpo has rows without tools, while others have it"]
    assert told("sft", with_column("sft", "chat_template_kwargs", [{"thinking": True}, None])) == [
        "sft has rows without chat_template_kwargs, while others have it"
    ]


@pytest.mark.parametrize(
    ("config", "column"),
    [("dpo", "prompt"), ("dpo", "chosen"), ("reward", "rejected"), ("kto", "completion"), ("sft", "messages")],
)
def test_an_empty_text_is_named(config: str, column: str) -> None:
    role = "user" if column == "prompt" else "assistant"
    blank = with_turns(config, column, [(role, "fine")], [(role, " \n")])
    assert told(config, blank) == [f"{config} has 1 rows whose {column} is empty"]
    strings = as_strings(CLEAN[config], plain)
    name = "completion" if column == "messages" else column
    assert told(config, with_column(config, name, ["fine", " \t"], table=strings)) == [
        f"{config} has 1 rows whose {name} is empty"
    ]


@pytest.mark.parametrize("column", ["prompt", "chosen"])
def test_a_conversation_without_a_turn_is_empty_wherever_it_stands(column: str) -> None:
    role = "user" if column == "prompt" else "assistant"
    for turns in ([[], [(role, "fine")]], [[(role, "fine")], []]):
        assert f"dpo has 1 rows whose {column} is empty" in told("dpo", with_turns("dpo", column, *turns))
    kind = CLEAN["dpo"].schema.field(column).type
    fine = [{"role": role, "content": "fine"}]
    for values in ([None, fine], [fine, None]):
        table = with_column("dpo", column, pa.array(values, kind))
        assert f"dpo has 1 rows whose {column} is empty" in told("dpo", table)


def test_a_prompt_that_ends_with_the_assistant_and_an_answer_of_the_user_are_named() -> None:
    prompt = with_turns("kto", "prompt", [("user", "A?"), ("assistant", "B.")], [("user", "C?")])
    assert told("kto", prompt) == ["kto has 1 rows whose prompt does not end with the user"]
    answer = with_turns("kto", "completion", [("user", "A?")], [("user", "B?")])
    assert told("kto", answer) == ["kto has 2 rows whose completion does not end with the assistant"]
    messages = with_turns("sft", "messages", [("user", "A?"), ("assistant", "B.")], [("user", "C?")])
    assert told("sft", messages) == ["sft has 1 rows whose messages does not end with the assistant"]


def test_the_last_turn_is_looked_at_and_no_other() -> None:
    fine = with_turns(
        "dpo", "prompt", [("system", ""), ("user", "A?")], [("user", ""), ("assistant", ""), ("user", "B?")]
    )
    assert told("dpo", fine) == []


def test_a_whole_conversation_in_the_place_of_an_answer_is_named() -> None:
    table = with_turns("dpo", "chosen", [("user", "A?"), ("assistant", "B.")], [("assistant", "C.")])
    assert told("dpo", table) == ["dpo has 1 rows whose chosen is more than one turn: the prompt would be read twice"]


def test_a_text_beside_conversations_is_named() -> None:
    assert told("dpo", with_column("dpo", "prompt", ["A?", "B?"])) == ["dpo has texts beside conversations"]
    assert told("dpo", with_column("dpo", "chosen", ["A.", "B."])) == ["dpo has texts beside conversations"]


def test_the_same_answer_on_both_sides_is_named() -> None:
    for table in (CLEAN["dpo"], as_strings(CLEAN["dpo"], plain)):
        chosen, rejected = table["chosen"].combine_chunks(), table["rejected"].combine_chunks()
        one_same = with_column("dpo", "rejected", pa.concat_arrays([rejected[:1], chosen[1:]]), table=table)
        assert told("dpo", one_same) == ["dpo has 1 rows whose chosen and rejected are the same"]


def test_every_fault_of_a_table_is_told() -> None:
    table = with_column("dpo", "label", [1, 2], table=with_turns("dpo", "chosen", [], []))
    assert len(told("dpo", table)) == 3
