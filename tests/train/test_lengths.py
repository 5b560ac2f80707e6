"""Tokens are counted as TRL counts them, and what `lint` calls too long is what its trainers cut or drop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from curation.config import Services
from curation.quality import TokenCounter
from curation.stages.lint import lint
from tests.train.lengths import MAX_LENGTH, layouts

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        find_spec("trl") is None or find_spec("torch") is None, reason="torch and TRL are missing: make test ALL=1"
    ),
]

ROOT = Path(__file__).parents[2]
LAYOUTS = layouts()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TRL counted; in a process of its own, because torch warns where we take warnings for errors."""
    made = tmp_path_factory.mktemp("lengths")
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.lengths", str(made)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(made / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_row_has_as_many_tokens_as_in_the_trainers(folder: Path, layout: str) -> None:
    counter = TokenCounter(str(folder / "model"))
    rows = LAYOUTS[layout][1]
    counted = {str(number): counter.longest(row) for number, row in enumerate(rows)}
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
