"""Confidence intervals of shares, for many shares at once; with two outcomes or with anything between them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

ERROR = 0.05
"""Intervals hold the true value in 95 of 100 cases."""


def wilson(share: ArrayLike, count: ArrayLike, *, error: float = ERROR) -> tuple[Floats, Floats]:
    """Return both ends of Wilson's (1927) score interval of shares of `count` independent trials; NaN for no trials.

    For the mean of numbers in [0, 1] it is never too narrow: their variance is at most that of a yes or no.
    """
    share, count = np.asarray(share, dtype=np.float64), np.asarray(count, dtype=np.float64)
    z = NormalDist().inv_cdf(1 - error / 2)
    count = np.where(count > 0, count, np.nan)
    middle = share + z**2 / (2 * count)
    reach = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z**2 / count
    return np.maximum((middle - reach) / scale, 0.0), np.minimum((middle + reach) / scale, 1.0)


def exact(successes: ArrayLike, count: ArrayLike, *, error: float = ERROR) -> tuple[Floats, Floats]:
    """Return both ends of the exact binomial interval (Clopper and Pearson 1934) of successes of `count` trials."""
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    hits, misses = np.asarray(successes), np.asarray(count) - np.asarray(successes)
    low = betaincinv(np.maximum(hits, 1), misses + 1, error / 2)
    high = betaincinv(hits + 1, np.maximum(misses, 1), 1 - error / 2)
    return np.where(hits > 0, low, 0.0), np.where(misses > 0, high, 1.0)
