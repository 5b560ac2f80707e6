"""Confidence intervals of shares. All functions take arrays, and compute many intervals at once."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curation.review_statistics import Measure

Floats = NDArray[np.float64]

ERROR = 0.05
"""An interval does not hold the true value in 5 of 100 cases."""


def wilson(share: ArrayLike, count: ArrayLike, *, error: float = ERROR) -> tuple[Floats, Floats]:
    """Return the low and high ends of Wilson's (1927) score interval of shares of `count` trials; NaN for no trials.

    `share` may also be the mean of `count` independent numbers in [0, 1]. The interval is then never too narrow,
    because such numbers vary at most as much as numbers that are 0 or 1.
    """
    share, count = np.asarray(share, dtype=np.float64), np.asarray(count, dtype=np.float64)
    z = NormalDist().inv_cdf(1 - error / 2)
    count = np.where(count > 0, count, np.nan)
    middle = share + z**2 / (2 * count)
    reach = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z**2 / count
    return np.maximum((middle - reach) / scale, 0.0), np.minimum((middle + reach) / scale, 1.0)


def exact(successes: ArrayLike, count: ArrayLike, *, error: float = ERROR) -> tuple[Floats, Floats]:
    """Return the low and high ends of the exact binomial interval (Clopper and Pearson 1934)."""
    # scipy takes a tenth of a second to import, and Wilson's interval needs none of it.
    from scipy.special import betaincinv

    hits, misses = np.asarray(successes), np.asarray(count) - np.asarray(successes)
    low = betaincinv(np.maximum(hits, 1), misses + 1, error / 2)
    high = betaincinv(hits + 1, np.maximum(misses, 1), 1 - error / 2)
    return np.where(hits > 0, low, 0.0), np.where(misses > 0, high, 1.0)


def share_measure(share: float, count: int) -> Measure:
    """Return a share of `count` things with its interval (Wilson's)."""
    low, high = wilson(share, count)
    return Measure(value=share, low=float(low), high=float(high), count=count)
