"""What each reviewer's answers are like, and who stands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curation.labels.intervals import ERROR, exact, wilson
from curation.labels.votes import Votes
from curation.types import Leaning, Measure, ReviewerStatistics

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOPSIDED = 0.65
"""A share of the first kind beyond this (or below the rest to 1) is one-sided: two of three. Where candidates are shown
in random order the truth is even; but with thousands of answers 52 % would differ from even too, and would do no harm.
"""

MARK_ERROR = 0.01
"""How often an honest crowd has a reviewer with a given mark."""

ROUNDING = 1e-9
"""What two numbers that are equal may differ by: where all answers are equal, agreement and chance are both 1."""

SLIGHT = 0.2
"""Cohen's kappa up to which agreement is "slight" (Landis and Koch 1977)."""


def reviewer_statistics(votes: Votes, leaning: Leaning) -> tuple[ReviewerStatistics, ...]:
    """Return what each reviewer's answers are like, in order of reviewer.

    `agreement` is the mean, over the records that others answered too, of the share of the others with the same answer
    (Wilson's interval). By chance it would be what the reviewer's answers and those of the others on the same records
    have in common, were they given independently: the sum over answers of the product of both shares.

    Marks, each at an error of 1 % for all reviewers together (Bonferroni), so that an honest crowd has none:

    - "contrary": agrees less than by chance, in all answers or in those of the two kinds of `leaning`.
    - "random": agrees less than slightly (kappa below 0.2; at 5 %), and not more than by chance at 95 %. Only some
      hundred answers can show this, so few answers are no reason; who always answers the same is random too.
    - "one_sided": gives answers of one kind in more than 65 % of those of either, where `leaning` says that they are
      even.
    """
    shared, sides = _shared(votes), _sides(votes, leaning)
    return tuple(
        ReviewerStatistics(reviewer=reviewer, responses=responses, agreement=agreement, leaning=share, marks=marks)
        for reviewer, responses, agreement, share, marks in zip(
            votes.reviewers,
            np.bincount(votes.reviewer, minlength=len(votes.reviewers)).tolist(),
            _agreements(shared, votes),
            _shares(sides),
            _marks(votes, leaning, shared, sides),
            strict=True,
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """Per reviewer: answers to records that others answered too, their agreement, and what it would be by chance."""

    count: NDArray[np.int64]
    agreement: Floats
    chance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """Per reviewer: answers of the first of two kinds, and answers of either."""

    first: NDArray[np.int64]
    decided: NDArray[np.int64]


def _shared(votes: Votes) -> _Shared:
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    reviewers, answers = len(votes.reviewers), len(votes.answers)
    others = np.bincount(votes.record, minlength=votes.records)[votes.record] - 1
    record, reviewer, answer = (column[others > 0] for column in (votes.record, votes.reviewer, votes.answer))
    weight = 1 / others[others > 0]
    count = np.bincount(reviewer, minlength=reviewers)
    scale = 1 / np.maximum(count, 1)
    agreement = np.bincount(reviewer, weights=weight * _same(record, answer, answers), minlength=reviewers) * scale
    given = csr_array((np.ones(len(record)), (record, answer)), shape=(votes.records, answers))
    beside = csr_array((weight, (reviewer, record)), shape=(reviewers, votes.records)) @ given
    own = csr_array((np.ones(len(record)), (reviewer, answer)), shape=(reviewers, answers))
    own_weight = csr_array((weight, (reviewer, answer)), shape=(reviewers, answers))
    chance = own.multiply(beside - own_weight).sum(axis=1) * scale**2
    return _Shared(count, agreement, chance)


def _same(record: NDArray[np.int32], answer: NDArray[np.int32], answers: int) -> NDArray[np.int64]:
    """How many others gave each answer to the same record."""
    _, position, times = np.unique(record * np.int64(answers) + answer, return_inverse=True, return_counts=True)
    return np.asarray(times[position] - 1)


def _decided(votes: Votes, leaning: Leaning) -> Votes:
    """The answers that are of one of the two kinds."""
    kept = _kinds(votes, leaning) != 0
    return replace(votes, record=votes.record[kept], reviewer=votes.reviewer[kept], answer=votes.answer[kept])


def _sides(votes: Votes, leaning: Leaning) -> _Sides:

    kind = _kinds(votes, leaning)
    reviewers = len(votes.reviewers)
    first, second = (np.bincount(votes.reviewer[kind == which], minlength=reviewers) for which in (1, -1))
    return _Sides(first, first + second)


def _kinds(votes: Votes, leaning: Leaning) -> NDArray[np.int64]:
    """1 for each answer of the first kind, -1 for one of the second, 0 for one of neither."""
    codes = {True: 1, False: -1, None: 0}
    return np.array([codes[leaning.to(answer)] for answer in votes.answers], dtype=np.int64)[votes.answer]


def _marks(votes: Votes, leaning: Leaning, shared: _Shared, sides: _Sides) -> Iterator[tuple[str, ...]]:
    reviewers = max(len(votes.reviewers), 1)
    error = MARK_ERROR / reviewers
    # Who takes A for B still agrees on what is good or bad altogether: the preferences are tested alone too.
    contrary = _contrary(shared, error / 2) | _contrary(_shared(_decided(votes, leaning)), error / 2)
    found = {
        "contrary": contrary,
        "random": _random(shared, ERROR / reviewers) & ~contrary,
        "one_sided": _one_sided(sides, error) & leaning.even,
    }
    for reviewer in range(len(votes.reviewers)):
        yield tuple(name for name, marked in found.items() if marked[reviewer])


def _contrary(shared: _Shared, error: float) -> Flags:
    _, high = wilson(shared.agreement, shared.count, error=error)
    return high < shared.chance - ROUNDING


def _random(shared: _Shared, error: float) -> Flags:
    low, _ = wilson(shared.agreement, shared.count)
    _, high = wilson(shared.agreement, shared.count, error=error)
    slight = shared.chance + SLIGHT * (1 - shared.chance)
    return (low <= shared.chance) & (high < slight - ROUNDING)


def _one_sided(sides: _Sides, error: float) -> Flags:

    low, high = exact(sides.first, sides.decided, error=error)
    share = sides.first / np.maximum(sides.decided, 1)
    return (low > 0.5) & (share > LOPSIDED) | (high < 0.5) & (share < 1 - LOPSIDED)


def _agreements(shared: _Shared, votes: Votes) -> Iterator[Measure]:
    alone = "only one reviewer answered" if len(votes.reviewers) == 1 else "no other reviewer answered the same records"
    low, high = wilson(shared.agreement, shared.count)
    return _measures(shared.agreement, low, high, shared.count, reason=alone)


def _shares(sides: _Sides) -> Iterator[Measure]:

    low, high = exact(sides.first, sides.decided)
    share = sides.first / np.maximum(sides.decided, 1)
    return _measures(share, low, high, sides.decided, reason="no answer leans to either side")


def _measures(value: Floats, low: Floats, high: Floats, count: NDArray[np.int64], *, reason: str) -> Iterator[Measure]:
    """One measure per reviewer; null for this reason where nothing was counted."""
    for counted, *numbers in zip(count.tolist(), value.tolist(), low.tolist(), high.tolist(), strict=True):
        if counted:
            yield Measure(value=numbers[0], low=numbers[1], high=numbers[2], count=counted)
        else:
            yield Measure(value=None, reason=reason)
