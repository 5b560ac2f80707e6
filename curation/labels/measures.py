"""How far reviewers agree with each other and the judge with them, and whether length decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from curation.frames import pl
from curation.labels.alpha import Level, alpha
from curation.labels.intervals import wilson
from curation.labels.reviewers import reviewer_statistics
from curation.labels.votes import Votes, per_record
from curation.types import Agreement, JudgeAgreement, Leaning, LengthBias, Measure


def agreement(votes: Votes, *, level: Level, leaning: Leaning, seed: int) -> Agreement:
    """Return how far reviewers agree: alpha, the share of pairs of equal answers, and what each reviewer is like.

    "ordinal" compares the order of scores and "interval" their distances, candidate by candidate; "nominal" compares
    whole answers, as the share of pairs always does. The bootstrap interval of alpha depends on `seed`. Where
    something is not defined, its reason says why.
    """
    return Agreement(
        level=level,
        alpha=_alpha(votes, level, seed),
        percent=_percent(votes),
        leaning=leaning.title,
        reviewers=reviewer_statistics(votes, leaning),
    )


def judge_agreement(judge: ArrayLike, people: ArrayLike) -> JudgeAgreement:
    """Return how far a judge agrees with people, from what both prefer of each record, on those where both do.

    Both have one number per record: 1 if the first of two is preferred, -1 the second, 0 neither, NaN unknown. Raises
    ValueError if they are not equally long. The interval of Cohen's kappa takes chance as known, as in Cohen (1960),
    with Wilson's interval of the share of equal choices.
    """
    first, second = np.asarray(judge, dtype=np.float64), np.asarray(people, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} preferences of the judge and {second.shape} of people do not pair up")
    both = np.isin(first, (1, -1)) & np.isin(second, (1, -1))
    count = int(both.sum())
    if not count:
        missing = Measure(value=None, reason="on no record do both the judge and people prefer one of two")
        return JudgeAgreement(accuracy=missing, kappa=missing)
    first, second = first[both], second[both]
    accuracy = _share(float((first == second).mean()), count)
    return JudgeAgreement(accuracy=accuracy, kappa=_kappa(accuracy, (first == 1).mean(), (second == 1).mean()))


def length_bias(chosen_lengths: ArrayLike, rejected_lengths: ArrayLike) -> LengthBias:
    """Return whether longer texts are chosen, from both lengths of each pair; pairs of equal length say nothing.

    The effect is the matched-pairs rank-biserial correlation: the share of favourable ranks of the differences less
    that of the unfavourable ones (Kerby 2014). Its interval is Wilson's, with the number of equally weighed pairs that
    would vary as much as the ranks (Kish 1965). Raises ValueError if the lengths are not equally many.
    """
    chosen, rejected = np.asarray(chosen_lengths, dtype=np.float64), np.asarray(rejected_lengths, dtype=np.float64)
    if chosen.shape != rejected.shape:
        raise ValueError(f"{chosen.shape} lengths of chosen and {rejected.shape} of rejected texts do not pair up")
    differences = (chosen - rejected)[chosen != rejected]
    if not len(differences):
        missing = Measure(value=None, reason="there is no pair of texts of different lengths")
        return LengthBias(longer_chosen=missing, effect=missing)
    longer, count = differences > 0, len(differences)
    # scipy.stats, which ranks too, takes half a second to load.
    ranks = pl.Series(np.abs(differences)).rank("average").to_numpy()
    favourable = float(ranks[longer].sum() / ranks.sum())
    low, high = wilson(favourable, ranks.sum() ** 2 / (ranks**2).sum())
    effect = Measure(value=2 * favourable - 1, low=2 * float(low) - 1, high=2 * float(high) - 1, count=count)
    return LengthBias(longer_chosen=_share(float(longer.mean()), count), effect=effect)


def _alpha(votes: Votes, level: Level, seed: int) -> Measure:
    reason = _not_shared(votes)
    return (
        Measure(value=None, reason=reason) if reason else alpha(_paired(votes), votes.answers, level=level, seed=seed)
    )


def _percent(votes: Votes) -> Measure:
    """The mean, over records, of the share of equal pairs of answers."""
    reason = _not_shared(votes)
    if reason:
        return Measure(value=None, reason=reason)
    paired = _paired(votes)
    paired.sum_duplicates()
    sizes = paired.sum(axis=1)
    equal = (paired.multiply(paired).sum(axis=1) - sizes) / (sizes * (sizes - 1))
    return _share(float(equal.mean()), len(sizes))


def _not_shared(votes: Votes) -> str | None:
    """Why there is nothing to compare; None if there is."""
    if not len(votes):
        return "nobody answered"
    if len(votes.reviewers) == 1:
        return "only one reviewer answered"
    if np.bincount(votes.record).max() < 2:
        return "no record was answered by two reviewers"
    return None


def _paired(votes: Votes) -> Any:
    """How often each record has each answer (sparse), of the records with two answers or more."""
    given = per_record(votes, votes.answer, len(votes.answers))
    return given[np.diff(given.indptr) > 1]


def _share(value: float, count: int) -> Measure:
    low, high = wilson(value, count)
    return Measure(value=value, low=float(low), high=float(high), count=count)


def _kappa(accuracy: Measure, judge_first: float, people_first: float) -> Measure:
    chance = judge_first * people_first + (1 - judge_first) * (1 - people_first)
    if chance == 1:
        return Measure(
            value=None, count=accuracy.count, reason="the judge and people always preferred the same position"
        )
    numbers = {name: (getattr(accuracy, name) - chance) / (1 - chance) for name in ("value", "low", "high")}
    return Measure(**numbers, count=accuracy.count)
