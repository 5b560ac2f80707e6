"""What may be taken away unasked: a share of what is there, and always one thing."""

from __future__ import annotations

import pytest

from curation.shrinking import Shrinkage, exceeds, shrinkage


def test_rows_that_take_the_place_of_others_of_their_prompt_are_no_loss() -> None:
    before = ["p1", "p1", "p2", "p3", "p3", "p3"]
    assert shrinkage(before=before, now=["p3", "p1", "p2", "p1", "p4", "p4", "p4"]) == Shrinkage(removed=2, prompts=1)
    assert shrinkage(before=before, now=[]) == Shrinkage(removed=6, prompts=3)
    assert shrinkage(before=[], now=before) == Shrinkage(removed=0, prompts=0)


@pytest.mark.parametrize(
    ("removed", "total", "things", "max_shrink", "refused"),
    [
        # One of 8 is more than 5 %, but a single answer may always be taken back.
        (1, 8, 1, 0.05, False),
        (2, 8, 2, 0.05, True),
        # Ten rows of one prompt may go.
        (10, 20, 1, 0.05, False),
        (5, 100, 5, 0.05, False),
        (6, 100, 6, 0.05, True),
        (1, 1, 1, 0.0, False),
        (2, 1000, 2, 0.0, True),
        (1000, 1000, 1000, 1.0, False),
    ],
)
def test_more_than_the_share_and_more_than_one_thing_is_refused(
    removed: int, total: int, things: int, max_shrink: float, refused: bool
) -> None:
    assert exceeds(removed, total, max_shrink=max_shrink, things=things) is refused
