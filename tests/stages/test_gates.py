"""The gates of `[publish]`: what rows must pass before anything is committed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation.config import Config
from curation.errors import ConfigError, RefusedError
from tests.derive.stores import SERVICES, Store, derived, make_config
from tests.rows import make_prompt

PUBLISH = import_module("curation.stages.publish")
TWO = ("What grows tall beside the old river near our village?", "Who painted the ceiling of that small chapel?")


def rows(folder: Path, **publish: Any) -> Config:
    """Write the rows of two prompts; the wanted answers to both are cut off, which `lint` warns of."""
    config = make_config(publish={"formats": ["dpo", "raw"], "test_size": 0, **publish})
    store = Store()
    for prompt in TWO:
        store.add("a", prompt=make_prompt(prompt), texts=["It is a tall tree that grows by the", "It is a small bush."])
    derived(store, folder, config)
    return config


@pytest.mark.parametrize(("limit", "failed"), [(None, False), ("error", False), ("warning", True)])
def test_the_lint_gate_fails_only_for_findings_that_are_as_severe_as_it_says(
    tmp_path: Path, limit: str | None, failed: bool
) -> None:
    config = rows(tmp_path, lint=limit)
    sentences = PUBLISH.failed_gates(config, folder=tmp_path / "out", services=SERVICES)
    assert sentences == (
        ("`lint` says of the rows: warning truncated (2): the wanted answer is cut off.",) if failed else ()
    )


def test_a_failed_gate_is_refused_with_the_words_of_the_finding_and_the_commands_that_show_it() -> None:
    PUBLISH._refuse_failed(())
    with pytest.raises(RefusedError) as refused:
        PUBLISH._refuse_failed(("First.", "Second."))
    assert str(refused.value).startswith("First. Second. Nothing was published.")
    assert "curation export" in str(refused.value.remedy)
    assert "curation lint FOLDER" in str(refused.value.remedy)


def test_rows_that_are_no_preferences_have_nothing_to_lint(tmp_path: Path) -> None:
    config = make_config(publish={"formats": ["dpo", "raw"], "lint": "warning"})
    (tmp_path / "raw").mkdir()
    assert PUBLISH.failed_gates(config, folder=tmp_path, services=SERVICES) == ()
    with pytest.raises(ConfigError, match=r"lint = 'error' reads dpo, kto and reward, and none of them"):
        make_config(publish={"formats": ["raw", "sft"], "lint": "error"})
