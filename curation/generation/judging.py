"""What a judge's replies amount to: one rating per answer, how they differ when the order is swapped, statistics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from curation.types import Judgement, Row


class JudgeStatistics(Row):
    """How far one judge can be trusted. Shares are in [0, 1], and null where there is nothing to share.

    `parsed`: ratings that could be read. `swap_consistency`: pairs of answers that were put in the same order whichever
    came first. `histogram`: readings by rating, rounded half up. `ties`: sets whose best and worst answer got the same.
    """

    judge: str
    judgements: int
    parsed: float | None
    swap_consistency: float | None
    histogram: dict[str, int]
    ties: float | None


def mean_rating(judgements: Iterable[Judgement], position: int) -> float | None:
    """Return the mean of all readings of the candidate at `position`: null if one of them could not be read.

    A mean over what happens to be there would compare answers on different aspects or in different orders.
    """
    ratings = [judgement.ratings[position] for judgement in judgements]
    read = [rating for rating in ratings if rating is not None]
    return fmean(read) if read and len(read) == len(ratings) else None


def rationale(judgements: Sequence[Judgement], position: int) -> str | None:
    """Return what was said of the candidate at `position`, under judge and aspect where there are several."""
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
    """Whether a judge put two candidates in opposite orders when they were shown the other way round."""
    return any(first * second < 0 for first, second in _swapped_differences(judgements))


class JudgeTally:
    """Counts judgements set by set, keeping none."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, _Counts] = defaultdict(_Counts)

    def add(self, judgements: Sequence[Judgement], *, times: int = 1) -> None:
        """Count what each judge said of one set, or of so many sets of which the same was said."""
        for judge in {judgement.judge for judgement in judgements}:
            self._counts[judge].add([judgement for judgement in judgements if judgement.judge == judge], times)

    def merge(self, other: JudgeTally) -> None:
        """Count what the other one counted too."""
        for judge, counts in other._counts.items():
            self._counts[judge].merge(counts)

    def statistics(self) -> tuple[JudgeStatistics, ...]:
        """Return the statistics of every judge that was counted, by name."""
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
        ratings = [rating for judgement in judgements for rating in judgement.ratings]
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


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _swapped_differences(judgements: Iterable[Judgement]) -> Iterator[tuple[float, float]]:
    """Yield, for each pair of candidates rated in both orders by one judge on one aspect, both differences."""
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
    ratings = [mean_rating(judgements, position) for position in range(len(judgements[0].ratings))]
    read = [rating for rating in ratings if rating is not None]
    return max(read) - min(read) if len(read) >= 2 else None


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
