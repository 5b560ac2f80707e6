"""Estimates Dawid and Skene's model of reviewers who err, by expectation maximisation (EM).

EM repeats two steps until nothing moves: from the parameters it computes the posterior of each record's true answer
(expectation), and from all posteriors the parameters (maximisation).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from curation.labels.matrices import distinct, per_record
from curation.labels.votes import Votes

Floats = NDArray[np.float64]

MOST_ITERATIONS = 10_000
"""After so many iterations EM stops, and `Estimate.converged` is false. Simulated crowds took 60 to 300."""

TOLERANCE = 1e-8
"""EM stops when no logarithm of a parameter moves by more than this in an iteration.

An iteration of EM removes a fixed share of the remaining error, at worst a few hundredths of it. So the remaining error
is at most about a hundred times the last move, and the posteriors are within 1e-6 of those of an EM that runs for ever.
The likelihood is no good sign: its gain is quadratic in the error, and vanishes long before that.
"""

CHUNK = 1 << 16
"""The posteriors of so many records are in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The estimated parameters.

    - `priors[true]`: the share of records with each true answer
    - `confusion[reviewer, given, true]`: the probability that a reviewer gives an answer under each true answer
    - `objectives`: for each iteration the log-likelihood plus the log-prior of the parameters, which EM never lowers
    """

    priors: Floats
    confusion: Floats
    log_likelihood: float
    objectives: tuple[float, ...]
    converged: bool


def em_estimate(votes: Votes, *, smoothing: float) -> Estimate:
    """Return the maximum a posteriori estimate under Dirichlet(1 + smoothing) priors.

    The first posterior of a record is the share of its votes that each answer got. Records with the same answers of the
    same reviewers are one row with a weight.
    """
    classes = len(votes.answers)
    shape = (len(votes.reviewers), classes, classes)
    rows, weights = distinct(per_record(votes, votes.reviewer * classes + votes.answer, shape[0] * classes))
    rows = rows.astype(np.float64)
    sums = _sums(rows, weights, _vote_shares(*shape[:2]))
    objectives: list[float] = []
    before = np.full(classes + math.prod(shape), -np.inf)
    while True:
        priors, confusion = _parameters(sums, shape, smoothing)
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
    """The sums of the posteriors of all records.

    `priors[true]` adds up the posteriors; `counts[reviewer and given answer, true]` adds up, for each answer of each
    reviewer, the posteriors of the records with that answer.
    """

    priors: Floats
    counts: Floats
    log_likelihood: float


_Posterior = Callable[[csr_array], tuple[Floats, Floats]]
"""Takes rows of records; returns the posterior of each record (records x true answers) and its log-likelihood."""


def _sums(rows: csr_array, weights: NDArray[np.int64], posterior: _Posterior) -> _Sums:
    parts = (
        _chunk_sums(rows[start : start + CHUNK], weights[start : start + CHUNK], posterior)
        for start in range(0, max(len(weights), 1), CHUNK)
    )
    return functools.reduce(_sum_of_both, parts)


def _sum_of_both(left: _Sums, right: _Sums) -> _Sums:
    return _Sums(left.priors + right.priors, left.counts + right.counts, left.log_likelihood + right.log_likelihood)


def _chunk_sums(rows: csr_array, weights: NDArray[np.int64], posterior: _Posterior) -> _Sums:
    probabilities, log_likelihoods = posterior(rows)
    weighted = probabilities * weights[:, None]
    return _Sums(weighted.sum(axis=0), rows.T @ weighted, float(weights @ log_likelihoods))


def _parameters(sums: _Sums, shape: tuple[int, int, int], smoothing: float) -> tuple[Floats, Floats]:
    """Return priors and confusion: the smoothed sums, scaled so that probabilities add up to 1."""
    priors = sums.priors + smoothing
    counts = sums.counts.reshape(shape) + smoothing
    return priors / priors.sum(), counts / counts.sum(axis=1, keepdims=True)


def _vote_shares(reviewers: int, classes: int) -> _Posterior:
    """Return the posterior to begin with: the share of a record's votes that each answer got."""
    answers = np.tile(np.eye(classes), (reviewers, 1))

    def posterior(rows: csr_array) -> tuple[Floats, Floats]:
        votes = rows @ answers
        return votes / votes.sum(axis=1, keepdims=True), np.zeros(len(votes))

    return posterior


def _posterior(log_priors: Floats, log_confusion: Floats) -> _Posterior:
    """Return the posterior under these parameters, by Bayes' rule."""
    # The number of rows is given, because reshape cannot compute it from -1 if there are no reviewers.
    table = log_confusion.reshape(log_confusion.shape[0] * log_confusion.shape[1], len(log_priors))

    def posterior(rows: csr_array) -> tuple[Floats, Floats]:
        joint = rows @ table + log_priors
        most = joint.max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.exp(joint - most)
        totals = weights.sum(axis=1, keepdims=True)
        return weights / totals, (most + np.log(totals))[:, 0]

    return posterior
