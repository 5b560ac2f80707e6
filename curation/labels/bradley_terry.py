"""How strong models are, from which of two answers people preferred: the model of Bradley and Terry (1952).

Each model has a strength, and i beats j with the probability strength_i / (strength_i + strength_j).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from curation.labels.intervals import ERROR
from curation.review_statistics import Measure

Floats = NDArray[np.float64]

PRIOR = 0.5
"""A draw between every two models is added to what was counted: so many wins for each of them.

Without it a model that won every time would be infinitely strong, and models that never met could not be compared. With
two models this is the usual correction of a share: (wins + 0.5) / (comparisons + 1).
"""
MOST_STEPS, CLOSE = 10_000, 1e-10


def win_rates(wins: Mapping[tuple[str, str], float]) -> dict[str, Measure]:
    """Return how often each model is expected to win against the others, the best model first.

    `wins` has how often the first model of a key won against the second; a draw is half a win for both. For example
    {("a", "b"): 30, ("b", "a"): 10} has 40 comparisons, and gives a the rate 0.74. The rate is the mean of its
    probabilities to beat each of the others, whoever it met; `count` is the number of its comparisons. The interval
    follows from the Fisher information by the delta method, on the logit scale. It takes comparisons as independent,
    and a draw as if it were decided by a coin, which makes it rather too wide.
    """
    names = sorted({name for pair in wins for name in pair})
    if len(names) < 2:
        return {}
    place = {name: number for number, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for (winner, loser), count in wins.items():
        won[place[winner], place[loser]] += count
    counted = won.sum(axis=1) + won.sum(axis=0)
    won += PRIOR * (1 - np.eye(len(names)))
    strengths = _strengths(won)
    rates, errors = _rates(strengths, won + won.T)
    reach = NormalDist().inv_cdf(1 - ERROR / 2) * errors / (rates * (1 - rates))
    logits = np.log(rates / (1 - rates))
    low, high = 1 / (1 + np.exp(reach - logits)), 1 / (1 + np.exp(-reach - logits))
    order = sorted(range(len(names)), key=lambda number: (-rates[number], names[number]))
    return {
        names[number]: Measure(
            value=float(rates[number]), low=float(low[number]), high=float(high[number]), count=round(counted[number])
        )
        for number in order
    }


def _strengths(won: Floats) -> Floats:
    """Return the most likely strengths, by the iteration of Hunter (2004, algorithm MM), which always converges."""
    total, comparisons = won.sum(axis=1), won + won.T
    strengths = np.ones(len(won))
    for _ in range(MOST_STEPS):
        new: Floats = total / (comparisons / (strengths[:, None] + strengths)).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        if np.abs(np.log(new / strengths)).max() < CLOSE:
            return new
        strengths = new
    return strengths


def _rates(strengths: Floats, comparisons: Floats) -> tuple[Floats, Floats]:
    """Return the mean probability of each model to beat another one, and the standard error of that mean."""
    others = len(strengths) - 1
    beats = strengths[:, None] / (strengths[:, None] + strengths)
    np.fill_diagonal(beats, 0.0)
    slopes = beats * (1 - beats)
    information = -comparisons * slopes
    np.fill_diagonal(information, -information.sum(axis=1))
    gradients = -slopes / others
    np.fill_diagonal(gradients, slopes.sum(axis=1) / others)
    covariance = np.linalg.pinv(information)
    return beats.sum(axis=1) / others, np.sqrt(np.einsum("ij,jk,ik->i", gradients, covariance, gradients))
