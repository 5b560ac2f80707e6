"""The `dawid-skene` resolver: answers weighed by how each reviewer errs, learnt from all records at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat

from curation.errors import RefusedError
from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.resolver import ResolverOptions
from curation.types import Annotation, Drop, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curation.labels.em import Estimate
    from curation.labels.votes import Answer, Votes

    Floats = NDArray[np.float64]

FEWEST_RECORDS = 200
"""Records with two or more answers below which majority was the better resolver in measurements."""

FEWEST_REVIEWERS = 5

MOST_ANSWERS = 64
"""Distinct answers: a confusion matrix of more has more cells than any reviewer gives answers."""

Confusion = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class FittedDawidSkene:
    """What was learnt of the answers and of the reviewers, and how to resolve a record with it.

    `priors` is the share of records per true answer, in the order of `answers`. `confusion[reviewer][true][given]` is
    the probability that a reviewer gives an answer to a record with that true one; `average` is the same of all
    reviewers together, and stands for a reviewer whom the fit did not see.
    """

    min_reviewers: int
    answers: tuple[Answer, ...]
    priors: tuple[float, ...]
    confusion: Mapping[str, Confusion]
    average: Confusion
    log_likelihood: float
    iterations: int
    converged: bool
    _known: Mapping[tuple[str, Answer], Sequence[float]] = field(init=False, repr=False, compare=False)
    _unknown: Mapping[Answer, Sequence[float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {
            (reviewer, answer): logs
            for reviewer, confusion in self.confusion.items()
            for answer, logs in zip(self.answers, _log_columns(confusion), strict=True)
        }
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_unknown", dict(zip(self.answers, _log_columns(self.average), strict=True)))

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the expected scores under the posterior of the true answer, rounded to 6 digits.

        Candidates that the most probable answer scores equally have equal scores, the mean of what is expected of them.
        Drops "unreviewed", "discarded", "too_few_reviewers", and "unknown_answer": one that occurred in no record of
        the fit. `agreement` is the share of reviewers who gave the most probable answer. Only their edits count.
        """
        drop = too_few(ballot, self.min_reviewers)
        if drop is not None:
            return drop
        voters = ballot.submitted
        if any(voter.scores not in self._unknown for voter in voters):
            return Drop(id=ballot.record_id, reason="unknown_answer")
        posterior = self.posterior(voters)
        answer = self.answers[posterior.index(max(posterior))]
        agreeing = [voter for voter in voters if voter.scores == answer]
        scores = tuple(_expected(self.answers, posterior, answer))
        return verdict(ballot, scores, agreeing=agreeing, editors=agreeing, edit_score=_edit_score(scores, answer))

    def posterior(self, voters: Sequence[Annotation]) -> list[float]:
        """Return the probability of each of `answers`, given these annotations; KeyError for an unknown answer."""
        logs = [self._known.get((voter.reviewer, voter.scores)) or self._unknown[voter.scores] for voter in voters]
        joint = [math.log(prior) + sum(column) for prior, *column in zip(self.priors, *logs, strict=True)]
        most = max(joint)
        weights = [math.exp(log - most) for log in joint]
        total = sum(weights)
        return [weight / total for weight in weights]


class DawidSkeneResolver(ResolverOptions):
    """`[labels] resolver = "dawid-skene"`: maximum a posteriori by EM (Dawid and Skene 1979).

    `smoothing` is added to every count of a confusion matrix and of the priors. 0.5, Jeffreys' prior, did best on
    simulated crowds: with less, reviewers of few answers are trusted or distrusted too soon. `force` fits even where
    there is too little to learn from.
    """

    resolver: Literal["dawid-skene"] = "dawid-skene"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""
    force: bool = False
    """`true`: fit the model even to few answers and reviewers."""
    smoothing: PositiveFloat = 0.5
    """Added to every count that the model learns from."""

    def fit(self, votes: Votes) -> FittedDawidSkene:
        """Return priors and confusion matrices that explain the votes best, found from each record's shares of votes.

        Raises RefusedError with less than 200 records that two reviewers answered, or less than 5 reviewers (unless
        forced); with more than 64 distinct answers; and where records show different numbers of candidates.
        """
        from curation.labels.em import estimated

        self._refuse(votes)
        return _fitted(votes, estimated(votes, smoothing=self.smoothing), self.min_reviewers)

    def _refuse(self, votes: Votes) -> None:
        other = 'Set labels.resolver = "majority".'
        if len({len(answer) for answer in votes.answers}) > 1:
            raise RefusedError(
                "dawid-skene compares answers to equally many candidates, and these records show different numbers.",
                remedy=other,
            )
        if any(None in answer for answer in votes.answers):
            raise RefusedError(
                "dawid-skene compares answers that score every candidate, and some of these do not.",
                remedy='Set labels.resolver = "mean".',
            )
        if len(votes.answers) > MOST_ANSWERS:
            raise RefusedError(
                f"dawid-skene learns how answers are confused, and {len(votes.answers)} distinct ones are too many "
                f"(at most {MOST_ANSWERS}).",
                remedy='Set labels.resolver = "mean".',
            )
        records, reviewers = _answered_twice(votes), len(votes.reviewers)
        if not self.force and (records < FEWEST_RECORDS or reviewers < FEWEST_REVIEWERS):
            raise RefusedError(
                f"dawid-skene has too little to learn from: {records} records with two or more answers "
                f"(at least {FEWEST_RECORDS}) by {reviewers} reviewers (at least {FEWEST_REVIEWERS}).",
                remedy=f"{other} Or set labels.force = true to fit all the same.",
            )


def _answered_twice(votes: Votes) -> int:
    import numpy as np

    return int((np.bincount(votes.record, minlength=1) >= 2).sum())


def _fitted(votes: Votes, found: Estimate, min_reviewers: int) -> FittedDawidSkene:
    return FittedDawidSkene(
        min_reviewers=min_reviewers,
        answers=votes.answers,
        priors=tuple(found.priors.tolist()),
        confusion=dict(zip(votes.reviewers, map(_by_true_answer, found.confusion), strict=True)),
        average=_by_true_answer(_average(votes, found)),
        log_likelihood=found.log_likelihood,
        iterations=len(found.objectives),
        converged=found.converged,
    )


def _average(votes: Votes, found: Estimate) -> Floats:
    """The confusion of a reviewer who answers like any of them, by how much they answered."""
    import numpy as np

    answers = np.bincount(votes.reviewer, minlength=len(votes.reviewers))
    average: Floats = np.tensordot(answers / max(answers.sum(), 1), found.confusion, axes=1)
    return average


def _by_true_answer(confusion: Floats) -> Confusion:
    return tuple(tuple(row) for row in confusion.T.tolist())


def _log_columns(confusion: Confusion) -> Iterator[tuple[float, ...]]:
    """Of each given answer, the log-probability under each true one."""
    for column in zip(*confusion, strict=True):
        yield tuple(map(math.log, column))


def _edit_score(scores: Sequence[float], probable: Answer) -> float:
    """The score of an edit: that of a candidate which the most probable answer calls good, so that both good and an
    edit is a tie.

    It is 1 where there is no such candidate, and where little is known of it: an edit is never called bad.
    """
    good = max((score for score, answer in zip(scores, probable, strict=True) if answer == 1.0), default=1.0)
    return good if good > 0.5 else 1.0


def _expected(answers: Sequence[Answer], posterior: Sequence[float], probable: Answer) -> list[float]:
    """The mean score of each candidate. It cannot leave [0, 1] by rounding, since 6 digits are kept.

    What is equal in the most probable answer is equal here: the means alone would make a preference of every tie.
    """
    means = [
        sum(weight * (score or 0.0) for weight, score in zip(posterior, scores, strict=True))
        for scores in zip(*answers, strict=True)
    ]
    level: dict[float | None, list[float]] = {}
    for score, mean in zip(probable, means, strict=True):
        level.setdefault(score, []).append(mean)
    return [round(fmean(level[score]), 6) for score in probable]
