"""Fits the `dawid-skene` resolver to all votes, and refuses votes that it cannot learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.errors import RefusedError
from curation.labels.dawid_skene import Confusion, DawidSkeneResolver, FittedDawidSkene
from curation.labels.em import Estimate, em_estimate
from curation.labels.votes import Votes

Floats = NDArray[np.float64]

FEWEST_RECORDS = 200
"""With fewer records that have two answers or more, majority was the better resolver in measurements."""

FEWEST_REVIEWERS = 5

MOST_ANSWERS = 64
"""With more distinct answers, a confusion matrix has more cells than any reviewer gives answers."""

MAJORITY = 'Set labels.resolver = "majority".'
MEAN = 'Set labels.resolver = "mean".'


def fitted(options: DawidSkeneResolver, votes: Votes) -> FittedDawidSkene:
    """Return the model that explains the votes best.

    Unless `force` is set, raises RefusedError with fewer than 200 records that two reviewers answered, or fewer than 5
    reviewers. Always raises RefusedError if records show different numbers of candidates, if an answer leaves a
    candidate without a score, and with more than 64 distinct answers.
    """
    _require_comparable(votes)
    if not options.force:
        _require_enough(votes)
    estimate = em_estimate(votes, smoothing=options.smoothing)
    return FittedDawidSkene(
        min_reviewers=options.min_reviewers,
        answers=votes.answers,
        priors=tuple(estimate.priors.tolist()),
        confusion=dict(zip(votes.reviewers, map(_by_true_answer, estimate.confusion), strict=True)),
        average=_by_true_answer(_average(votes, estimate)),
        log_likelihood=estimate.log_likelihood,
        iterations=len(estimate.objectives),
        converged=estimate.converged,
    )


def _require_comparable(votes: Votes) -> None:
    """Raise RefusedError if the answers are not answers to the same question about equally many candidates."""
    if len({len(answer) for answer in votes.answers}) > 1:
        raise RefusedError(
            "dawid-skene compares answers about equally many candidates, and these records show different numbers.",
            remedy=MAJORITY,
        )
    if any(None in answer for answer in votes.answers):
        raise RefusedError(
            "dawid-skene compares answers that score every candidate, and some of these answers do not.", remedy=MEAN
        )
    if len(votes.answers) > MOST_ANSWERS:
        raise RefusedError(
            f"dawid-skene learns how reviewers confuse answers, and there are too many: {len(votes.answers)} distinct "
            f"answers (at most {MOST_ANSWERS}).",
            remedy=MEAN,
        )


def _require_enough(votes: Votes) -> None:
    """Raise RefusedError if the votes are too few to learn from."""
    records, reviewers = int((np.bincount(votes.record, minlength=1) >= 2).sum()), len(votes.reviewers)
    if records < FEWEST_RECORDS or reviewers < FEWEST_REVIEWERS:
        raise RefusedError(
            f"dawid-skene has too little to learn from: {records} records with two or more answers "
            f"(at least {FEWEST_RECORDS}) by {reviewers} reviewers (at least {FEWEST_REVIEWERS}).",
            remedy=f"{MAJORITY} Or set labels.force = true to fit all the same.",
        )


def _average(votes: Votes, estimate: Estimate) -> Floats:
    """Return the mean of all confusion matrices (given x true), weighted by how many answers each reviewer gave."""
    counts = np.bincount(votes.reviewer, minlength=len(votes.reviewers))
    average: Floats = np.tensordot(counts / max(counts.sum(), 1), estimate.confusion, axes=1)
    return average


def _by_true_answer(confusion: Floats) -> Confusion:
    """Return a matrix (given x true) as a tuple of rows, one for each true answer."""
    return tuple(tuple(row) for row in confusion.T.tolist())
