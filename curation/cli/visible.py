"""Escapes characters that control a terminal, so that they are shown and have no effect.

A file name, a model's answer or a server's error may hold escape sequences, which move the cursor, change the title of
the window or overwrite other text; characters that reverse the order of the text around them; or line ends, after which
a line looks as if we had printed it. Everything that is printed goes through one of these functions, except for the
codes of our own colours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_CONTROLS = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode categories: controls (C0, DEL, C1), line and paragraph separators, and surrogates."""

_REVERSES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates (Unicode Bidirectional Algorithm, UAX 9, 2)."""


def visible(text: str, *, keep: Iterable[str] = ()) -> str:
    r"""Return `text` with control characters as Python writes them: ESC becomes `\x1b`. Those in `keep` stay."""
    return "".join(
        character.encode("unicode_escape").decode() if _is_control(character) and character not in keep else character
        for character in text
    )


def visible_lines(text: str) -> str:
    """Return a sentence of ours. Its own lines, which are indented by two, stay; other line ends are escaped."""
    first, *others = text.split("\n  ")
    return "\n  ".join(visible(line) for line in (first, *others))


def visible_json(text: str) -> str:
    r"""Return one line of JSON with the same data, and control characters as `\u001b` (RFC 8259, section 7)."""
    return "".join(f"\\u{ord(character):04x}" if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return character in _REVERSES or (not " " <= character <= "~" and unicodedata.category(character) in _CONTROLS)
