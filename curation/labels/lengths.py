"""Whether longer texts are chosen more often."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from curation.frames import pl
from curation.labels.intervals import share_measure, wilson
from curation.review_statistics import LengthBias, Measure


def length_bias(chosen_lengths: ArrayLike, rejected_lengths: ArrayLike) -> LengthBias:
    """Return whether longer texts are chosen, from the two lengths of each pair. Pairs of equal lengths do not count.

    The effect is the matched-pairs rank-biserial correlation (Kerby 2014): the differences of the lengths are ranked by
    their size; the effect is the share of the ranks in which the chosen text is longer, less the share in which it is
    shorter. Its interval is Wilson's, for as many trials as would vary like the ranks (Kish 1965). Raises ValueError
    if the two arrays have different lengths.
    """
    chosen, rejected = np.asarray(chosen_lengths, dtype=np.float64), np.asarray(rejected_lengths, dtype=np.float64)
    if chosen.shape != rejected.shape:
        raise ValueError(f"{chosen.shape} lengths of chosen and {rejected.shape} of rejected texts do not pair up")
    differences = (chosen - rejected)[chosen != rejected]
    if not len(differences):
        missing = Measure(value=None, reason="there is no pair of texts of different lengths")
        return LengthBias(longer_chosen=missing, effect=missing)
    longer, count = differences > 0, len(differences)
    # scipy.stats can do this too, but takes half a second to load.
    ranks = pl.Series(np.abs(differences)).rank("average").to_numpy()
    favourable = float(ranks[longer].sum() / ranks.sum())
    low, high = wilson(favourable, ranks.sum() ** 2 / (ranks**2).sum())
    effect = Measure(value=2 * favourable - 1, low=2 * float(low) - 1, high=2 * float(high) - 1, count=count)
    return LengthBias(longer_chosen=share_measure(float(longer.mean()), count), effect=effect)
