"""Win rates: right where a formula is known, and their intervals hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from curation.labels.bradley_terry import win_rates


def test_two_models_have_the_share_of_wins_with_its_logit_interval() -> None:
    rates = win_rates({("large", "small"): 30, ("small", "large"): 10})
    share = 30.5 / 41
    error = 1 / math.sqrt(41 * share * (1 - share))
    logit = math.log(share / (1 - share))
    low, high = (1 / (1 + math.exp(-(logit + sign * 1.959964 * error))) for sign in (-1, 1))
    assert list(rates) == ["large", "small"]
    assert rates["large"].count == rates["small"].count == 40
    assert (rates["large"].value, rates["large"].low, rates["large"].high) == pytest.approx((share, low, high))
    assert (rates["small"].value, rates["small"].low) == pytest.approx((1 - share, 1 - high))


def test_of_models_that_did_not_all_meet_the_rate_follows_from_their_strengths() -> None:
    """100,000 comparisons as strengths 4, 2 and 1 give them: a draw more or less is nothing beside these."""
    many = 100_000
    wins = {("a", "b"): many * 4 / 6, ("b", "a"): many * 2 / 6, ("b", "c"): many * 2 / 3, ("c", "b"): many / 3}
    rates = win_rates(wins)
    assert rates["a"].value == pytest.approx((4 / 6 + 4 / 5) / 2, abs=1e-4)
    assert rates["b"].value == pytest.approx((2 / 6 + 2 / 3) / 2, abs=1e-4)
    assert rates["c"].value == pytest.approx((1 / 5 + 1 / 3) / 2, abs=1e-4)


def test_a_model_that_always_won_is_not_infinitely_strong() -> None:
    rates = win_rates({("a", "b"): 5})
    a, b = rates["a"], rates["b"]
    assert a.value == pytest.approx(5.5 / 6)
    assert a.low is not None
    assert a.high is not None
    assert 0.3 < a.low < 5.5 / 6 < a.high < 1
    assert b.value == pytest.approx(0.5 / 6)


def test_draws_leave_models_equal_and_one_model_has_no_rate() -> None:
    rates = win_rates({("a", "b"): 2.5, ("b", "a"): 2.5})
    assert [rate.count for rate in rates.values()] == [5, 5]
    assert [rate.value for rate in rates.values()] == pytest.approx([0.5, 0.5])
    assert win_rates({}) == {}


@pytest.mark.slow
def test_the_intervals_hold_the_true_rate_in_about_95_of_100_cases() -> None:
    rng = np.random.default_rng(7)
    strengths = np.array([3.0, 1.5, 1.0, 0.5])
    names = ["w", "x", "y", "z"]
    beats = strengths[:, None] / (strengths[:, None] + strengths)
    truth = (beats.sum(axis=1) - 0.5) / 3
    met = {(0, 1): 30, (0, 2): 60, (0, 3): 20, (1, 2): 40, (2, 3): 80}
    held = np.zeros(4)
    for _ in range(500):
        wins: dict[tuple[str, str], float] = {}
        for (i, j), count in met.items():
            won = int(rng.binomial(count, beats[i, j]))
            wins[names[i], names[j]], wins[names[j], names[i]] = won, count - won
        rates = win_rates(wins)
        for number, name in enumerate(names):
            low, high = rates[name].low, rates[name].high
            assert low is not None
            assert high is not None
            held[number] += low <= truth[number] <= high
    assert ((held / 500 > 0.925) & (held / 500 < 0.98)).all(), held / 500
