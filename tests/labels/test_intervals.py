"""Intervals of shares are those of scipy, and hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from curation.labels.intervals import exact, wilson

CASES = [(0, 1), (1, 1), (0, 20), (20, 20), (7, 20), (500, 1000), (999, 1000)]


@pytest.mark.parametrize("error", [0.05, 0.001])
def test_intervals_are_those_of_scipy(error: float) -> None:
    hits, counts = np.array(CASES).T
    ours = {"wilson": wilson(hits / counts, counts, error=error), "exact": exact(hits, counts, error=error)}
    for method, (low, high) in ours.items():
        for position, (hit, count) in enumerate(CASES):
            interval = binomtest(hit, count).proportion_ci(1 - error, method=method)
            assert (low[position], high[position]) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_no_trials_have_no_interval_of_a_share() -> None:
    assert np.isnan(wilson(0.0, 0)).all()
    low, high = exact(0, 0)
    assert (float(low), float(high)) == (0.0, 1.0)


def test_the_mean_of_shares_lies_in_its_interval_at_least_95_times_of_100() -> None:
    means = np.random.default_rng(0).binomial(2, 0.7, size=(2000, 40)).mean(axis=1) / 2
    low, high = wilson(means, 40)
    assert ((low <= 0.7) & (high >= 0.7)).mean() > 0.95
