"""How often reviewers are right on gold records, and who is marked: exact limits, and simulated crowds."""

from __future__ import annotations

import itertools
import random
from math import comb

import pytest

from curation.labels.accuracy import CROWD_ERROR, gold_accuracies, share_right, spent, wrong_limits


def each_of(crowd: int) -> float:
    """The error that each of so many reviewers may have."""
    return float(1 - 0.99 ** (1 / crowd))


def answers(generator: random.Random, share: float, count: int) -> list[bool]:
    return [generator.random() < share for _ in range(count)]


def ever_marked(limits: tuple[int, ...], wrong_share: float) -> float:
    """The probability of ever reaching a limit, summed over all sequences of answers."""
    total = 0.0
    for sequence in itertools.product((0, 1), repeat=len(limits)):
        if any(sum(sequence[: n + 1]) >= limit for n, limit in enumerate(limits)):
            total += wrong_share ** sum(sequence) * (1 - wrong_share) ** (len(sequence) - sum(sequence))
    return total


@pytest.mark.slow
def test_the_limits_are_the_lowest_that_the_error_allows() -> None:
    """At an error of 1 %: one wrong answer of n is common; 0.1 ** n is the chance that all are wrong."""
    limits = wrong_limits(16, 0.01)
    # 0.1 ** 3 = 0.001 > 0.01 * spent(3) = 0.000045, and 0.1 ** 5 = 0.00001 < 0.01 * spent(5) = 0.000125.
    assert limits[:5] == (2, 3, 4, 5, 5)
    for count in (8, 12, 16):
        marked = ever_marked(limits[:count], 0.1)
        assert marked <= 0.01 * spent(count)
        lower = (*limits[: count - 1], limits[count - 1] - 1)
        assert ever_marked(lower, 0.1) > 0.01 * spent(count)


def test_the_error_is_spent_mostly_by_answer_40_and_never_more_than_whole() -> None:
    assert [spent(count) for count in (10, 20, 40, 80, 400)] == pytest.approx([0.05, 0.2, 0.8, 0.9, 0.98])


@pytest.mark.parametrize("crowd", [1, 3, 5, 10])
def test_28_right_answers_of_40_mark_a_reviewer(crowd: int) -> None:
    """That is 70 %. An honest reviewer gives 12 or more wrong answers of 40 once in 2,600 times."""
    assert sum(comb(40, wrong) * 0.1**wrong * 0.9 ** (40 - wrong) for wrong in range(12, 41)) == pytest.approx(
        0.000381, rel=0.01
    )
    assert wrong_limits(40, each_of(crowd))[-1] <= 12
    right = [place % 10 not in (2, 5, 8) for place in range(40)]
    honest = [[place % 10 != other for place in range(40)] for other in range(crowd - 1)]
    crowd_answers = {"worse": right, **{f"honest {number}": given for number, given in enumerate(honest)}}
    assert {gold.reviewer for gold in gold_accuracies(crowd_answers) if gold.marked} == {"worse"}


@pytest.mark.slow
def test_in_honest_crowds_at_most_one_in_a_hundred_has_a_mark_however_often_one_looks() -> None:
    generator, crowds = random.Random(16), 1500
    marked = sum(
        any(
            gold.marked
            for gold in gold_accuracies({str(reviewer): answers(generator, 0.9, 200) for reviewer in range(5)})
        )
        for _ in range(crowds)
    )
    # Each crowd with a probability of 1 % at most: more than 27 of 1,500 would come about once in 300 times.
    assert CROWD_ERROR == 0.01
    assert marked <= 27


@pytest.mark.parametrize(("crowd", "within_40", "within_80"), [(1, 0.79, 0.95), (3, 0.67, 0.90), (10, 0.55, 0.83)])
def test_reviewers_who_are_right_in_70_percent_are_found(crowd: int, within_40: float, within_80: float) -> None:
    """No test can find more than 80 % of them by answer 40 at this error: that is the power of the exact test at 40."""
    generator, trials = random.Random(70), 2000
    limits = wrong_limits(80, each_of(crowd))
    found = {40: 0, 80: 0}
    for _ in range(trials):
        wrong = list(itertools.accumulate(not right for right in answers(generator, 0.7, 80)))
        reached = next((n for n, count in enumerate(wrong, 1) if count >= limits[n - 1]), 81)
        for by in found:
            found[by] += reached <= by
    assert found[40] / trials > within_40
    assert found[80] / trials > within_80


def test_the_share_has_an_exact_interval_and_nobody_without_an_answer_is_listed() -> None:
    """Clopper and Pearson's interval of 7 of 10 is 0.348 to 0.933, as tables have it."""
    [gold] = gold_accuracies({"ann": [True] * 7 + [False] * 3, "bob": []})
    assert (gold.reviewer, gold.marked) == ("ann", False)
    accuracy = gold.accuracy
    assert (accuracy.value, accuracy.count) == (0.7, 10)
    assert accuracy.low == pytest.approx(0.348, abs=5e-4)
    assert accuracy.high == pytest.approx(0.933, abs=5e-4)
    assert share_right(0, 0).value is None


def test_a_mark_stays_when_later_answers_are_right() -> None:
    given = [False] * 6 + [True] * 100
    assert gold_accuracies({"ann": given})[0].marked
    assert not gold_accuracies({"ann": [False] * 2 + [True] * 10})[0].marked
    assert len(wrong_limits(1000, 0.001)) == 1000
    assert not gold_accuracies({"ann": [True] * 1500 + [False] * 1500})[0].marked
