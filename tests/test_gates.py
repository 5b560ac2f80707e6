"""The gates of `[publish]`, with numbers that were worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from curation.config import Publish
from curation.errors import ConfigError
from curation.gates import GateFacts, failed_gates
from curation.linting.report import LintFinding
from curation.review_statistics import GoldAccuracy, Measure
from tests.derive.stores import make_config

NOBODY = Measure(value=None, reason="nobody answered")
FINDING = LintFinding(check="truncated", severity="warning", message="the wanted answer is cut off", count=2)


def options(**publish: Any) -> Publish:
    return make_config(publish=publish).publish


def facts(**values: Any) -> GateFacts:
    """Six rows of dpo and twelve of kto, of three reviewers who agree with alpha 0.6; two of eight sets are ties."""
    usual: dict[str, Any] = {
        "rows": {"dpo": 6, "kto": 12},
        "alpha": Measure(value=0.6, low=0.4, high=0.8, count=8),
        "reviewers": 3,
        "compared": {True: 2, False: 6},
    }
    return GateFacts(**{**usual, **values})


def test_without_limits_everything_passes() -> None:
    nothing = facts(rows={}, alpha=NOBODY, reviewers=0, compared={True: 8}, findings=(FINDING,))
    assert failed_gates(options(), nothing) == ()


def test_a_number_that_is_exactly_the_limit_passes() -> None:
    limits = options(min_rows=6, min_reviewers=3, min_agreement=0.6, max_tie_rate=0.25, lint="error")
    assert failed_gates(limits, facts(findings=(FINDING,))) == ()


def test_each_gate_says_the_number_the_limit_and_what_helps() -> None:
    limits = options(min_rows=7, min_reviewers=4, min_agreement=0.601, max_tie_rate=0.24, lint="warning")
    rows, reviewers, agreement, ties, lint = failed_gates(limits, facts(findings=(FINDING,)))
    assert rows.startswith("dpo has 6 rows, fewer than the 7 of min_rows. `curation status` says")
    assert reviewers.startswith("3 reviewers answered, fewer than the 4 of min_reviewers under [publish].")
    assert agreement.startswith(
        "Krippendorff's alpha is 0.600 (95 % interval 0.400 to 0.800), less than the 0.601 of min_agreement. Clearer"
    )
    assert ties.startswith("2 of 8 compared candidate sets (25 %) are ties, more than the 24 % of max_tie_rate.")
    assert lint.startswith("`lint` says of the rows: warning truncated (2): the wanted answer is cut off.")
    assert "`curation lint FOLDER`" in lint


def test_each_format_needs_its_rows_and_raw_only_if_it_is_alone() -> None:
    both = options(formats=["dpo", "kto", "raw"], min_rows=13)
    (sentence,) = failed_gates(both, facts(rows={"dpo": 6, "kto": 12, "raw": 1}))
    assert sentence.startswith("dpo has 6 rows and kto has 12 rows, fewer than the 13 of min_rows.")
    alone = options(formats=["raw"], min_rows=13)
    assert failed_gates(alone, facts(rows={"raw": 13})) == ()
    assert "raw has 12 rows" in failed_gates(alone, facts(rows={"raw": 12}))[0]
    assert "kto has 0 rows" in failed_gates(options(formats=["kto"], min_rows=1), facts(rows={}))[0]


def test_rows_that_nobody_reviewed_do_not_pass_what_asks_for_reviewers() -> None:
    limits = options(min_reviewers=1, min_agreement=-1, max_tie_rate=0)
    reviewers, agreement = failed_gates(limits, facts(alpha=NOBODY, reviewers=0, compared={}))
    assert reviewers.startswith("Nobody answered, fewer than the 1 of min_reviewers")
    assert agreement.startswith("Krippendorff's alpha is not defined (nobody answered), and min_agreement asks for -1.")
    assert "leave min_agreement out" in agreement


def test_the_answers_of_one_reviewer_have_no_agreement() -> None:
    alone = Measure(value=None, reason="no record was answered by two reviewers")
    assert failed_gates(options(min_reviewers=1), facts(alpha=alone, reviewers=1)) == ()
    (sentence,) = failed_gates(options(min_agreement=0.1), facts(alpha=alone, reviewers=1))
    assert "not defined (no record was answered by two reviewers)" in sentence
    assert "min_submitted = 2" in sentence


@pytest.mark.parametrize(
    ("key", "value"), [("min_agreement", 1.1), ("min_reviewers", 0), ("min_rows", 0), ("max_tie_rate", -0.1)]
)
def test_a_limit_that_nothing_can_reach_is_refused(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key):
        options(**{key: value})


def gold(reviewer: str, right: int, count: int, *, marked: bool = False) -> GoldAccuracy:
    return GoldAccuracy(reviewer=reviewer, accuracy=Measure(value=right / count, count=count), marked=marked)


def test_the_gate_of_gold_counts_the_answers_of_all_reviewers() -> None:
    crowd = (gold("reviewer-1", 9, 10), gold("reviewer-2", 5, 10, marked=True))
    assert failed_gates(options(min_gold_accuracy=0.7), facts(gold=crowd)) == ()
    (sentence,) = failed_gates(options(min_gold_accuracy=0.75), facts(gold=crowd))
    # Clopper and Pearson of 14 of 20.
    assert sentence == (
        "14 of 20 answers to gold records are right, 70 % (95 % interval 45.7 % to 88.1 %), less than the 75 % of "
        "min_gold_accuracy. reviewer-2 stands out. `curation status` shows how often each reviewer is right."
    )
    (sentence,) = failed_gates(options(min_gold_accuracy=0.5), facts())
    assert sentence.startswith("Nobody answered a gold record, and min_gold_accuracy asks for 50 %.")
