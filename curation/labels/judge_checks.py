"""Compares the judge with people: kappa by criterion, whether reviewers follow suggestions, and the sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from curation.labels.intervals import share_measure, wilson
from curation.review_statistics import CriterionAgreement, JudgeCheck, Measure, SuggestionEffect
from curation.wording import counted, measured, percent

Way = int
"""The way that somebody leans on a record: 1 for the first of two answers, -1 for the second, 0 for neither. For a
single answer: 1 for good, -1 for bad, 0 for neither."""

WAYS: tuple[Way, ...] = (-1, 0, 1)


class Compared(NamedTuple):
    """The ways that the judge and people lean on some records, by one criterion.

    `judge` and `criterion` are "" for the mean of all ratings. `asked` is whether people were asked about this very
    criterion; otherwise it is compared with which answer they prefer as a whole.
    """

    judge: str
    criterion: str
    asked: bool
    judge_way: Way
    people_way: Way


def judge_check(
    compared: Mapping[Compared, int],
    followed: Mapping[tuple[bool, bool], int],
    sampled: Mapping[bool, int],
    *,
    left_to_judge: int,
) -> JudgeCheck:
    """Return what is known of the judge from people.

    - `compared` counts records by what was compared on them; records that showed a suggestion are not among them
    - `followed` counts the records where the judge prefers an answer, by whether they suggested it and whether people
      prefer the same one
    - `sampled` counts the records of the sample of those that the judge was sure of, by whether people agree
    - `left_to_judge` is how many candidate sets people are not asked about
    """
    tables: dict[tuple[str, str, bool], dict[tuple[Way, Way], int]] = {}
    for key, count in compared.items():
        tables.setdefault(key[:3], {})[key.judge_way, key.people_way] = count
    by_criterion = {(judge, criterion) for judge, criterion, _ in tables}
    criteria = []
    for judge, criterion in sorted(by_criterion - {("", "")}):
        asked = (judge, criterion, True) in tables
        kappa = weighted_kappa(tables[judge, criterion, asked])
        criteria.append(CriterionAgreement(judge=judge, criterion=criterion, asked=asked, kappa=kappa))
    return JudgeCheck(
        kappa=weighted_kappa(tables.get(("", "", False), {})),
        criteria=tuple(criteria),
        suggestions=_suggestion_effect(followed),
        left_to_judge=left_to_judge,
        disagreement=_share(sampled.get(False, 0), sampled.get(True, 0) + sampled.get(False, 0)) if sampled else None,
    )


def weighted_kappa(table: Mapping[tuple[Way, Way], int]) -> Measure:
    """Return Cohen's kappa with linear weights (Cohen 1968) of two raters who each lean one of three ways.

    `table` counts records by both ways: {(1, 1): 40, (1, 0): 5}. To lean to opposite sides is a whole disagreement, and
    to neither side where the other leans to one is half of one. The interval is Wilson's of the weighted agreement (a
    mean of numbers in [0, 1], for which it is never too narrow), with agreement by chance taken as known.
    """
    count = sum(table.values())
    if not count:
        return Measure(value=None, reason="on no record can the judge be compared with people")
    cells = np.array([[table.get((judge, people), 0) for people in WAYS] for judge in WAYS]) / count
    apart = np.abs(np.subtract.outer(WAYS, WAYS)) / 2
    agreement = 1 - float((cells * apart).sum())
    chance = 1 - float((np.outer(cells.sum(axis=1), cells.sum(axis=0)) * apart).sum())
    if math.isclose(chance, 1):
        return Measure(value=None, count=count, reason="the judge and people always said the same of every record")
    ends = (agreement, *map(float, wilson(agreement, count)))
    value, low, high = ((end - chance) / (1 - chance) for end in ends)
    return Measure(value=value, low=low, high=high, count=count)


def share_difference(first: tuple[int, int], second: tuple[int, int]) -> Measure:
    """Return the difference of two independent shares, each as (hits, trials), with its 95 % interval.

    The interval is made of Wilson's two: method 10 of Newcombe (1998), "Interval estimation for the difference between
    independent proportions". `count` is the number of all trials.
    """
    shares = [hits / trials for hits, trials in (first, second)]
    lows, highs = wilson(shares, [trials for _, trials in (first, second)])
    below = [share - float(low) for share, low in zip(shares, lows, strict=True)]
    above = [float(high) - share for share, high in zip(shares, highs, strict=True)]
    difference = shares[0] - shares[1]
    return Measure(
        value=difference,
        low=difference - math.hypot(below[0], above[1]),
        high=difference + math.hypot(above[0], below[1]),
        count=first[1] + second[1],
    )


def judge_check_lines(check: JudgeCheck) -> Iterable[str]:
    """Yield a sentence for each measure of the judge, and none for a measure that could not be computed."""
    if check.kappa.count:
        records = counted(check.kappa.count, "record")
        yield f"Judge against people: weighted kappa {measured(check.kappa)}, on {records}."
    for criterion in _criteria_to_name(check.criteria):
        against = f"what reviewers say of {criterion.criterion}" if criterion.asked else "what reviewers prefer"
        yield (
            f"{criterion.judge} on {criterion.criterion} against {against}: weighted kappa "
            f"{measured(criterion.kappa)}, on {counted(criterion.kappa.count, 'record')}."
        )
    if check.suggestions is not None:
        yield _suggestion_line(check.suggestions)
    if check.disagreement is not None:
        yield (
            "Of the records that the judge was sure of, people reviewed a random sample: they disagree with the judge "
            f"on {measured(check.disagreement, percent)} of {counted(check.disagreement.count, 'record')}."
        )
    if check.left_to_judge:
        nobody = "" if check.disagreement is not None else " Nobody has reviewed any of the sample of them yet."
        yield f"{counted(check.left_to_judge, 'candidate set')} left to the judge, which was sure.{nobody}"


def _criteria_to_name(criteria: Sequence[CriterionAgreement]) -> Sequence[CriterionAgreement]:
    """Return the criteria to name. A single one without a question of its own is the judge as a whole."""
    return () if len(criteria) == 1 and not criteria[0].asked else criteria


def _suggestion_effect(followed: Mapping[tuple[bool, bool], int]) -> SuggestionEffect | None:
    """Return whether people follow the judge more where they see what it says; null if no record suggested it."""
    trials = {arm: followed.get((arm, True), 0) + followed.get((arm, False), 0) for arm in (True, False)}
    if not trials[True]:
        return None
    hits = {arm: followed.get((arm, True), 0) for arm in (True, False)}
    missing = Measure(value=None, reason="no record that hid what the judge says was answered")
    return SuggestionEffect(
        shown=_share(hits[True], trials[True]),
        hidden=_share(hits[False], trials[False]) if trials[False] else missing,
        difference=share_difference((hits[True], trials[True]), (hits[False], trials[False]))
        if trials[False]
        else missing,
    )


def _suggestion_line(effect: SuggestionEffect) -> str:
    shown = (
        f"Where reviewers saw what the judge says, they prefer the same answer in {measured(effect.shown, percent)} of "
        f"{counted(effect.shown.count, 'record')}"
    )
    difference = effect.difference
    if difference.value is None or difference.low is None or difference.high is None:
        return f"{shown}; whether they follow it is not known: {difference.reason}."
    points = (
        f"{_points(difference.value)} points (95 % interval {_points(difference.low)} to {_points(difference.high)})"
    )
    verdict = "it cannot be told whether they follow it"
    if difference.low > 0:
        verdict = "they follow it"
    elif difference.high < 0:
        verdict = "they turn against it"
    return (
        f"{shown}, where they did not, in {measured(effect.hidden, percent)} of "
        f"{counted(effect.hidden.count, 'record')}. The difference is {points}: {verdict}."
    )


def _points(share: float) -> str:
    return f"{100 * share:+.0f}"


def _share(hits: int, trials: int) -> Measure:
    return share_measure(hits / trials, trials)
