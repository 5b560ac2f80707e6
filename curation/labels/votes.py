"""The answers to many records as three columns of numbers. Everything that is computed over all records starts here."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from curation.labels.ballot import Ballot
from curation.types import Annotation, Scores

Codes = NDArray[np.int32]

Answer = Scores
"""What a reviewer answered to a record: the scores that the answer gives to the shown candidates."""
_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Every answer that counts. Three int32 columns have one entry for each answer, in the order of the records.

    `record` is the number of the answered record (0 to `records` - 1; not every record needs an answer), `reviewer` an
    index into `reviewers`, and `answer` an index into `answers`. Both tuples are sorted, so the same answers always get
    the same numbers. For example, ann prefers the first candidate of record 0, and bob the second of records 0 and 2:

        record    [0, 0, 2]    records    3
        reviewer  [0, 1, 1]    reviewers  ("ann", "bob")
        answer    [1, 0, 0]    answers    ((0.0, 1.0), (1.0, 0.0))
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
        """Return the answers that count (`Ballot.submitted`) of ballots, a record for each ballot."""
        return cls.counted(ballot.submitted for ballot in ballots)

    @classmethod
    def counted(cls, submitted: Iterable[Sequence[Annotation]]) -> Votes:
        """Return the answers of all records; `submitted` has the annotations that count of each record."""
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
        """Return the votes of all parts. The records of a part follow the records of the parts before it."""
        parts = list(parts)
        reviewers = sorted({name for part in parts for name in part.reviewers})
        answers = sorted({answer for part in parts for answer in part.answers}, key=order_of_answers)
        reviewer_codes = {name: code for code, name in enumerate(reviewers)}
        answer_codes = {answer: code for code, answer in enumerate(answers)}
        starts = [0]
        for part in parts:
            starts.append(starts[-1] + part.records)
        return cls(
            record=_concatenated([part.record + start for part, start in zip(parts, starts, strict=False)]),
            reviewer=_concatenated([_recoded(part.reviewer, part.reviewers, reviewer_codes) for part in parts]),
            answer=_concatenated([_recoded(part.answer, part.answers, answer_codes) for part in parts]),
            reviewers=tuple(reviewers),
            answers=tuple(answers),
            records=starts[-1],
        )


def order_of_answers(answer: Answer) -> tuple[tuple[bool, float], ...]:
    """Return the key by which answers are sorted. A missing score comes before every other score."""
    return tuple((score is not None, score or 0.0) for score in answer)


def _column(codes: array[int]) -> Codes:
    return np.frombuffer(codes.tobytes(), dtype=np.int32)


def _recoded(codes: Codes, names: Sequence[_Name], new_codes: Mapping[_Name, int]) -> Codes:
    """Return the codes of a part, which index `names`, as the codes that the names have in the whole."""
    return np.array([new_codes[name] for name in names], dtype=np.int32)[codes]


def _concatenated(columns: Sequence[Codes]) -> Codes:
    column = np.concatenate([np.zeros(0, dtype=np.int32), *columns])
    column.flags.writeable = False
    return column
