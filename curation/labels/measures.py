"""How far reviewers agree with each other, the judge with them, and judges with each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from curation.labels.alpha import Level, alpha
from curation.labels.intervals import share_measure
from curation.labels.matrices import per_record
from curation.labels.reviewers import reviewer_statistics
from curation.labels.votes import Votes
from curation.review_statistics import Agreement, JudgeAgreement, JudgePair, JudgesAgreement, Leaning, Measure


def agreement(votes: Votes, *, level: Level, leaning: Leaning, seed: int) -> Agreement:
    """Return alpha, the share of equal pairs of answers, and the statistics of each reviewer.

    `level` is what alpha compares: "nominal" whole answers, "ordinal" the order of the scores of each candidate,
    "interval" their distances. The share of pairs always compares whole answers. The bootstrap interval of alpha
    depends on `seed`. A measure that is not defined has no value, and a reason.
    """
    return Agreement(
        level=level,
        alpha=_alpha(votes, level, seed),
        percent=_percent(votes),
        leaning=leaning.title,
        reviewers=reviewer_statistics(votes, leaning),
    )


def judge_agreement(judge: ArrayLike, people: ArrayLike) -> JudgeAgreement:
    """Return how far a judge agrees with people, on the records where both prefer one of two candidates.

    Both arrays have one number for each record: 1 if the first candidate is preferred, -1 if the second is, 0 if
    neither is, NaN if the preference is not known. For example judge=[1, -1, 0], people=[1, 1, 1] has two such records,
    and the same choice in one of them. Raises ValueError if the arrays have different lengths. The interval of Cohen's
    kappa is Wilson's interval of the share of equal choices, with agreement by chance taken as known (Cohen 1960).
    """
    by_judge, by_people = np.asarray(judge, dtype=np.float64), np.asarray(people, dtype=np.float64)
    if by_judge.shape != by_people.shape:
        raise ValueError(f"{by_judge.shape} preferences of the judge and {by_people.shape} of people do not pair up")
    both_decided = np.isin(by_judge, (1, -1)) & np.isin(by_people, (1, -1))
    count = int(both_decided.sum())
    if not count:
        missing = Measure(value=None, reason="on no record do both the judge and people prefer one of two")
        return JudgeAgreement(accuracy=missing, kappa=missing)
    by_judge, by_people = by_judge[both_decided], by_people[both_decided]
    accuracy = share_measure(float((by_judge == by_people).mean()), count)
    return JudgeAgreement(accuracy=accuracy, kappa=_kappa(accuracy, (by_judge == 1).mean(), (by_people == 1).mean()))


def judges_agreement(pair: JudgePair) -> JudgesAgreement:
    """Return how far two judges agree.

    Pairs of answers to one prompt depend on each other, so a candidate set is one trial of Wilson's interval: its share
    of equal choices is a number in [0, 1], for which the interval is never too narrow.
    """
    missing = Measure(value=None, reason="on no pair of answers do both judges prefer one")
    return JudgesAgreement(
        judges=pair.judges,
        equal=share_measure(pair.equal / pair.sets, pair.sets) if pair.sets else missing,
        undecided=pair.undecided / pair.pairs if pair.pairs else None,
    )


def _alpha(votes: Votes, level: Level, seed: int) -> Measure:
    reason = _nothing_shared(votes)
    if reason:
        return Measure(value=None, reason=reason)
    return alpha(_paired(votes), votes.answers, level=level, seed=seed)


def _percent(votes: Votes) -> Measure:
    """Return the mean, over records, of the share of pairs of answers that are equal."""
    reason = _nothing_shared(votes)
    if reason:
        return Measure(value=None, reason=reason)
    paired = _paired(votes)
    paired.sum_duplicates()
    sizes = paired.sum(axis=1)
    equal = (paired.multiply(paired).sum(axis=1) - sizes) / (sizes * (sizes - 1))
    return share_measure(float(equal.mean()), len(sizes))


def _nothing_shared(votes: Votes) -> str | None:
    """Return why no two answers can be compared; None if some can."""
    if not len(votes):
        return "nobody answered"
    if len(votes.reviewers) == 1:
        return "only one reviewer answered"
    if np.bincount(votes.record).max() < 2:
        return "no record was answered by two reviewers"
    return None


def _paired(votes: Votes) -> csr_array:
    """Return how often each record with two answers or more has each answer (sparse: records x answers)."""
    counts = per_record(votes, votes.answer, len(votes.answers))
    return counts[np.diff(counts.indptr) > 1]


def _kappa(accuracy: Measure, judge_first: float, people_first: float) -> Measure:
    """Return Cohen's kappa; `judge_first` and `people_first` are the shares of choices of the first candidate."""
    chance = judge_first * people_first + (1 - judge_first) * (1 - people_first)
    if chance == 1:
        return Measure(
            value=None, count=accuracy.count, reason="the judge and people always preferred the same position"
        )
    numbers = {name: (getattr(accuracy, name) - chance) / (1 - chance) for name in ("value", "low", "high")}
    return Measure(**numbers, count=accuracy.count)
