"""Combines a judge's replies: one rating for each answer, and statistics on how far the judge can be trusted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from statistics import fmean

from curation.review_statistics import JudgePair
from curation.types import Judgement, Row


class JudgeStatistics(Row):
    """Statistics of one judge. Shares are in [0, 1], and None if there is nothing to count.

    - `parsed`: the share of ratings that could be read.
    - `swap_consistency`: the share of pairs of answers that the judge put in the same order in both orders of showing.
    - `histogram`: the number of ratings by value from 1 to 5, rounded half up: {"4": 12, "5": 3}.
    - `ties`: the share of candidate sets whose best and worst answer got the same rating.
    """

    judge: str
    judgements: int
    parsed: float | None
    swap_consistency: float | None
    histogram: dict[str, int]
    ties: float | None


def mean_rating(judgements: Iterable[Judgement], position: int) -> float | None:
    """Return the mean of all ratings of the candidate at `position`, from 1 to 5; None if one could not be read.

    Without this rule, answers would be compared by ratings on different aspects or in different orders.
    """
    ratings = [judgement.on_five[position] for judgement in judgements]
    known_ratings = [rating for rating in ratings if rating is not None]
    return fmean(known_ratings) if known_ratings and len(known_ratings) == len(ratings) else None


def rationale(judgements: Sequence[Judgement], position: int) -> str | None:
    """Return all rationales about the candidate at `position`, each with its judge and aspect if there are several."""
    rationales = [(judgement, judgement.rationales[position]) for judgement in judgements]
    texts = [(judgement, text) for judgement, text in rationales if text is not None]
    judges = len({judgement.judge for judgement in judgements})
    aspects = len({judgement.aspect for judgement in judgements})
    paragraphs = []
    for judgement, text in texts:
        names = [judgement.judge] * (judges > 1) + [judgement.aspect] * (aspects > 1)
        paragraphs.append(f"{', '.join(names)}: {text}" if names else text)
    return "\n\n".join(paragraphs) or None


def disagrees_with_itself(judgements: Iterable[Judgement]) -> bool:
    """Whether a judge preferred the other one of two candidates when they were shown in the other order."""
    return any(first * second < 0 for first, second in _swapped_differences(judgements))


class JudgeTally:
    """Counts judgements, one candidate set at a time, without keeping them."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, _Counts] = defaultdict(_Counts)
        self._pairs: defaultdict[tuple[str, str], _PairCounts] = defaultdict(_PairCounts)

    def add(self, judgements: Sequence[Judgement], *, times: int = 1) -> None:
        """Count the judgements of one candidate set, or of `times` sets with the same judgements."""
        by_judge: dict[str, list[Judgement]] = {}
        for judgement in judgements:
            by_judge.setdefault(judgement.judge, []).append(judgement)
        for judge, own in by_judge.items():
            self._counts[judge].add(own, times)
        for pair in combinations(sorted(by_judge), 2):
            first, second = (_ratings(by_judge[judge]) for judge in pair)
            self._pairs[pair].add(first, second, times)

    def merge(self, other: JudgeTally) -> None:
        """Add the counts of another tally."""
        for judge, counts in other._counts.items():
            self._counts[judge].merge(counts)
        for pair, pair_counts in other._pairs.items():
            self._pairs[pair].merge(pair_counts)

    def statistics(self) -> tuple[JudgeStatistics, ...]:
        """Return the statistics of every judge, sorted by name."""
        return tuple(
            JudgeStatistics(
                judge=judge,
                judgements=counts.judgements,
                parsed=_share(counts.histogram.total(), counts.ratings),
                swap_consistency=_share(counts.consistent, counts.swapped),
                histogram=dict(sorted(counts.histogram.items())),
                ties=_share(counts.tied, counts.compared),
            )
            for judge, counts in sorted(self._counts.items())
        )

    def pairs(self) -> tuple[JudgePair, ...]:
        """Return what every two judges that rated the same answers preferred, sorted by their names."""
        return tuple(
            JudgePair(
                judges=judges,
                pairs=counts.pairs,
                undecided=counts.undecided,
                sets=counts.sets,
                equal=float(counts.equal),
            )
            for judges, counts in sorted(self._pairs.items())
        )


@dataclass(slots=True)
class _PairCounts:
    """See `JudgePair`. The sum is exact, so that merged tallies give the same number as one."""

    pairs: int = 0
    undecided: int = 0
    sets: int = 0
    equal: Fraction = Fraction(0)

    def add(self, first: Sequence[float | None], second: Sequence[float | None], times: int) -> None:
        choices = []
        for pair in combinations(range(len(first)), 2):
            ratings = (*(first[place] for place in pair), *(second[place] for place in pair))
            if None in ratings:
                continue
            choices.append([_sign(a - b) for a, b in (ratings[:2], ratings[2:]) if a is not None and b is not None])
        decided = [by_first == by_second for by_first, by_second in choices if by_first and by_second]
        self.pairs += times * len(choices)
        self.undecided += times * (len(choices) - len(decided))
        if decided:
            self.sets += times
            self.equal += times * Fraction(sum(decided), len(decided))

    def merge(self, other: _PairCounts) -> None:
        for name in ("pairs", "undecided", "sets", "equal"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class _Counts:
    judgements: int = 0
    ratings: int = 0
    swapped: int = 0
    consistent: int = 0
    compared: int = 0
    tied: int = 0
    histogram: Counter[str] = field(default_factory=Counter)

    def add(self, judgements: Sequence[Judgement], times: int) -> None:
        ratings = [rating for judgement in judgements for rating in judgement.on_five]
        self.judgements += times * len(judgements)
        self.ratings += times * len(ratings)
        for rating in ratings:
            if rating is not None:
                self.histogram[str(int(rating + 0.5))] += times
        for before, after in _swapped_differences(judgements):
            self.swapped += times
            self.consistent += times * (_sign(before) == _sign(after))
        spread = _spread(judgements)
        if spread is not None:
            self.compared += times
            self.tied += times * (spread == 0)

    def merge(self, other: _Counts) -> None:
        for name in ("judgements", "ratings", "swapped", "consistent", "compared", "tied"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.histogram.update(other.histogram)


def _share(count: int, total: int) -> float | None:
    return count / total if total else None


def _swapped_differences(judgements: Iterable[Judgement]) -> Iterator[tuple[float, float]]:
    """Yield both differences of ratings for each pair of candidates that a judge rated in both orders on one aspect."""
    by_question: defaultdict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        by_question[judgement.judge, judgement.aspect].append(judgement)
    for readings in by_question.values():
        if len(readings) != 2:
            continue
        original, swapped = readings
        for first, second in combinations(range(len(original.ratings)), 2):
            before, after = _difference(original, first, second), _difference(swapped, first, second)
            if before is not None and after is not None:
                yield before, after


def _difference(judgement: Judgement, first: int, second: int) -> float | None:
    first_rating, second_rating = judgement.ratings[first], judgement.ratings[second]
    return None if first_rating is None or second_rating is None else first_rating - second_rating


def _spread(judgements: Sequence[Judgement]) -> float | None:
    known_ratings = [rating for rating in _ratings(judgements) if rating is not None]
    return max(known_ratings) - min(known_ratings) if len(known_ratings) >= 2 else None


def _ratings(judgements: Sequence[Judgement]) -> list[float | None]:
    """Return the mean rating of each candidate."""
    return [mean_rating(judgements, position) for position in range(len(judgements[0].ratings))]


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
