"""Votes as sparse matrices with a row for each record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from curation.labels.votes import Votes


def per_record(votes: Votes, codes: NDArray[np.int32], width: int) -> csr_array:
    """Return how often each answered record has each code, as a sparse int64 matrix (answered records x `width`).

    `codes` has one code for each vote, in the order of the votes: `votes.answer`, for example. A code that a record has
    twice may be stored as two entries of 1 (`sum_duplicates` makes one entry of them).
    """
    starts = np.flatnonzero(np.diff(votes.record, prepend=-1))
    ones = np.ones(len(votes), dtype=np.int64)
    return csr_array((ones, codes, np.append(starts, len(votes))), shape=(len(starts), width))


def distinct(matrix: csr_array) -> tuple[csr_array, NDArray[np.int64]]:
    """Return the distinct rows of a sparse int64 matrix, and how often each occurs.

    Rows are compared by a 64-bit hash: the sum, with overflow, of a random number for each entry. Two of a million
    different rows have the same hash with a probability of about 3e-8. The random numbers are fixed, so the rows come
    in the same order in every run.
    """
    numbers = np.random.default_rng(0).integers(np.iinfo(np.int64).min, np.iinfo(np.int64).max, size=matrix.shape[1])
    _, first, counts = np.unique(matrix @ numbers, return_index=True, return_counts=True)
    return matrix[first], counts
