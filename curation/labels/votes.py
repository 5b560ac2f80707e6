"""The answers to many records in three columns of numbers: what is computed over all records starts here."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from curation.labels.ballot import Ballot
from curation.types import Annotation, Scores

Codes = NDArray[np.int32]

Answer = Scores
_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Every answer that counts, one per position of three int32 columns in order of record: 12 bytes an answer.

    `record` is the position of the record among all `records`, answered or not; `reviewer` and `answer` are positions
    in `reviewers` and `answers`. Both are sorted, so that the same answers have the same codes however they are split.
    """

    record: Codes
    reviewer: Codes
    answer: Codes
    reviewers: tuple[str, ...]
    answers: tuple[Answer, ...]
    records: int

    def __len__(self) -> int:
        return len(self.record)

    @classmethod
    def of(cls, ballots: Iterable[Ballot]) -> Votes:
        """Return the answers that count of these ballots (`Ballot.submitted`), in their order."""
        return cls.counted(ballot.submitted for ballot in ballots)

    @classmethod
    def counted(cls, submitted: Iterable[Sequence[Annotation]]) -> Votes:
        """Return these answers of each record, in their order."""
        reviewers: dict[str, int] = {}
        answers: dict[Answer, int] = {}
        record, reviewer, answer = array("i"), array("i"), array("i")
        records = 0
        for voters in submitted:
            for voter in voters:
                record.append(records)
                reviewer.append(reviewers.setdefault(voter.reviewer, len(reviewers)))
                answer.append(answers.setdefault(voter.scores, len(answers)))
            records += 1
        return cls.joined(
            [cls(_column(record), _column(reviewer), _column(answer), (*reviewers,), (*answers,), records)]
        )

    @classmethod
    def joined(cls, parts: Iterable[Votes]) -> Votes:
        """Return the answers of all parts; the records of a part follow those of the parts before it."""
        parts = list(parts)
        reviewers = sorted({name for part in parts for name in part.reviewers})
        answers = sorted({answer for part in parts for answer in part.answers}, key=order_of_answers)
        reviewer_codes = {name: code for code, name in enumerate(reviewers)}
        answer_codes = {answer: code for code, answer in enumerate(answers)}
        starts = [0]
        for part in parts:
            starts.append(starts[-1] + part.records)
        return cls(
            record=_together([part.record + start for part, start in zip(parts, starts, strict=False)]),
            reviewer=_together([_recoded(part.reviewer, part.reviewers, reviewer_codes) for part in parts]),
            answer=_together([_recoded(part.answer, part.answers, answer_codes) for part in parts]),
            reviewers=tuple(reviewers),
            answers=tuple(answers),
            records=starts[-1],
        )


def order_of_answers(answer: Answer) -> tuple[tuple[bool, float], ...]:
    """Return what answers are sorted by: a missing score comes before any other."""
    return tuple((score is not None, score or 0.0) for score in answer)


def _column(codes: array[int]) -> Codes:

    return np.frombuffer(codes.tobytes(), dtype=np.int32)


def _recoded(codes: Codes, names: Sequence[_Name], new: Mapping[_Name, int]) -> Codes:

    return np.array([new[name] for name in names], dtype=np.int32)[codes]


def _together(columns: Sequence[Codes]) -> Codes:

    found = np.concatenate([np.zeros(0, dtype=np.int32), *columns])
    found.flags.writeable = False
    return found


def per_record(votes: Votes, codes: NDArray[Any], width: int) -> Any:
    """Return a sparse matrix (int64, CSR): how often each record that was answered has each of `width` codes.

    `codes` has one code per answer. A code that a record has twice may be stored as two entries of 1.
    """
    from scipy.sparse import csr_array  # type: ignore[import-untyped]

    starts = np.flatnonzero(np.diff(votes.record, prepend=-1))
    ones = np.ones(len(votes), dtype=np.int64)
    return csr_array((ones, codes, np.append(starts, len(votes))), shape=(len(starts), width))


def distinct(matrix: Any) -> tuple[Any, NDArray[np.int64]]:
    """Return the distinct rows of a sparse int64 matrix, and how often each occurs.

    Rows are told apart by a 64-bit hash, a sum of random numbers that wraps around: a million rows collide with a
    probability of about 3e-8. The numbers are fixed, so that the same rows come in the same order.
    """
    numbers = np.random.default_rng(0).integers(np.iinfo(np.int64).min, np.iinfo(np.int64).max, size=matrix.shape[1])
    _, first, counts = np.unique(matrix @ numbers, return_index=True, return_counts=True)
    return matrix[first], counts
