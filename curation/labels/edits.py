"""How near a reviewer's text is to what was shown."""

from __future__ import annotations

from collections.abc import Sequence


def similarity(edit: str, original: str) -> float:
    """Return how alike two texts are, from 0 (nothing in common) to 1 (equal).

    It is the normalised Indel similarity (`rapidfuzz.fuzz.ratio`): 1 less the characters to delete and insert, as a
    share of all characters of both texts.
    """
    from rapidfuzz import fuzz

    return fuzz.ratio(edit, original) / 100


def edited(edit: str, shown: Sequence[str]) -> int:
    """Return the position of the shown text that an edit began with: the most similar, of equals the first.

    Raises ValueError if nothing was shown.
    """
    alike = [similarity(edit, text) for text in shown]
    return alike.index(max(alike))
