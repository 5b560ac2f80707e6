"""Krippendorff's alpha of many records, with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from curation.labels.intervals import ERROR, wilson
from curation.labels.votes import Answer, distinct
from curation.types import Measure

Floats = NDArray[np.float64]

Level = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2_000

MOST_BLOCKS = 2_048
"""What is drawn in a resample: kinds of records, or, if there are more kinds, as many random groups of records."""


def alpha(paired: Any, answers: Sequence[Answer], *, level: Level, seed: int) -> Measure:
    """Return alpha and its interval, from how often each record has each answer (sparse: records x answers).

    Every record has two answers or more. Nominal: a record is a unit, and an answer its value. Ordinal and interval:
    a record's candidate is a unit, and its score the value; ordinal counts how many scores lie between two of them,
    interval how far apart they are.

    The interval of alpha is that of the percentile bootstrap: records are drawn with replacement, 2,000 times. Draws
    in which all is equal have no alpha and are left out. Where nobody disagreed every draw is 1, and the low end is
    the alpha of as many disagreements as Wilson's interval of none allows. Null for one record, and where everything
    is equal.

    The formula is Krippendorff's, "Computing Krippendorff's Alpha-Reliability" (2011), on weighted records, which the
    `krippendorff` library has not: it needs a matrix per record and call.
    """
    records = paired.shape[0]
    if records == 1:
        return Measure(value=None, count=1, reason="only one record was answered by two reviewers")
    rng = np.random.default_rng(seed)
    blocks = _blocks(paired, rng)
    sums = _nominal_sums(blocks) if level == "nominal" else _score_sums(blocks, answers)
    drawn = rng.multinomial(blocks.times.sum(), blocks.times / blocks.times.sum(), size=RESAMPLES)
    weighted = np.concatenate([blocks.times[None], drawn]).astype(np.float64) @ sums
    value, *resampled = _nominal_alpha(weighted) if level == "nominal" else _score_alpha(weighted, answers, level)
    if np.isnan(value):
        return Measure(value=None, count=records, reason="all answers are equal, as they would be by chance")
    if value == 1:
        return Measure(value=1.0, low=_lowest(blocks, records), high=1.0, count=records)
    low, high = np.nanquantile(resampled, [ERROR / 2, 1 - ERROR / 2]).tolist()
    return Measure(value=float(value), low=low, high=high, count=records)


def _lowest(blocks: _Blocks, records: int) -> float:
    """The alpha of the most disagreement that so many records without any still allow at 95 %."""
    counts = blocks.times @ _nominal_sums(blocks)[:, 1:]
    total = counts.sum()
    expected = (total**2 - (counts**2).sum()) / (total * (total - 1))
    low, _ = wilson(1.0, records)
    return float(1 - (1 - low) / expected)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Rows (record x answers), how they add up to blocks (sparse: blocks x rows), and how often each block occurs."""

    rows: Any
    grouping: Any
    times: NDArray[np.int64]


def _blocks(paired: Any, rng: np.random.Generator) -> _Blocks:
    """Equal records as one block; if too many differ, random groups of them, whose sums vary as the records do."""
    from scipy.sparse import csr_array, eye_array  # type: ignore[import-untyped]

    rows, times = distinct(paired)
    if len(times) <= MOST_BLOCKS:
        return _Blocks(_summed(rows), eye_array(len(times), format="csr"), times)
    records = paired.shape[0]
    group = rng.permutation(records) % MOST_BLOCKS
    grouping = csr_array((np.ones(records), (group, np.arange(records))), shape=(MOST_BLOCKS, records))
    return _Blocks(_summed(paired), grouping, np.ones(MOST_BLOCKS, dtype=np.int64))


def _summed(rows: Any) -> Any:
    """Rows as float64, with one entry per answer."""
    summed = rows.astype("float64")
    summed.sum_duplicates()
    return summed


def _nominal_sums(blocks: _Blocks) -> Floats:
    """Per block, the diagonal's sum of the coincidence matrix, then how often each answer occurs."""
    sizes = blocks.rows.sum(axis=1)
    agreeing = (blocks.rows.multiply(blocks.rows).sum(axis=1) - sizes) / (sizes - 1)
    return np.column_stack([blocks.grouping @ agreeing, (blocks.grouping @ blocks.rows).toarray()])


def _nominal_alpha(sums: Floats) -> Floats:
    agreeing, counts = sums[:, 0], sums[:, 1:]
    total = counts.sum(axis=1)
    return _one_less_ratio(total - agreeing, (total**2 - (counts**2).sum(axis=1)) / (total - 1))


def _score_sums(blocks: _Blocks, answers: Sequence[Answer]) -> Floats:
    """Per block, the coincidence matrix of the scores, row after row: the sum over the candidates."""
    total: Any = 0
    for of_answer in _score_tables(answers):
        counts = blocks.rows @ of_answer
        sizes = counts.sum(axis=1, keepdims=True)
        scaled = np.divide(counts, sizes - 1, out=np.zeros_like(counts), where=sizes > 1)
        own = np.eye(counts.shape[1])
        total += np.hstack([blocks.grouping @ (scaled[:, [v]] * (counts - own[v])) for v in range(len(own))])
    return np.asarray(total)


def _score_tables(answers: Sequence[Answer]) -> Iterator[Floats]:
    """Per candidate, which score each answer gives it (answers x scores, 0 and 1); no score beyond an answer's end."""
    scores = _scores(answers)
    for candidate in range(max(map(len, answers))):
        given = [answer[candidate] if candidate < len(answer) else None for answer in answers]
        yield np.array([[score == one for score in scores] for one in given], dtype=np.float64)


def _scores(answers: Sequence[Answer]) -> list[float]:
    """Every score that occurs, ascending."""
    return sorted({score for answer in answers for score in answer if score is not None})


def _score_alpha(sums: Floats, answers: Sequence[Answer], level: Level) -> Floats:
    """Alpha of each row of coincidence matrices (`_score_sums`), by the squared distances of the scores."""
    scores = np.array(_scores(answers))
    # In steps of the smallest difference, which changes no ratio: so no two scores are closer than 1.
    scores = scores / np.diff(scores).min(initial=1.0)
    observed = sums.reshape(-1, len(scores), len(scores))
    counts = observed.sum(axis=2)
    # The ordinal metric counts what lies between two values, and half of both: the distance of their mid-ranks.
    places = np.cumsum(counts, axis=1) - counts / 2 if level == "ordinal" else scores[None]
    distances = (places[:, :, None] - places[:, None, :]) ** 2
    expected = counts[:, :, None] * counts[:, None, :] / (counts.sum(axis=1) - 1)[:, None, None]
    return _one_less_ratio((observed * distances).sum(axis=(1, 2)), (expected * distances).sum(axis=(1, 2)))


def _one_less_ratio(observed: Floats, expected: Floats) -> Floats:
    """Alpha of the observed and expected disagreement; NaN where none is expected."""
    # Sums of equal answers may miss 0 by a rounding error; the smallest expected disagreement of any draw is above 1.
    return 1 - np.divide(observed, expected, out=np.full_like(expected, np.nan), where=expected > 1e-6)
