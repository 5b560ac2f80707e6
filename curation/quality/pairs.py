"""Checks of two answers to one prompt: they are the same, or one is far longer."""

from __future__ import annotations

import math

from curation import ids


def is_identical(first: str, second: str) -> bool:
    """Whether two texts are the same but for blanks around them, line ends and Unicode form (`ids.normalise`)."""
    if first == second:
        return True
    begins = first.lstrip()[:1], second.lstrip()[:1]
    # Texts that begin with different ASCII characters are not the same in any Unicode form.
    if begins[0] != begins[1] and "".join(begins).isascii() and all(begins):
        return False
    return ids.normalise(first) == ids.normalise(second)


def length_ratio(first: str, second: str) -> float:
    """Return how many times longer the longer text is, in characters without blanks around them.

    At least 1; 1 if both are empty, infinite if only one is.
    """
    short, long = sorted((len(first.strip()), len(second.strip())))
    if short == 0:
        return 1.0 if long == 0 else math.inf
    return long / short
