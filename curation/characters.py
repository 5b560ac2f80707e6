"""Characters that a service cannot store, and characters that nobody can see."""

from __future__ import annotations

import unicodedata

_SHOWS_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
"""Characters of other kinds that are blank too: fillers, an empty Braille cell, variation selectors."""
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def is_storable(value: str) -> bool:
    """Whether every service can store `value`: no NUL and no lone surrogates (which UTF-8 cannot encode)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text: white space, control, zero-width and filler characters alone."""
    if text and "!" <= text[0] <= "~":
        # Nearly every text begins like this.
        return False
    return all(
        unicodedata.category(character) in _INVISIBLE_CATEGORIES or character in _SHOWS_NOTHING for character in text
    )
