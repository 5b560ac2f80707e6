"""Krippendorff's alpha of many records, with a bootstrap interval.

Alpha is 1 - (observed disagreement / disagreement by chance), so it is 1 if all agree, and 0 if they agree as if by
chance. It is computed from the coincidence matrix: a cell (v, w) counts the pairs of answers v and w that two reviewers
gave to the same record. The sums below are linear in the records, so a bootstrap resample only weighs them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from curation.labels.intervals import ERROR, wilson
from curation.labels.matrices import distinct
from curation.labels.votes import Answer
from curation.review_statistics import Measure

Floats = NDArray[np.float64]

Level = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2_000

MOST_BLOCKS = 2_048
"""A resample draws distinct records. If there are more distinct records, it draws so many random groups of records."""


def alpha(paired: csr_array, answers: Sequence[Answer], *, level: Level, seed: int) -> Measure:
    """Return alpha and its interval. `paired` has how often each record has each answer (sparse: records x answers).

    Every record must have two answers or more. At the nominal level a record is a unit, and an answer its value. At the
    ordinal and interval levels each candidate of a record is a unit, and its score the value. The ordinal level counts
    how many scores lie between two scores, the interval level takes their difference.

    The interval is that of the percentile bootstrap: 2,000 times, records are drawn with replacement. A draw in which
    all answers are equal has no alpha, and is left out. If nobody disagreed, every draw would give 1; the low end is
    then the alpha of as many disagreements as Wilson's interval of no disagreement allows. The value is null for a
    single record, and if all answers are equal.

    The formula is Krippendorff's, "Computing Krippendorff's Alpha-Reliability" (2011). The library `krippendorff` does
    not weigh records: each resample would need a matrix with a column for every record.
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
    """Return the low end of alpha's interval if nobody disagreed on any of the records."""
    counts = blocks.times @ _nominal_sums(blocks)[:, 1:]
    total = counts.sum()
    expected = (total**2 - (counts**2).sum()) / (total * (total - 1))
    low, _ = wilson(1.0, records)
    return float(1 - (1 - low) / expected)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """What a resample draws.

    - `rows`: how often each row has each answer (sparse: rows x answers); a row is a record or a distinct record
    - `grouping`: which rows a block adds up (sparse: blocks x rows, 0 and 1)
    - `times`: how often each block occurs
    """

    rows: csr_array
    grouping: csr_array
    times: NDArray[np.int64]


def _blocks(paired: csr_array, rng: np.random.Generator) -> _Blocks:
    """Return a block for each distinct record; if there are too many, random groups, which vary as their records do."""
    rows, times = distinct(paired)
    if len(times) <= MOST_BLOCKS:
        return _Blocks(_summed(rows), eye_array(len(times), format="csr"), times)
    records = paired.shape[0]
    group = rng.permutation(records) % MOST_BLOCKS
    grouping = csr_array((np.ones(records), (group, np.arange(records))), shape=(MOST_BLOCKS, records))
    return _Blocks(_summed(paired), grouping, np.ones(MOST_BLOCKS, dtype=np.int64))


def _summed(rows: csr_array) -> csr_array:
    """Return rows as float64, in which each answer of a row has a single entry."""
    summed = rows.astype("float64")
    summed.sum_duplicates()
    return summed


def _nominal_sums(blocks: _Blocks) -> Floats:
    """Return for each block the sum of the coincidence matrix's diagonal, then how often each answer occurs."""
    sizes = blocks.rows.sum(axis=1)
    agreeing = (blocks.rows.multiply(blocks.rows).sum(axis=1) - sizes) / (sizes - 1)
    return np.column_stack([blocks.grouping @ agreeing, (blocks.grouping @ blocks.rows).toarray()])


def _nominal_alpha(sums: Floats) -> Floats:
    """Return alpha of each row of sums, which are those of `_nominal_sums`."""
    agreeing, counts = sums[:, 0], sums[:, 1:]
    total = counts.sum(axis=1)
    return _one_less_ratio(total - agreeing, (total**2 - (counts**2).sum(axis=1)) / (total - 1))


def _score_sums(blocks: _Blocks, answers: Sequence[Answer]) -> Floats:
    """Return for each block the coincidence matrix of the scores, row after row, added up over the candidates."""
    scores = len(_scores(answers))
    total = np.zeros((len(blocks.times), scores**2))
    for table in _score_tables(answers):
        counts = blocks.rows @ table
        sizes = counts.sum(axis=1, keepdims=True)
        scaled = np.divide(counts, sizes - 1, out=np.zeros_like(counts), where=sizes > 1)
        # Nobody is paired with their own answer, so one is taken from the diagonal.
        own = np.eye(scores)
        total += np.hstack([blocks.grouping @ (scaled[:, [v]] * (counts - own[v])) for v in range(scores)])
    return total


def _score_tables(answers: Sequence[Answer]) -> Iterator[Floats]:
    """Yield for each candidate which score each answer gives it: a matrix (answers x scores) of 0 and 1.

    Records may show different numbers of candidates. An answer about fewer candidates has a row of zeros.
    """
    scores = _scores(answers)
    for candidate in range(max(map(len, answers))):
        given = [answer[candidate] if candidate < len(answer) else None for answer in answers]
        yield np.array([[score == value for score in scores] for value in given], dtype=np.float64)


def _scores(answers: Sequence[Answer]) -> list[float]:
    """Return every score that occurs, ascending."""
    return sorted({score for answer in answers for score in answer if score is not None})


def _score_alpha(sums: Floats, answers: Sequence[Answer], level: Level) -> Floats:
    """Return alpha of each row of sums, which are those of `_score_sums`, by the squared distances of the scores."""
    scores = np.array(_scores(answers))
    # Scaled so that the two nearest scores differ by 1, which does not change the ratio of disagreements.
    scores = scores / np.diff(scores).min(initial=1.0)
    observed = sums.reshape(-1, len(scores), len(scores))
    counts = observed.sum(axis=2)
    # The ordinal metric counts the values between two values and half of the two: the distance of their mid-ranks.
    places = np.cumsum(counts, axis=1) - counts / 2 if level == "ordinal" else scores[None]
    distances = (places[:, :, None] - places[:, None, :]) ** 2
    expected = counts[:, :, None] * counts[:, None, :] / (counts.sum(axis=1) - 1)[:, None, None]
    return _one_less_ratio((observed * distances).sum(axis=(1, 2)), (expected * distances).sum(axis=(1, 2)))


def _one_less_ratio(observed: Floats, expected: Floats) -> Floats:
    """Return alpha from the observed and the expected disagreement; NaN if none is expected."""
    # The sums of equal answers may miss 0 by a rounding error; any other expected disagreement is above 1.
    return 1 - np.divide(observed, expected, out=np.full_like(expected, np.nan), where=expected > 1e-6)
