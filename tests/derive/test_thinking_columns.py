"""What models thought before they answered is published if a generator keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.config import Config
from tests.derive.stores import (
    EVERY,
    Store,
    chosen,
    derived,
    make_config,
    published,
    rows_of,
)

MAIL = "jane.doe@acme-corp.com"
THOUGHTS = ("Hm, a good one.", None)


def thoughtful(tmp_path: Path, *, keep: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a store in which the first of two answers was thought about, and an edit is the best."""
    store = Store()
    store.add("a", texts=["Good.", "Bad."], edit="Best.")
    [candidate_set] = store.sets
    candidates = zip(candidate_set.candidates, THOUGHTS, strict=True)
    thinking = tuple(candidate.model_copy(update={"thinking": thought}) for candidate, thought in candidates)
    store.sets = [candidate_set.model_copy(update={"candidates": thinking})]
    derived(store, tmp_path, keeping(keep, publish={"formats": EVERY, "pairs": "all"}))
    return {name: published(tmp_path / "out", name) for name in EVERY}


def keeping(keep: bool, **sections: dict[str, Any]) -> Config:
    """Return a config whose first generator keeps its reasoning, or does not."""
    config = make_config(**sections)
    first, second = config.generators
    return config.model_copy(update={"generators": (first.model_copy(update={"keep_reasoning": keep}), second)})


@pytest.mark.slow
def test_what_models_thought_has_columns_of_its_own_if_a_generator_keeps_it(tmp_path: Path) -> None:
    rows = thoughtful(tmp_path, keep=True)
    first = THOUGHTS[0]
    thoughts = {"Good.": first, "Bad.": None, "Best.": None}
    assert {chosen(row) for row in rows["dpo"]} == {("Good.", "Bad."), ("Best.", "Bad.")}
    for row in (*rows["dpo"], *rows["reward"]):
        assert row["chosen_thinking"] == thoughts[row["chosen"][0]["content"]]
        assert row["rejected_thinking"] == thoughts[row["rejected"][0]["content"]]
    for row in rows["kto"]:
        assert row["completion_thinking"] == thoughts[row["completion"][0]["content"]]
    for row in rows["sft"]:
        assert row["thinking"] == thoughts[row["messages"][-1]["content"]]
    [raw] = rows["raw"]
    assert {candidate["text"]: candidate["thinking"] for candidate in raw["candidates"]} == thoughts


@pytest.mark.slow
def test_without_keep_reasoning_no_row_says_what_models_thought(tmp_path: Path) -> None:
    rows = thoughtful(tmp_path, keep=False)
    assert "thinking" not in json.dumps(rows)
    assert "Hm," not in json.dumps(rows)


@pytest.mark.slow
def test_thoughts_are_published_without_personal_data_where_it_is_not_wanted(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["Good.", "Bad."])
    [candidate_set] = store.sets
    thinking = tuple(
        candidate.model_copy(update={"thinking": f"Ask {MAIL}."}) for candidate in candidate_set.candidates
    )
    store.sets = [candidate_set.model_copy(update={"candidates": thinking})]
    derived(store, tmp_path, keeping(True, publish={"formats": EVERY}, quality={"pii": True}))
    rows = rows_of(tmp_path)
    assert MAIL not in json.dumps(rows)
    assert "[EMAIL]" in json.dumps(rows)
