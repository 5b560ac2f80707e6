"""Which splits of a dataset are linted, and what is said of a dataset that is none of preferences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.dataset_rows import open_dataset
from curation.errors import DataError
from curation.linting.selection import with_preferences


def refusal(folder: Path, row: dict[str, Any]) -> str:
    """Return why a file of this row is not linted."""
    path = folder / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    splits = open_dataset(str(path), endpoint="http://127.0.0.1:9", token=None)
    with pytest.raises(DataError) as caught:
        with_preferences(splits, "rows.jsonl", asked=False)
    return str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        {"context": "Why?", "response1": "Rain.", "response2": "Sun.", "overall_preference": -2},
        {"question": "Why?", "chosen_response": "Rain.", "rejected_response": "Sun."},
        {"instruction": "Why?", "completions": [{"model": "large", "response": "Rain."}]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Rain."}], "kto_tag": True},
    ],
)
def test_a_layout_that_only_an_import_reads_is_refused_with_the_way_to_import_it(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    sentence = refusal(tmp_path, row)
    assert sentence.startswith("rows.jsonl is no preference dataset: its columns are ")
    assert sentence.endswith('but [prompts] type = "preferences" does: see docs/recipes/import.md.')


def test_a_dataset_without_answers_is_not_to_be_imported(tmp_path: Path) -> None:
    assert "import" not in refusal(tmp_path, {"text": "Rain."})
