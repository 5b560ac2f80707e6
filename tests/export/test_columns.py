"""What prompts bring along is published beside every config's own columns, if it is given, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from curation.export import (
    EXTRAS,
    PASSAGE_COLUMNS,
    CompletionExporter,
    Exporter,
    PairExporter,
    SupervisedExporter,
    published_table,
    with_answers,
)
from curation.prompts.rows import EXTRAS as READ
from curation.types import Passage, Prompt
from tests.rows import make_candidate, make_prompt, make_verdict
from tests.scored_sets import Record, make_scored, no_faults

GIVEN = {
    "tools": pa.array(["[1]", "[2]"]),
    "chat_template_kwargs": pa.array([{"thinking": True}, {"thinking": False}]),
    "category": pa.array(["science", "art"]),
}


def tables(extras: dict[str, Any], *, margin: bool = False, thinking: bool = False) -> dict[str, Any]:
    """Return the table of each config with a row of the second prompt, then one of the first."""
    records = [
        Record(
            make_verdict(1.0, 0.0),
            [
                make_candidate(prompt, f"{prompt.id}{name}", generator=name).model_copy(update={"thinking": thought})
                for name, thought in (("a", f"About {prompt.messages[0].content}"), ("b", None))
            ],
            prompt=prompt,
        )
        for prompt in (make_prompt("First?"), make_prompt("Second?"))
    ]
    texts = {
        name: [json.dumps(value) if isinstance(value, dict) else value for value in values.to_pylist()]
        for name, values in extras.items()
    }
    scored = make_scored(*records, columns=texts)
    pairs = PairExporter("dpo", 0.25, no_faults)
    exporters: tuple[Exporter, ...] = (
        pairs,
        replace(pairs, name="reward", margin=margin),
        CompletionExporter(),
        SupervisedExporter(pairs.rows(scored)),
    )
    by_config = {}
    for exporter in exporters:
        rows = with_answers(exporter, exporter.rows(scored).frame, scored)
        good = rows.filter("label") if "label" in rows.columns else rows
        types = {name: values.type for name, values in extras.items()}
        second_first = good.sort("set_no", descending=True)
        by_config[exporter.name] = published_table(exporter, second_first, extras=types, thinking=thinking)
    return by_config


CONFIGS = tuple(tables({}))
THOUGHTS = {
    "dpo": ["chosen_thinking", "rejected_thinking"],
    "reward": ["chosen_thinking", "rejected_thinking"],
    "kto": ["completion_thinking"],
    "sft": ["thinking"],
}


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_extras_come_last_with_the_value_of_the_rows_prompt_and_are_never_null(config: str) -> None:
    table, bare = tables(GIVEN)[config], tables({})[config]
    assert table.column_names == [*bare.column_names, *GIVEN]
    assert table.select(list(GIVEN)).to_pylist() == [
        {"tools": "[2]", "chat_template_kwargs": {"thinking": False}, "category": "art"},
        {"tools": "[1]", "chat_template_kwargs": {"thinking": True}, "category": "science"},
    ]
    assert not any(table.schema.field(name).nullable for name in GIVEN)
    assert table.select(bare.column_names).equals(bare)


@pytest.mark.parametrize("config", CONFIGS)
def test_without_extras_there_is_no_column_of_them(config: str) -> None:
    assert not set(EXTRAS) & set(tables({})[config].column_names)


def test_a_margin_and_extras_are_there_together() -> None:
    by_config = tables(GIVEN, margin=True)
    assert by_config["reward"].column_names[-4:] == ["margin", *GIVEN]
    assert "margin" not in by_config["dpo"].column_names


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS)
def test_what_models_thought_has_a_column_for_each_answer_only_if_it_is_kept(config: str) -> None:
    table, bare = tables(GIVEN, thinking=True)[config], tables(GIVEN)[config]
    thoughts = THOUGHTS[config]
    assert sorted(table.column_names) == sorted([*bare.column_names, *thoughts])
    assert not {"thinking", *thoughts} & set(bare.column_names)
    assert table[thoughts[0]].to_pylist() == ["About Second?", "About First?"]
    assert [table[name].to_pylist() for name in thoughts[1:]] == [[None, None]] * (len(thoughts) - 1)
    assert table.select(bare.column_names).equals(bare)


def test_what_is_published_is_what_a_prompt_can_bring_along() -> None:
    # Rows of a source bring along no passage: only questions about documents do.
    assert (*READ, "passage") == EXTRAS
    assert set(EXTRAS) == set(Prompt.model_fields) - {"id", "messages", "source", "language", "document"}
    assert set(PASSAGE_COLUMNS.values()) == set(Passage.model_fields) - {"language_name"}
