"""What a gold file may expect, by task, and which answers of reviewers are right."""

from __future__ import annotations

import pytest

from curation.review.gold_answers import expected_scores, is_right
from curation.types import Scores


@pytest.mark.parametrize(
    ("task", "expected", "scores"),
    [
        ("pairwise", "a", (1.0, 0.0)),
        ("pairwise", "b", (0.0, 1.0)),
        ("pairwise", "tie", (0.5, 0.5)),
        ("binary", "good", (1.0,)),
        ("binary", ["bad"], (0.0,)),
        ("safety", "bad", (0.0,)),
        ("safety", ["good", None], (1.0, None)),
        ("rating", [5, 2, None], (1.0, 0.25, None)),
        ("rating", 3, (0.5,)),
        ("ranking", [1, 2, 3], (1.0, 0.5, 0.0)),
        ("ranking", [2, 1, 2], (0.0, 1.0, 0.0)),
        ("ranking", [4, 4], (1.0, 1.0)),
    ],
)
def test_what_is_expected_gives_each_answer_of_the_file_a_score(task: str, expected: object, scores: Scores) -> None:
    assert expected_scores(task, expected, len(scores)) == scores


@pytest.mark.parametrize(
    ("task", "expected", "answers", "allowed"),
    [
        ("pairwise", "c", 2, '"tie"'),
        ("pairwise", "both_good", 2, '"tie"'),
        ("pairwise", ["a"], 2, '"tie"'),
        ("pairwise", None, 2, '"tie"'),
        ("binary", "fine", 1, '"good" or "bad"'),
        ("binary", True, 1, '"good" or "bad"'),
        ("binary", None, 1, "every answer would be right"),
        ("safety", "good", 2, "each of the 2 answers"),
        ("rating", [5], 2, "each of the 2 answers"),
        ("rating", [5, 6], 2, "1 to 5"),
        ("rating", [5, "4"], 2, "1 to 5"),
        ("rating", [5, True], 2, "1 to 5"),
        ("rating", [5, 4.0], 2, "1 to 5"),
        ("rating", [None, None], 2, "every answer would be right"),
        ("ranking", [0, 1], 2, "whole number from 1"),
        ("ranking", [1, None], 2, "whole number from 1"),
        ("ranking", [True, 2], 2, "whole number from 1"),
        ("ranking", [1, 2, 3], 2, "each of the 2 answers"),
    ],
)
def test_another_expectation_is_refused_with_what_is_allowed(
    task: str, expected: object, answers: int, allowed: str
) -> None:
    with pytest.raises(ValueError, match=allowed):
        expected_scores(task, expected, answers)


@pytest.mark.parametrize(
    ("task", "expected", "scores", "right"),
    [
        ("pairwise", (1.0, 0.0), (2 / 3, 1 / 3), True),
        ("pairwise", (1.0, 0.0), (1.0, 1.0), False),
        ("pairwise", (1.0, 0.0), (0.0, 1.0), False),
        ("pairwise", (0.5, 0.5), (0.0, 0.0), True),
        ("pairwise", (0.5, 0.5), (1.0, 0.0), False),
        ("ranking", (1.0, 0.0, 0.0), (1.0, 0.5, 0.0), True),
        ("ranking", (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), False),
        ("ranking", (1.0, 0.5, 0.0), (1.0, 0.0, 0.5), False),
        ("ranking", (1.0, 1.0), (0.5, 0.5), True),
        ("rating", (1.0, 0.25), (0.75, 0.5), True),
        ("rating", (1.0, 0.25), (0.5, 0.25), False),
        ("rating", (1.0, None), (1.0, None), True),
        ("rating", (1.0, 0.25), (1.0, None), False),
        ("binary", (1.0,), (1.0,), True),
        ("binary", (1.0,), (0.0,), False),
        ("safety", (1.0, None), (1.0, 0.0), True),
        ("safety", (1.0, 0.0), (1.0, 1.0), False),
    ],
)
def test_an_answer_is_right_as_its_task_compares(task: str, expected: Scores, scores: Scores, right: bool) -> None:
    assert is_right(task, expected, scores) is right
