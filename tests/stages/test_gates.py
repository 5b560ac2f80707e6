"""The gates of `[publish]` on rows that were derived from a store."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation.config import Config
from curation.derive import Derived
from curation.errors import ConfigError, RefusedError
from curation.types import Measure
from tests.derive.stores import SERVICES, Store, derived, make_config
from tests.rows import make_prompt

PUBLISH = import_module("curation.stages.publish")
NO_ALPHA = Measure(value=None, reason="no record was answered by two reviewers")
TWO = ("What grows tall beside the old river near our village?", "Who painted the ceiling of that small chapel?")


def rows(folder: Path, *answers: str, **publish: Any) -> tuple[Config, Derived]:
    """Derive the rows of a prompt for each answer of ann; the first answers to all prompts are cut off."""
    config = make_config(publish={"formats": ["dpo", "raw"], "test_size": 0, **publish})
    store = Store()
    for prompt, answer in zip(TWO, answers or ("a", "a"), strict=True):
        store.add(answer, prompt=make_prompt(prompt), texts=["It is a tall tree that grows by the", "It is a bush."])
    return config, derived(store, folder, config)


def failed(folder: Path, config: Config, result: Derived) -> tuple[str, ...]:
    sentences: tuple[str, ...] = PUBLISH.gates_of(
        config, result, folder=folder / "out", alpha=NO_ALPHA, services=SERVICES
    )
    return sentences


@pytest.mark.parametrize(("limit", "fails"), [(None, False), ("error", False), ("warning", True)])
def test_the_lint_gate_fails_only_for_findings_that_are_as_severe_as_it_says(
    tmp_path: Path, limit: str | None, fails: bool
) -> None:
    sentences = failed(tmp_path, *rows(tmp_path, lint=limit))
    assert [sentence.partition(". ")[0] for sentence in sentences] == (
        ["`lint` says of the rows: warning truncated (2): the wanted answer is cut off"] if fails else []
    )


def test_ties_rows_and_reviewers_are_counted_in_what_was_derived(tmp_path: Path) -> None:
    limits = {"max_tie_rate": 0.4, "min_rows": 2, "min_reviewers": 2}
    config, result = rows(tmp_path, "a", "both_good", **limits)
    assert result.tally.compared == {False: 1, True: 1}
    dpo, reviewers, ties = failed(tmp_path, config, result)
    assert dpo.startswith("dpo has 1 row, fewer than the 2 of min_rows.")
    assert reviewers.startswith("1 reviewer answered, fewer than the 2 of min_reviewers")
    assert ties.startswith("1 of 2 compared candidate sets (50 %) are ties, more than the 40 % of max_tie_rate.")


def test_a_failed_gate_is_refused_with_its_sentence() -> None:
    PUBLISH._refuse_failed(())
    with pytest.raises(RefusedError) as refused:
        PUBLISH._refuse_failed(("First.", "Second."))
    assert str(refused.value).startswith("First. Second. Nothing was published.")


def test_rows_that_are_no_preferences_have_nothing_to_lint(tmp_path: Path) -> None:
    config, result = rows(tmp_path, "both_good", "both_good", lint="warning")
    assert failed(tmp_path, config, result) == ()
    with pytest.raises(ConfigError, match=r"lint = 'error' reads dpo, kto and reward, and none of them"):
        make_config(publish={"formats": ["raw", "sft"], "lint": "error"})
