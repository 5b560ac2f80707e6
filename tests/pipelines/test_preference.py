"""The recipes that ship are valid, and the script and the file say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.config import load_config
from pipelines.preference import CONFIG

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.toml")), ids=lambda path: path.name)
def test_every_recipe_is_a_valid_config(path: Path) -> None:
    assert load_config(path).name


def test_the_launch_script_is_the_toml_file() -> None:
    assert load_config(ROOT / "pipelines" / "preference.toml") == CONFIG


def test_a_launch_script_is_short() -> None:
    for script in (ROOT / "pipelines").glob("*.py"):
        assert len(script.read_text().splitlines()) <= 30
