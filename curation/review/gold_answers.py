"""What the right answer to a gold record may be, by task, and which answers of reviewers are right.

| task | `expected` in the gold file | a reviewer is right whose answer |
|---|---|---|
| pairwise | "a" (the first answer is better), "b" or "tie" | prefers the same answer, by however much, or neither |
| ranking | the place of each answer: [1, 2, 2] | puts the answers that differ in place into the same order |
| rating | a rating of each answer, null for any: [5, null, 2] | is at most one point away from each of them |
| binary | "good" or "bad" | is the same |
| safety | "good" or "bad", of two answers a list; null for any | is the same |

Answers are numbered as they stand in the file, whatever their places on the page are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from curation.types import Scores

PREFERENCES: dict[str, Scores] = {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5)}
QUALITIES = {"good": 1.0, "bad": 0.0}
RATINGS = {rating: (rating - 1) / 4 for rating in (1, 2, 3, 4, 5)}
ONE_POINT = 0.25
"""One point of a rating from 1 to 5, as a score."""
ROUNDING = 1e-6


def expected_scores(task: str, expected: object, answers: int) -> Scores:
    """Return the score of each of so many answers that `expected` asks for; null where any is right.

    Raises ValueError with what is allowed.
    """
    if task == "pairwise":
        if not isinstance(expected, str) or expected not in PREFERENCES:
            raise ValueError('must be "a" (the first answer is better), "b" (the second is) or "tie"')
        return PREFERENCES[expected]
    listed = expected if isinstance(expected, list) else [expected]
    if len(listed) != answers:
        raise ValueError(f"must be a list with an entry for each of the {answers} answers, not {len(listed)}")
    if task == "ranking":
        return _of_places(listed)
    kind, allowed = ("rating from 1 to 5", RATINGS) if task == "rating" else ('choice, "good" or "bad"', QUALITIES)
    scores = tuple(_score(entry, allowed, kind) for entry in listed)
    if all(score is None for score in scores):
        raise ValueError(f"must name a {kind}: with null alone every answer would be right")
    return scores


def is_right(task: str, expected: Scores, scores: Scores) -> bool:
    """Whether an answer with these scores is right, see the table at the top of this file."""
    if task in {"pairwise", "ranking"}:
        return _same_order(expected, scores)
    tolerance = ONE_POINT if task == "rating" else 0.0
    return all(
        right is None or (given is not None and abs(given - right) <= tolerance + ROUNDING)
        for right, given in zip(expected, scores, strict=True)
    )


def _same_order(expected: Scores, scores: Scores) -> bool:
    """Whether every two candidates that differ in `expected` differ so; if none do, whether all are equal."""
    pairs = list(combinations(range(len(expected)), 2))
    ordered = [pair for pair in pairs if _order(expected, pair)]
    return all(_order(expected, pair) == _order(scores, pair) for pair in ordered or pairs)


def _order(scores: Scores, pair: tuple[int, int]) -> int | None:
    """1 if the first of two is better, -1 if the second is, 0 if neither; null if one has no score."""
    first, second = (scores[place] for place in pair)
    return None if first is None or second is None else (first > second) - (first < second)


def _of_places(places: Sequence[object]) -> Scores:
    if not all(isinstance(place, int) and not isinstance(place, bool) and place >= 1 for place in places):
        raise ValueError("must be the place of each answer, a whole number from 1 on: [1, 3, 2]")
    taken = sorted({place for place in places if isinstance(place, int)})
    return tuple(1.0 - taken.index(place) / max(len(taken) - 1, 1) for place in places if isinstance(place, int))


def _score(entry: object, allowed: dict[str, float] | dict[int, float], kind: str) -> float | None:
    if entry is None:
        return None
    choices: Iterable[tuple[object, float]] = allowed.items()
    score = next((score for choice, score in choices if type(choice) is type(entry) and choice == entry), None)
    if score is None:
        raise ValueError(f"must hold for each answer a {kind}, or null, not {entry!r}")
    return score
