"""The gates of `[publish]` on rows that were derived from a store."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation.config import Config
from curation.derive import Derived
from curation.errors import ConfigError, RefusedError
from curation.gates import judge_kappa_note, min_judge_kappa_gate
from curation.review_statistics import Measure
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


@pytest.mark.slow
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


def judged(folder: Path, records: int, **publish: Any) -> tuple[Config, Derived]:
    """Derive a store where people prefer what the judge prefers on 3 of 5 records, in turns of A and B."""
    judge = {"type": "ultrafeedback", "model_id": "j"}
    options = {"formats": ["dpo"], "test_size": 0, **publish}
    config = make_config(publish=options, labels={"judge_fallback": True}, judge=judge)
    store = Store()
    for number in range(records):
        a_is_better = number % 2 == 0
        follows = number // 2 % 5 < 3
        store.add("a" if a_is_better is follows else "b", ratings=(5, 1) if a_is_better else (1, 5))
    return config, derived(store, folder, config)


def test_a_judge_that_agrees_too_little_with_people_may_not_decide_once_50_records_can_be_compared(
    tmp_path: Path,
) -> None:
    config, result = judged(tmp_path, 50, min_judge_kappa=0.4)
    # 30 of 50 are the same; by chance half would be: kappa is (0.6 - 0.5) / 0.5.
    [sentence] = failed(tmp_path, config, result)
    assert sentence.startswith(
        "The judge's weighted kappa against people is 0.200 (95 % interval -0.076 to 0.448), on 50 "
    )
    assert "less than the 0.4 of min_judge_kappa, so it may not decide where nobody answered." in sentence
    assert result.judge_check is not None
    assert judge_kappa_note(config.publish, result.judge_check.kappa) is None
    enough = config.publish.model_copy(update={"min_judge_kappa": 0.19})
    assert min_judge_kappa_gate(enough, result.judge_check.kappa) is None


def test_on_fewer_records_the_judge_decides_and_publish_says_so(tmp_path: Path) -> None:
    config, result = judged(tmp_path, 49, min_judge_kappa=0.4)
    assert failed(tmp_path, config, result) == ()
    assert result.judge_check is not None
    note = judge_kappa_note(config.publish, result.judge_check.kappa)
    assert note is not None
    assert note.startswith(
        "min_judge_kappa was not checked: the judge can be compared with people on 49 records, and 50"
    )
    assert judge_kappa_note(config.publish, None) is not None
    assert judge_kappa_note(config.publish.model_copy(update={"min_judge_kappa": None}), None) is None


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
