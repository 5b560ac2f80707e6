"""Dawid and Skene's model of reviewers who err: its parameters, estimated by expectation maximisation."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.labels.votes import Votes, distinct, per_record

Floats = NDArray[np.float64]

MOST_ITERATIONS = 10_000
"""EM that is not done by then says so (`Estimate.converged`). Simulated crowds took 60 to 300."""

TOLERANCE = 1e-8
"""The estimate stands still when no logarithm of a parameter moves by more than this in an iteration.

Each iteration of EM goes a fixed share of the way that is left, at worst a few hundredths of it. So what is left is up
to a hundred times the last move, and the posteriors are within 1e-6 of those of an EM that runs for ever. The gain in
likelihood, which is quadratic in the distance, vanishes long before that.
"""

CHUNK = 1 << 16
"""Records whose posteriors are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The parameters: `priors[true]` and `confusion[reviewer, given, true]`, the probability of `given` under `true`.

    `objectives` has, per iteration, what EM never lowers: log-likelihood and log-prior of the parameters.
    """

    priors: Floats
    confusion: Floats
    log_likelihood: float
    objectives: tuple[float, ...]
    converged: bool


def estimated(votes: Votes, *, smoothing: float) -> Estimate:
    """Return the maximum a posteriori of Dawid and Skene's (1979) model under Dirichlet(1 + smoothing) priors.

    It begins with each record's shares of votes as the posterior of its true answer. Records with the same answers of
    the same reviewers count as one row with a weight.
    """
    classes = len(votes.answers)
    shape = (len(votes.reviewers), classes, classes)
    rows, weights = distinct(per_record(votes, votes.reviewer * classes + votes.answer, shape[0] * classes))
    rows = rows.astype(np.float64)
    sums = _sums(rows, weights, _vote_shares(*shape[:2]))
    objectives: list[float] = []
    before = np.full(classes + math.prod(shape), -np.inf)
    while True:
        priors, confusion = _maximised(sums, shape, smoothing)
        log_priors, log_confusion = np.log(priors), np.log(confusion)
        sums = _sums(rows, weights, _posterior(log_priors, log_confusion))
        objectives.append(sums.log_likelihood + smoothing * float(log_priors.sum() + log_confusion.sum()))
        logs = np.concatenate((log_priors, log_confusion.ravel()))
        converged = bool(np.abs(logs - before).max(initial=0.0) <= TOLERANCE)
        if converged or len(objectives) == MOST_ITERATIONS:
            return Estimate(priors, confusion, sums.log_likelihood, tuple(objectives), converged)
        before = logs


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What the posteriors of all records add up to: true answers; (reviewer, given) x true answer."""

    priors: Floats
    counts: Floats
    log_likelihood: float


# Rows of records -> the posterior of each record's true answer, and the log-likelihood of each record.
_Posterior = Callable[[Any], tuple["Floats", "Floats"]]


def _sums(rows: Any, weights: NDArray[np.int64], posterior: _Posterior) -> _Sums:
    parts = (
        _chunk_sums(rows[start : start + CHUNK], weights[start : start + CHUNK], posterior)
        for start in range(0, max(len(weights), 1), CHUNK)
    )
    return functools.reduce(_added, parts)


def _added(one: _Sums, other: _Sums) -> _Sums:
    return _Sums(one.priors + other.priors, one.counts + other.counts, one.log_likelihood + other.log_likelihood)


def _chunk_sums(rows: Any, weights: NDArray[np.int64], posterior: _Posterior) -> _Sums:
    probabilities, log_likelihoods = posterior(rows)
    weighted = probabilities * weights[:, None]
    return _Sums(weighted.sum(axis=0), rows.T @ weighted, float(weights @ log_likelihoods))


def _maximised(sums: _Sums, shape: tuple[int, int, int], smoothing: float) -> tuple[Floats, Floats]:
    """Priors, and confusion of the given shape: the smoothed sums, scaled to add up to 1."""
    priors = sums.priors + smoothing
    counts = sums.counts.reshape(shape) + smoothing
    return priors / priors.sum(), counts / counts.sum(axis=1, keepdims=True)


def _vote_shares(reviewers: int, classes: int) -> _Posterior:

    answers = np.tile(np.eye(classes), (reviewers, 1))

    def posterior(rows: Any) -> tuple[Floats, Floats]:
        votes = rows @ answers
        return votes / votes.sum(axis=1, keepdims=True), np.zeros(len(votes))

    return posterior


def _posterior(log_priors: Floats, log_confusion: Floats) -> _Posterior:

    # The width is named, for -1 means nothing where there are no reviewers.
    table = log_confusion.reshape(log_confusion.shape[0] * log_confusion.shape[1], len(log_priors))

    def posterior(rows: Any) -> tuple[Floats, Floats]:
        joint = rows @ table + log_priors
        most = joint.max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.exp(joint - most)
        totals = weights.sum(axis=1, keepdims=True)
        return weights / totals, (most + np.log(totals))[:, 0]

    return posterior
