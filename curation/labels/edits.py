"""How similar a reviewer's edit is to the texts that were shown."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz


def similarity(edit: str, original: str) -> float:
    """Return how alike two texts are, from 0 (nothing in common) to 1 (equal).

    It is the normalised Indel similarity (`rapidfuzz.fuzz.ratio`): the number of characters to delete and insert, as a
    share of all characters of both texts, taken from 1. For example, "blue" and "blues" give 1 - 1/9 = 0.89.
    """
    return fuzz.ratio(edit, original) / 100


def index_of_edited(edit: str, shown: Sequence[str]) -> int:
    """Return the index of the shown text that was edited: the most similar text, or the first of several.

    Raises ValueError if nothing was shown.
    """
    similarities = [similarity(edit, text) for text in shown]
    return similarities.index(max(similarities))
