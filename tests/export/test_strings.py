"""Conversations as strings: the texts alone, or what a chat template makes of them: TRL's own function agrees."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pytest

from curation.errors import DataError
from curation.export import as_strings, chat_template, plain
from curation.types import Message
from tests.export.test_columns import GIVEN, tables
from tests.train.trainers import library

needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None or find_spec("tokenizers") is None, reason="transformers is missing"
)
needs_trl = pytest.mark.skipif(find_spec("trl") is None or find_spec("torch") is None, reason="TRL is missing")
CONFIGS = ("dpo", "reward", "kto", "sft")
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
GENEROUS = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}{% if thinking %}<|think|>{% endif %}" + TEMPLATE
)
FORGETFUL = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{{ message['content'] if loop.last else message['content'].split('</think>')[-1] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PICKY = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
QUESTION = [Message(role="user", content="Why?")]
ANSWER = Message(role="assistant", content="Because.")


def tokenizer(template: str = TEMPLATE) -> Any:
    """Return a tokenizer of nothing but its chat template."""
    transformers, tokenizers = library("transformers"), library("tokenizers")
    chat_tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE())
    )
    chat_tokenizer.chat_template = template
    return chat_tokenizer


def with_tools() -> dict[str, Any]:
    return tables({**GIVEN, "tools": pa.array([json.dumps(TOOLS)] * 2)})


@pytest.mark.parametrize("config", ["dpo", "reward", "kto"])
def test_a_single_turn_is_its_text_and_all_other_columns_stay(config: str) -> None:
    table = tables(GIVEN, margin=True)[config]
    strings = as_strings(table, plain)
    answers = [name for name in ("chosen", "rejected", "completion") if name in table.column_names]
    assert strings.column_names[: 1 + len(answers)] == ["prompt", *answers]
    assert all(
        strings.schema.field(name) == pa.field(name, pa.string(), nullable=False) for name in ["prompt", *answers]
    )
    for before, after in zip(table.to_pylist(), strings.to_pylist(), strict=True):
        texts = {name: before[name][0]["content"] for name in ("prompt", *answers)}
        assert after == {**before, **texts}
    assert strings["prompt"].to_pylist() == ["Second?", "First?"]


def test_messages_become_a_prompt_and_a_completion() -> None:
    table = tables({})["sft"]
    strings = as_strings(table, plain)
    assert strings.column_names == [
        "prompt",
        "completion",
        *(name for name in table.column_names if name != "messages"),
    ]
    assert strings["prompt"].to_pylist() == ["Second?", "First?"]
    assert strings["completion"].to_pylist() == [row["messages"][-1]["content"] for row in table.to_pylist()]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_table_without_rows_has_the_columns_of_one_with_rows(config: str) -> None:
    table = tables(GIVEN)[config]
    assert as_strings(table.slice(0, 0), plain).schema == as_strings(table, plain).schema


@pytest.mark.slow
@needs_transformers
def test_the_prompt_ends_where_the_assistant_begins_to_speak() -> None:
    render = chat_template(tokenizer())
    assert render(QUESTION, ANSWER, {}) == ("<|user|>Why?<|end|><|assistant|>", "Because.<|end|>")


@needs_transformers
@needs_trl
@pytest.mark.train
@pytest.mark.parametrize("template", [TEMPLATE, GENEROUS])
@pytest.mark.parametrize("config", CONFIGS)
def test_strings_are_what_trl_makes_of_the_conversations(config: str, template: str) -> None:
    apply = library("trl.data_utils").apply_chat_template
    table, chat_tokenizer = with_tools()[config], tokenizer(template)
    expected = []
    for row in table.to_pylist():
        layout = ("prompt", "chosen", "rejected", "completion", "label", "chat_template_kwargs")
        example = {name: row[name] for name in layout if name in row}
        if config == "sft":
            example |= {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
        expected.append(apply(example, chat_tokenizer, tools=json.loads(row["tools"])))
    strings = as_strings(table, chat_template(chat_tokenizer)).to_pylist()
    assert [{name: row[name] for name in texts} for row, texts in zip(strings, expected, strict=True)] == expected
    assert [("<|tools|>" in row["prompt"], "<|think|>" in row["prompt"]) for row in strings] == (
        [(True, False), (True, True)] if template == GENEROUS else [(False, False)] * 2
    )


@pytest.mark.slow
@needs_transformers
def test_what_trl_tokenises_is_the_concatenation_of_both_strings() -> None:
    table, chat_tokenizer = with_tools()["sft"], tokenizer(GENEROUS)
    strings = as_strings(table, chat_template(chat_tokenizer)).to_pylist()
    for row, texts in zip(table.to_pylist(), strings, strict=True):
        whole = chat_tokenizer.apply_chat_template(
            row["messages"], tools=TOOLS, tokenize=False, **row["chat_template_kwargs"]
        )
        assert texts["prompt"] + texts["completion"] == whole


@pytest.mark.slow
@needs_transformers
@pytest.mark.parametrize("adds_it_itself", [True, False])
def test_what_is_tokenised_begins_once_with_the_token_of_the_beginning(adds_it_itself: bool) -> None:
    chat_tokenizer = tokenizer("<s>" + TEMPLATE)
    chat_tokenizer.add_special_tokens({"bos_token": "<s>"})
    if adds_it_itself:
        process = library("tokenizers").processors.TemplateProcessing
        special = [("<s>", chat_tokenizer.bos_token_id)]
        chat_tokenizer.backend_tokenizer.post_processor = process(single="<s> $A", special_tokens=special)
    prompt, answer = chat_template(chat_tokenizer)(QUESTION, ANSWER, {})
    assert (prompt.count("<s>"), answer) == (0 if adds_it_itself else 1, "Because.<|end|>")
    assert chat_tokenizer(prompt + answer)["input_ids"].count(chat_tokenizer.bos_token_id) == 1


@needs_transformers
def test_a_template_that_rewrites_the_prompt_once_it_is_answered_is_an_error() -> None:
    render = chat_template(tokenizer(FORGETFUL))
    asked = [Message(role="user", content="Say <think>hm</think> why")]
    with pytest.raises(DataError, match="writes a prompt in another way once an answer follows it") as caught:
        render(asked, ANSWER, {})
    assert caught.value.remedy
    assert render(QUESTION, ANSWER, {})[1] == "Because.<|end|>"


@needs_transformers
def test_a_conversation_that_the_template_does_not_take_is_an_error() -> None:
    asked = [Message(role="system", content="Be brief."), *QUESTION]
    with pytest.raises(DataError, match="does not take a conversation: no system role") as caught:
        chat_template(tokenizer(PICKY))(asked, ANSWER, {})
    assert caught.value.remedy
