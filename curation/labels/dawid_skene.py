"""The `dawid-skene` resolver: it weighs each answer by how often its reviewer errs, which it learns from all records.

The model is that of Dawid and Skene (1979). Each record has one true answer, which nobody sees. Each reviewer has a
confusion matrix: how probably this reviewer gives each answer, for each true answer. For example

    true answer    gives (0, 1)  gives (1, 0)
    (0, 1)         0.9           0.1               confusion["ann"] = ((0.9, 0.1), (0.2, 0.8))
    (1, 0)         0.2           0.8

`fitting.fitted` estimates the matrices (it needs numpy); this file has the options and resolves records.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from pydantic import PositiveFloat

from curation.labels.ballot import Ballot, too_few, verdict
from curation.labels.majority import MajorityResolver
from curation.labels.resolver import ResolverOptions
from curation.types import Annotation, Drop, Scores, Verdict

Confusion = tuple[tuple[float, ...], ...]
"""`confusion[true][given]` is the probability that a reviewer gives the answer `given` if `true` is the true answer.

Both are indices into `FittedDawidSkene.answers`, and each row adds up to 1."""


class DawidSkeneResolver(ResolverOptions):
    """`[labels] resolver = "dawid-skene"`.

    `smoothing` is added to each count that the model estimates its probabilities from. 0.5 (Jeffreys' prior) was best
    on simulated crowds; with less, reviewers with few answers are trusted or distrusted too soon.
    """

    resolver: Literal["dawid-skene"] = "dawid-skene"
    """How several answers become one verdict: `"majority"`, `"mean"`, `"unanimous"` or `"dawid-skene"`."""
    force: bool = False
    """`true`: fit the model even to few answers and reviewers."""
    smoothing: PositiveFloat = 0.5
    """Added to every count that the model learns from."""


@dataclass(frozen=True, slots=True)
class FittedDawidSkene:
    """The estimated model, which resolves one record at a time.

    `answers` are all answers that occurred, such as ((0.0, 1.0), (1.0, 0.0)). `priors` has the share of records with
    each true answer, in the same order. `confusion` has the matrix of each reviewer. `average` is the mean of them,
    weighted by the number of answers; it stands for a reviewer who gave no answer when the model was fitted.
    `converged` is false if the estimate still moved after `iterations`.
    """

    min_reviewers: int
    answers: tuple[Scores, ...]
    priors: tuple[float, ...]
    confusion: Mapping[str, Confusion]
    average: Confusion
    log_likelihood: float
    iterations: int
    converged: bool
    _known: Mapping[tuple[str, Scores], Sequence[float]] = field(init=False, repr=False, compare=False)
    _unknown: Mapping[Scores, Sequence[float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = {
            (reviewer, answer): logs
            for reviewer, confusion in self.confusion.items()
            for answer, logs in zip(self.answers, _log_columns(confusion), strict=True)
        }
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_unknown", dict(zip(self.answers, _log_columns(self.average), strict=True)))

    def resolve(self, ballot: Ballot) -> Verdict | Drop:
        """Return the expected score of each candidate, rounded to 6 digits: the mean over the possible true answers.

        If the most probable true answer gives two candidates the same score, the verdict does too: both get the mean of
        their expected scores. Otherwise no tie would ever stay a tie. `agreement` is the share of reviewers who gave
        the most probable answer, and only their edits count.

        Adjudicators decide by themselves, whatever the model expects: their most frequent answer is the verdict.

        The reasons of drops are "unreviewed", "discarded", "too_few_reviewers", "unknown_answer" if a reviewer gave
        an answer that occurred nowhere when the model was fitted, and "draw" if adjudicators do not agree.
        """
        if ballot.adjudicated:
            return MajorityResolver().resolve(ballot)
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
        """Return the probability that each of `answers` is the true one, given these annotations (Bayes' rule).

        Raises KeyError for an answer that is none of `answers`.
        """
        logs = [self._known.get((voter.reviewer, voter.scores)) or self._unknown[voter.scores] for voter in voters]
        joint = [math.log(prior) + sum(column) for prior, *column in zip(self.priors, *logs, strict=True)]
        most = max(joint)
        weights = [math.exp(log - most) for log in joint]
        total = sum(weights)
        return [weight / total for weight in weights]


def _log_columns(confusion: Confusion) -> Iterator[tuple[float, ...]]:
    """Yield for each given answer the logarithms of its probabilities under each true answer."""
    for column in zip(*confusion, strict=True):
        yield tuple(map(math.log, column))


def _expected(answers: Sequence[Scores], posterior: Sequence[float], probable: Scores) -> list[float]:
    """Return the expected score of each candidate; candidates with the same score in `probable` share their mean.

    Rounding to 6 digits keeps the scores within [0, 1].
    """
    means = [
        sum(weight * (score or 0.0) for weight, score in zip(posterior, scores, strict=True))
        for scores in zip(*answers, strict=True)
    ]
    means_of_score: dict[float | None, list[float]] = {}
    for score, mean in zip(probable, means, strict=True):
        means_of_score.setdefault(score, []).append(mean)
    return [round(fmean(means_of_score[score]), 6) for score in probable]


def _edit_score(scores: Sequence[float], probable: Scores) -> float:
    """Return the score of an edit: the best score of a candidate that the most probable answer calls good.

    So an edit does not beat a good answer. If there is no good candidate, or its score is at most 0.5, the edit scores
    1: a text that a reviewer wrote is never called bad.
    """
    best_good = max((score for score, answer in zip(scores, probable, strict=True) if answer == 1.0), default=1.0)
    return best_good if best_good > 0.5 else 1.0
