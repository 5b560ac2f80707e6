"""How often each reviewer is right on gold records, and which reviewers are wrong too often.

A reviewer who is right in 90 % of the answers is honest and careful; one who is right in 70 % should be found. After
each answer to a gold record there is a limit of wrong answers:

    gold answers         5   10   20   30   40   80  160
    marked from wrong    5    7    8   10   11   20   33     of three reviewers

The limits spend a small error little by little (Lan and DeMets 1983): up to answer n, an honest reviewer is marked with
a probability of at most `error * spent(n)`, however often anybody looks. The probabilities are exact, binomial. Most of
the error is spent by answer 40, because a reviewer who is right in 70 % is to be found by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from curation.labels.intervals import exact
from curation.review_statistics import GoldAccuracy, Measure

HONEST = 0.9
"""The share of right answers of a reviewer who is not to be marked."""
CROWD_ERROR = 0.01
"""The probability that any reviewer of an honest crowd is ever marked."""
FOUND_BY, SPENT_BY_THEN = 40, 0.8
"""After so many gold answers so much of the error is spent."""
MOST_LOOKED_AT = 1000
"""Later gold answers count for the share, and no more for the mark."""


def gold_accuracies(answers: Mapping[str, Sequence[bool]]) -> tuple[GoldAccuracy, ...]:
    """Return how often each reviewer was right, sorted by reviewer, with exact intervals (Clopper and Pearson 1934).

    `answers` says of each answer to a gold record whether it was right, in the order in which they were given. A
    reviewer is marked whose wrong answers ever reached their limit. In a crowd of honest reviewers nobody is, with a
    probability of 99 %: of R reviewers each may be marked with a probability of 1 - 0.99 ** (1 / R) (Sidak 1967).
    """
    given = {reviewer: right for reviewer, right in sorted(answers.items()) if right}
    error = 1 - (1 - CROWD_ERROR) ** (1 / max(len(given), 1))
    return tuple(
        GoldAccuracy(reviewer=reviewer, accuracy=share_right(sum(right), len(right)), marked=_is_marked(right, error))
        for reviewer, right in given.items()
    )


def share_right(right: int, count: int) -> Measure:
    """Return the share of right answers with its exact interval; it is not defined without an answer."""
    if not count:
        return Measure(value=None, reason="nobody answered a gold record")
    low, high = exact(right, count)
    return Measure(value=right / count, low=float(low), high=float(high), count=count)


def _is_marked(right: Sequence[bool], error: float) -> bool:
    wrong = 0
    looked_at = right[:MOST_LOOKED_AT]
    for is_right, limit in zip(looked_at, wrong_limits(len(looked_at), error), strict=True):
        wrong += not is_right
        if wrong >= limit:
            return True
    return False


def spent(count: int) -> float:
    """Return the share of the error that is spent after so many answers: 0.2 after 20, 0.8 after 40, 0.9 after 80."""
    if count <= FOUND_BY:
        return SPENT_BY_THEN * (count / FOUND_BY) ** 2
    return 1 - (1 - SPENT_BY_THEN) * FOUND_BY / count


@cache
def wrong_limits(count: int, error: float) -> tuple[int, ...]:
    """Return for 1 to `count` answers how many wrong ones mark a reviewer; more than there are answers: none does.

    `chances[w]` is the probability that an honest reviewer gave w wrong answers so far, and was not marked.
    """
    chances, marked, limits = [1.0], 0.0, []
    for answers in range(1, count + 1):
        chances = [
            (chances[wrong] * HONEST if wrong < len(chances) else 0.0)
            + (chances[wrong - 1] * (1 - HONEST) if wrong else 0.0)
            for wrong in range(len(chances) + 1)
        ]
        while marked + chances[-1] <= error * spent(answers):
            marked += chances.pop()
        limits.append(len(chances))
    return tuple(limits)
