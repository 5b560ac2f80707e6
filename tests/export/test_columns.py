"""What prompts bring along is published beside every config's own columns, if it is given, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.export import (
    EXTRAS,
    completions_of,
    demonstrations_of,
    pairs_of,
    preference_table,
    supervised_table,
    unpaired_table,
)
from curation.prompts.rows import EXTRAS as READ
from curation.types import Prompt
from tests.rows import Record, make_candidate, make_columns, make_prompt, make_resolved, make_verdict

GIVEN = {
    "tools": pa.array(["[1]", "[2]"]),
    "chat_template_kwargs": pa.array([{"thinking": True}, {"thinking": False}]),
    "category": pa.array(["science", "art"]),
}


def tables(extras: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the table of each config with a row of the second prompt, then one of the first."""
    records = [
        Record(
            make_verdict(1.0, 0.0),
            [make_candidate(prompt, f"{prompt.id}{name}", generator=name) for name in "ab"],
            prompt=prompt,
        )
        for prompt in (make_prompt("First?"), make_prompt("Second?"))
    ]
    resolved, columns = make_resolved(*records), make_columns(*records, extras=extras)
    second_first = np.array([1, 0])
    pairs = pairs_of(resolved, min_gap=0.25).where(second_first)
    return {
        "dpo": preference_table(pairs, columns),
        "reward": preference_table(pairs, columns, config="reward", **options),
        "kto": unpaired_table(completions_of(resolved).where(2 * second_first), columns),
        "sft": supervised_table(demonstrations_of(pairs).where(second_first), columns),
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
