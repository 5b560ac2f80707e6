"""Simulated crowds: records with a known truth, and reviewers with known habits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from curation.labels import Ballot, Votes
from curation.labels.votes import Answer
from curation.review import PairwiseTask
from tests.rows import make_annotation, make_ballot

A: Answer = (1.0, 0.0)
B: Answer = (0.0, 1.0)
GOOD: Answer = (1.0, 1.0)
BAD: Answer = (0.0, 0.0)
ANSWERS = (A, B, GOOD, BAD)
TRUTHS = (0.4, 0.4, 0.12, 0.08)
SWAPPED = {A: B, B: A, GOOD: GOOD, BAD: BAD}

SIDES = PairwiseTask().leaning
"""Whether an answer prefers the first or the second of two."""

Habit = Literal["honest", "contrary", "random", "one_sided"]


def make_crowd(
    habits: Sequence[Habit], *, records: int, seed: int, each: int = 3, accuracy: float = 0.8
) -> tuple[list[Answer], list[Ballot]]:
    """Return the truth and the ballots of records that `each` of the reviewers r00, r01, ... answered, at random."""
    rng = np.random.default_rng(seed)
    truth = [ANSWERS[code] for code in rng.choice(4, records, p=TRUTHS)]
    ballots = []
    for number, true in enumerate(truth):
        chosen = rng.choice(len(habits), each, replace=False).tolist()
        annotations = [
            make_annotation(f"r{reviewer:02}", *_answer(habits[reviewer], true, rng, accuracy)) for reviewer in chosen
        ]
        ballots.append(make_ballot(*annotations, record_id=f"{number:016x}"))
    return truth, ballots


def make_votes(*records: Mapping[str, Answer]) -> Votes:
    """Return the votes of records, each given as reviewer -> answer."""
    return Votes.of(
        make_ballot(*(make_annotation(name, *scores) for name, scores in record.items())) for record in records
    )


def _answer(habit: Habit, true: Answer, rng: np.random.Generator, accuracy: float) -> Answer:
    if habit == "random" or rng.random() > accuracy:
        return ANSWERS[rng.choice(4, p=TRUTHS)]
    if habit == "one_sided":
        return A if rng.random() < 0.7 else true
    return SWAPPED[true] if habit == "contrary" else true
