"""Tokens are counted as TRL counts them, and what `lint` calls too long is what its trainers cut or drop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.config import Services
from curation.linting.lengths import row_tokens
from curation.quality import TokenCounter
from curation.stages.lint import lint
from tests.train.apart import NEEDS_TRL, run_apart
from tests.train.lengths import MAX_LENGTH, layouts

pytestmark = NEEDS_TRL

LAYOUTS = layouts()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TRL counted; in a process of its own, because torch warns where we take warnings for errors."""
    made = tmp_path_factory.mktemp("lengths")
    run_apart("tests.train.lengths", made)
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_row_has_as_many_tokens_as_in_the_trainers(folder: Path, layout: str) -> None:
    counter = TokenCounter(str(folder / "model"))
    rows = LAYOUTS[layout][1]
    counted = {str(number): row_tokens(counter, row) for number, row in enumerate(rows)}
    for kind, kept in json.loads((folder / "lengths.json").read_text())[layout].items():
        assert kept
        assert {number: counted[number] for number in kept} == kept, kind
        # What is not there was too long.
        assert all(counted[number] > MAX_LENGTH for number in counted.keys() - kept.keys())
        if kind == "reward":
            assert {number for number, count in counted.items() if count <= MAX_LENGTH} == set(kept)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lint_names_as_many_rows_as_the_trainers_cut_or_drop(folder: Path, layout: str) -> None:
    report = lint(
        str(folder / "rows" / f"{layout}.jsonl"),
        tokenizer=str(folder / "model"),
        services=Services(hub_endpoint="http://127.0.0.1:9"),
    )
    [said] = [finding.count for finding in report.findings if finding.check == "too_long"]
    for kept in json.loads((folder / "lengths.json").read_text())[layout].values():
        cut = sum(count > MAX_LENGTH for count in kept.values())
        assert said == cut + len(LAYOUTS[layout][1]) - len(kept)
