"""What prompts bring along as columns, and prompts as strings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.export import chat_template
from curation.types import Message, Prompt
from tests.derive.stores import (
    EVERY,
    TRAINED,
    Store,
    derived,
    given,
    make_config,
    published,
    question,
)
from tests.rows import make_prompt, make_set

pytestmark = pytest.mark.slow


def test_what_every_prompt_brings_along_is_a_column_and_what_some_lack_is_left_out_and_said(tmp_path: Path) -> None:
    store = Store()
    for number, category in enumerate(["science", None, "art"]):
        prompt = given(
            make_prompt(question(number)),
            tools='[{"type": "function"}]',
            chat_template_kwargs=json.dumps({"thinking": bool(number)}),
            category=category,
        )
        store.add("a", prompt=prompt)
    result = derived(store, tmp_path)
    assert result.omitted == {"category": "not every prompt has it"}
    for name in TRAINED:
        rows = published(tmp_path / "out", name)
        assert {row["tools"] for row in rows} == {'[{"type": "function"}]'}
        assert {bool(row["chat_template_kwargs"]["thinking"]) for row in rows} == {True, False}
        assert not any("category" in row or "subcategory" in row for row in rows)


@pytest.mark.parametrize("kwargs", [{"other": True}, {"thinking": "yes"}, {"thinking": True, "more": 1}])
def test_keyword_arguments_of_different_kinds_cannot_be_one_column(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    store = Store()
    for number, value in enumerate([{"thinking": True}, kwargs]):
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=json.dumps(value)))
    result = derived(store, tmp_path)
    assert result.omitted == {"chat_template_kwargs": "its keys or their types differ between prompts"}
    assert not any("chat_template_kwargs" in row for row in published(tmp_path / "out", "dpo"))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"a": {}},
        {"l": [{}]},
        {"n": 2**70},
        {"l": [1, "x"]},
        {"l": [1, 0.5]},
        {"documents": [{"t": "x"}, {"u": 1}]},
    ],
)
def test_keyword_arguments_that_parquet_would_change_or_refuse_are_left_out_and_said(
    tmp_path: Path, kwargs: dict[str, Any]
) -> None:
    store = Store()
    for number in range(2):
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=json.dumps(kwargs)))
    result = derived(store, tmp_path)
    assert result.omitted == {"chat_template_kwargs": "Parquet cannot hold its values as they are"}
    assert [row.get("chat_template_kwargs") for row in published(tmp_path / "out", "dpo")] == [None] * 2


def test_one_value_that_parquet_would_change_leaves_the_column_out(tmp_path: Path) -> None:
    store = Store()
    for number, documents in enumerate([[{"t": "x", "u": 1}], [{"t": "x"}, {"u": 1}]]):
        kwargs = json.dumps({"documents": documents})
        store.add("a", prompt=given(make_prompt(question(number)), chat_template_kwargs=kwargs))
    result = derived(store, tmp_path)
    assert result.omitted == {"chat_template_kwargs": "Parquet cannot hold its values as they are"}


@pytest.mark.parametrize(
    "kwargs",
    [
        {"documents": []},
        {"l": [[], [1]]},
        {"a b": True, "a.b": None, "n": -1, "x": 1e300},
        {"documents": [{"t": "x", "u": [{"v": "2024-01-01"}]}] * 2},
    ],
)
def test_keyword_arguments_are_published_as_they_are(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    store = Store()
    store.add("a", prompt=given(make_prompt(question(0)), chat_template_kwargs=json.dumps(kwargs)))
    result = derived(store, tmp_path)
    assert result.omitted == {}
    assert [row["chat_template_kwargs"] for row in published(tmp_path / "out", "dpo")] == [kwargs]


def test_plain_strings_are_prompts_of_one_message_alone(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["Good.", "Bad."], prompt=make_prompt("Why?"))
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.add("a", prompt=Prompt(id=ids.prompt_id(turns), messages=turns, source="s"))
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY, "conversational": False}))
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {
        name: {"conversation": 1} for name in TRAINED
    }
    [dpo], [sft] = (published(tmp_path / "out", name) for name in ("dpo", "sft"))
    assert (dpo["prompt"], dpo["chosen"], dpo["rejected"]) == ("Why?", "Good.", "Bad.")
    assert (sft["prompt"], sft["completion"]) == ("Why?", "Good.")
    assert all(isinstance(row["prompt"], list) for row in published(tmp_path / "out", "raw"))


@pytest.mark.parametrize("conversational", [True, False])
def test_a_conversation_that_nobody_was_shown_yet_is_not_shown_whatever_the_rows_are(
    tmp_path: Path, *, conversational: bool
) -> None:
    store = Store()
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.sets.append(make_set(Prompt(id=ids.prompt_id(turns), messages=turns, source="s"), (None, None)))
    config = make_config(publish={"formats": EVERY, "conversational": conversational})
    assert derived(store, tmp_path, config).tally.unshown == {"not_pushed": 1}
    assert [row["dropped"] for row in published(tmp_path / "out", "raw")] == [["not_pushed"]]


class Bracketed:
    """A tokenizer whose template is a few brackets."""

    bos_token = eos_token = None

    def apply_chat_template(
        self, turns: Iterable[dict[str, str]], *, add_generation_prompt: bool = False, **options: Any
    ) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>" * add_generation_prompt


def test_a_template_makes_strings_of_conversations_of_any_length(tmp_path: Path) -> None:
    store = Store()
    turns = (Message(role="system", content="Be brief."), Message(role="user", content="Why not?"))
    store.add("a", texts=["Good.", "Bad."], prompt=Prompt(id=ids.prompt_id(turns), messages=turns, source="s"))
    result = derived(store, tmp_path, render=chat_template(Bracketed()))
    [dpo] = published(tmp_path / "out", "dpo")
    assert (dpo["prompt"], dpo["chosen"]) == ("<system>Be brief.<user>Why not?<assistant>", "Good.")
    assert result.tally.dropped["dpo"] == {}
