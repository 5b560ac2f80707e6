"""Statistics of each reviewer's answers, and marks for reviewers who stand out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from curation.labels.intervals import ERROR, exact, wilson
from curation.labels.votes import Votes
from curation.review_statistics import Leaning, Measure, ReviewerStatistics

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOPSIDED = 0.65
"""A reviewer is one-sided if a larger share of the answers than this is of one kind: about two of three.

Candidates are shown in random order, so the share of an honest reviewer is near 0.5. A limit nearer to 0.5 would mark
reviewers with thousands of answers for shares such as 0.52, which do no harm.
"""

MARK_ERROR = 0.01
"""The probability that any reviewer of an honest crowd gets a given mark."""

ROUNDING = 1e-9
"""Two equal numbers may differ by this: if all answers are equal, agreement and agreement by chance are both 1."""

SLIGHT = 0.2
"""Agreement is "slight" up to this kappa (Landis and Koch 1977)."""


def reviewer_statistics(votes: Votes, leaning: Leaning) -> tuple[ReviewerStatistics, ...]:
    """Return the statistics of each reviewer, sorted by reviewer.

    `agreement` compares a reviewer with the others who answered the same records: for each record the share of the
    others who gave the same answer, then the mean of these shares (with Wilson's interval). Agreement by chance is what
    the agreement would be if both answered the same records independently: for each answer, the share of it among the
    reviewer's answers times the share among the others' answers; then the sum over all answers.

    There are three marks. Each is tested so that in an honest crowd nobody gets it, with a probability of 99 % (an
    error of 1 %, divided by the number of reviewers):

    - "contrary": the reviewer agrees less than by chance, in all answers or in the answers of the two kinds of
      `leaning`.
    - "random": the agreement is less than slight (kappa below 0.2; at an error of 5 %) and not above chance. This
      takes a few hundred answers to show. A reviewer who always gives the same answer is random too.
    - "one_sided": more than 65 % of the answers of either kind are of one kind. This is only tested if `leaning.even`.
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
    """For each reviewer: the number of answers to records that others answered too, the agreement, and chance."""

    count: NDArray[np.int64]
    agreement: Floats
    chance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """For each reviewer: the number of answers of the first kind, and of either kind (see Leaning)."""

    first: NDArray[np.int64]
    decided: NDArray[np.int64]


def _shared(votes: Votes) -> _Shared:
    reviewers, answers = len(votes.reviewers), len(votes.answers)
    others = np.bincount(votes.record, minlength=votes.records)[votes.record] - 1
    record, reviewer, answer = (column[others > 0] for column in (votes.record, votes.reviewer, votes.answer))
    weight = 1 / others[others > 0]
    count = np.bincount(reviewer, minlength=reviewers)
    scale = 1 / np.maximum(count, 1)
    agreement = np.bincount(reviewer, weights=weight * _same(record, answer, answers), minlength=reviewers) * scale
    # How often each record has each answer; and for each reviewer, how often others gave each answer to the reviewer's
    # records (`beside`, which includes the reviewer's own answers: `own_weight`).
    given = csr_array((np.ones(len(record)), (record, answer)), shape=(votes.records, answers))
    beside = csr_array((weight, (reviewer, record)), shape=(reviewers, votes.records)) @ given
    own = csr_array((np.ones(len(record)), (reviewer, answer)), shape=(reviewers, answers))
    own_weight = csr_array((weight, (reviewer, answer)), shape=(reviewers, answers))
    chance = own.multiply(beside - own_weight).sum(axis=1) * scale**2
    return _Shared(count, agreement, chance)


def _same(record: NDArray[np.int32], answer: NDArray[np.int32], answers: int) -> NDArray[np.int64]:
    """Return for each vote how many others gave the same answer to the same record."""
    _, position, times = np.unique(record * np.int64(answers) + answer, return_inverse=True, return_counts=True)
    return np.asarray(times[position] - 1)


def _decided(votes: Votes, leaning: Leaning) -> Votes:
    """Return the votes whose answers are of the first or the second kind."""
    kept = _kinds(votes, leaning) != 0
    return replace(votes, record=votes.record[kept], reviewer=votes.reviewer[kept], answer=votes.answer[kept])


def _sides(votes: Votes, leaning: Leaning) -> _Sides:
    kind = _kinds(votes, leaning)
    reviewers = len(votes.reviewers)
    first, second = (np.bincount(votes.reviewer[kind == side], minlength=reviewers) for side in (1, -1))
    return _Sides(first, first + second)


def _kinds(votes: Votes, leaning: Leaning) -> NDArray[np.int64]:
    """Return the kind of each vote: 1 for the first kind, -1 for the second, 0 for neither."""
    codes = {True: 1, False: -1, None: 0}
    return np.array([codes[leaning.to(answer)] for answer in votes.answers], dtype=np.int64)[votes.answer]


def _marks(votes: Votes, leaning: Leaning, shared: _Shared, sides: _Sides) -> Iterator[tuple[str, ...]]:
    reviewers = max(len(votes.reviewers), 1)
    error = MARK_ERROR / reviewers
    # A reviewer who takes A for B may still agree on which answers are both good or both bad. So the answers that
    # prefer A or B are also tested alone.
    contrary = _contrary(shared, error / 2) | _contrary(_shared(_decided(votes, leaning)), error / 2)
    marks = {
        "contrary": contrary,
        "random": _random(shared, ERROR / reviewers) & ~contrary,
        "one_sided": _one_sided(sides, error) & leaning.even,
    }
    for reviewer in range(len(votes.reviewers)):
        yield tuple(name for name, marked in marks.items() if marked[reviewer])


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
    """Yield a measure for each reviewer. If nothing was counted its value is null, for the reason given."""
    for counted, *numbers in zip(count.tolist(), value.tolist(), low.tolist(), high.tolist(), strict=True):
        if counted:
            yield Measure(value=numbers[0], low=numbers[1], high=numbers[2], count=counted)
        else:
            yield Measure(value=None, reason=reason)
