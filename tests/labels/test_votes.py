"""Votes are the answers that count, in columns; splitting and joining them changes nothing."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from curation.labels import Ballot, Votes
from curation.labels.matrices import distinct, per_record
from curation.labels.votes import Answer
from tests.labels.crowd import GOOD, A, B, make_crowd
from tests.rows import make_annotation, make_ballot

BALLOTS = make_crowd(["honest"] * 7, records=50, seed=3)[1]


def listed(votes: Votes) -> list[tuple[int, str, Answer]]:
    """The votes as (record, reviewer, answer)."""
    columns = zip(votes.record.tolist(), votes.reviewer.tolist(), votes.answer.tolist(), strict=True)
    return [(record, votes.reviewers[reviewer], votes.answers[answer]) for record, reviewer, answer in columns]


def spoken(ballots: list[Ballot]) -> list[tuple[int, str, Answer]]:
    return [(n, voter.reviewer, voter.scores) for n, ballot in enumerate(ballots) for voter in ballot.submitted]


def same(left: Votes, right: Votes) -> bool:
    columns: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = [
        (left.record, right.record),
        (left.reviewer, right.reviewer),
        (left.answer, right.answer),
    ]
    named = (left.reviewers, left.answers, left.records) == (right.reviewers, right.answers, right.records)
    return named and all(a.dtype == b.dtype == np.int32 and np.array_equal(a, b) for a, b in columns)


def test_votes_are_the_submitted_answers() -> None:
    votes = Votes.of(BALLOTS)
    assert listed(votes) == spoken(BALLOTS)
    assert (len(votes), votes.records) == (150, 50)
    assert list(votes.reviewers) == sorted(votes.reviewers)
    assert list(votes.answers) == sorted(votes.answers)


def test_only_answers_that_count_are_votes() -> None:
    ballots = [
        make_ballot(make_annotation("simulated-a", *A), make_annotation("bob", *B)),
        make_ballot(make_annotation("ann", status="draft")),
        make_ballot(make_annotation("simulated-a", *GOOD)),
    ]
    votes = Votes.of(ballots)
    assert listed(votes) == [(0, "bob", B), (2, "simulated-a", GOOD)]
    assert votes.records == 3


@pytest.mark.parametrize("cuts", [[0], [50], [10, 10, 30], [1, 49]])
def test_joined_parts_are_the_same_as_the_whole(cuts: list[int]) -> None:
    bounds = [0, *cuts, len(BALLOTS)]
    parts = [Votes.of(BALLOTS[start:end]) for start, end in pairwise(bounds)]
    assert same(Votes.joined(parts), Votes.of(BALLOTS))


def test_there_may_be_no_votes_at_all() -> None:
    for none in (Votes.of([]), Votes.joined([])):
        assert (len(none), none.records, none.reviewers, none.answers) == (0, 0, (), ())
    assert same(Votes.joined([Votes.of([]), Votes.of(BALLOTS)]), Votes.of(BALLOTS))


def test_votes_go_to_another_process_and_are_small() -> None:
    votes = Votes.of(BALLOTS * 200)
    sent = pickle.dumps(votes)
    assert same(pickle.loads(sent), votes)
    assert len(sent) < 13 * len(votes)


def test_votes_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Votes.of(BALLOTS).record[0] = 1


def test_records_with_equal_answers_are_one_row_with_a_count() -> None:
    votes = Votes.of([make_ballot(), *BALLOTS])
    rows, times = distinct(per_record(votes, votes.answer, len(votes.answers)))
    bags = Counter(tuple(sorted(voter.scores for voter in ballot.submitted)) for ballot in BALLOTS)
    counts = {
        tuple(answer for answer, count in zip(votes.answers, row, strict=True) for _ in range(count)): number
        for row, number in zip(rows.toarray().tolist(), times.tolist(), strict=True)
    }
    assert counts == bags
