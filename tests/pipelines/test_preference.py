"""The recipes that ship are valid, and the script and the file say the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from curation.config import load_config
from curation.local import Stack
from curation.local.reviewers import simulate_reviewers
from pipelines.preference import CONFIG
from tests.conftest import CommandLine

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_is_a_valid_config(path: Path) -> None:
    assert load_config(path).name


def test_the_launch_script_is_the_toml_file() -> None:
    assert load_config(ROOT / "pipelines" / "preference.toml") == CONFIG


def test_a_launch_script_is_short() -> None:
    for script in (ROOT / "pipelines").glob("*.py"):
        assert len(script.read_text().splitlines()) <= 35


ANOTHER = """
import pipelines.preference as recipe
import curation as c

changed = {
    "name": "launched",
    "prompts": c.ListPrompts(rows=tuple(f"Question {number}: why?" for number in range(4))),
    "publish": c.Publish(repo_id="acme/launched"),
    "store": c.StoreSection(repo_id="acme/launched-store"),
}
try:
    recipe.run(recipe.CONFIG.model_copy(update=changed))
except c.CurationError as error:
    raise SystemExit(f"Error: {error}")
"""


@pytest.mark.stack
def test_the_launch_script_shows_progress_and_goes_through_to_publish(cli: CommandLine, stack: Stack) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", ANOTHER]
        environment = cli.environment()
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, cwd=ROOT, env=environment, check=False
        )

    first = run()
    # Nobody has answered yet.
    assert first.returncode == 1
    assert "Generating: 4 of 4 prompts" in first.stderr
    assert "4 records in argilla/launched: 4 new" in first.stdout
    assert "Error: " in first.stderr
    assert "Traceback" not in first.stderr
    sure = {"simulated-sure": lambda fields: "a"}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="launched", rules=sure)
    second = run()
    assert second.returncode == 0, second.stderr
    assert "0 new candidate sets, 4 there already" in second.stdout
    assert "Published 4 dpo, 8 kto rows to " in second.stdout
