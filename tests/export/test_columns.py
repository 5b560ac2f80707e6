"""What prompts bring along is published beside every config's own columns, if it is given, and nowhere else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from curation.export import (
    EXTRAS,
    Columns,
    Demonstration,
    completions_of,
    pairs_of,
    preference_table,
    supervised_table,
    unpaired_table,
)
from curation.prompts.rows import EXTRAS as READ
from curation.types import Prompt
from tests.rows import make_candidate, make_columns, make_prompt, make_resolved, make_verdict

GIVEN = {
    "tools": pa.array(["[1]", "[2]"]),
    "chat_template_kwargs": pa.array([{"thinking": True}, {"thinking": False}]),
    "category": pa.array(["science", "art"]),
}


def tables(extras: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the table of each config with a row of the second prompt, then one of the first."""
    prompts = [make_prompt("First?"), make_prompt("Second?")]
    texts: list[str] = []
    shown = [[make_candidate(prompt, f"{prompt.id}{name}", generator=name) for name in "ab"] for prompt in prompts]
    records = [
        make_resolved(make_verdict(1.0, 0.0), candidates, texts=texts, prompt=prompt, row=row)
        for row, (prompt, candidates) in enumerate(zip(prompts, shown, strict=True))
    ][::-1]
    columns: Columns = make_columns(texts, [*shown[0], *shown[1]], prompts=prompts, extras=extras)
    pairs: list[Any] = [pair for record in records for pair in pairs_of(record, min_gap=0.25)]
    completions = [completions_of(record)[0][0] for record in records]
    return {
        "dpo": preference_table(pairs, columns),
        "reward": preference_table(pairs, columns, config="reward", **options),
        "kto": unpaired_table(completions, columns),
        "sft": supervised_table([Demonstration(record, record.answers[0]) for record in records], columns),
    }


CONFIGS = tuple(tables({}))


@pytest.mark.parametrize("config", CONFIGS)
def test_extras_come_last_with_the_value_of_the_rows_prompt_and_are_never_null(config: str) -> None:
    found, bare = tables(GIVEN)[config], tables({})[config]
    assert found.column_names == [*bare.column_names, *GIVEN]
    assert found.select(list(GIVEN)).to_pylist() == [
        {"tools": "[2]", "chat_template_kwargs": {"thinking": False}, "category": "art"},
        {"tools": "[1]", "chat_template_kwargs": {"thinking": True}, "category": "science"},
    ]
    assert not any(found.schema.field(name).nullable for name in GIVEN)
    assert found.select(bare.column_names).equals(bare)


@pytest.mark.parametrize("config", CONFIGS)
def test_without_extras_there_is_no_column_of_them(config: str) -> None:
    assert not set(EXTRAS) & set(tables({})[config].column_names)


def test_a_margin_and_extras_are_there_together() -> None:
    found = tables(GIVEN, margin=True)
    assert found["reward"].column_names[-4:] == ["margin", *GIVEN]
    assert "margin" not in found["dpo"].column_names


def test_what_is_published_is_what_a_prompt_can_bring_along() -> None:
    assert EXTRAS == READ
    assert set(EXTRAS) == set(Prompt.model_fields) - {"id", "messages", "source", "language"}
