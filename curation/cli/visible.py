"""Names, texts and services' sentences on a terminal: what would steer it is shown, and does nothing.

A file name, a model's answer or a server's error may hold escape sequences, which move the cursor, change the window's
title or paint over what stood there; characters that turn the order of text around; or line ends that begin a line as
if it were ours. All that is printed goes through one of these functions, unless it is our own colour.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_STEERS = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Controls (C0, DEL, C1), line and paragraph separators, and halves of characters, which cannot be printed."""

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates (Unicode Bidirectional Algorithm, UAX 9, 2)."""


def visible(text: str, *, keep: Iterable[str] = ()) -> str:
    r"""Return `text` with what steers a terminal as Python writes it: ESC is `\x1b`. What is in `keep` stays."""
    return "".join(
        character.encode("unicode_escape").decode() if _steers(character) and character not in keep else character
        for character in text
    )


def visible_lines(text: str) -> str:
    """Return a sentence of ours with its own lines, which are indented by two; other line ends are shown."""
    first, *others = text.split("\n  ")
    return "\n  ".join(visible(line) for line in (first, *others))


def visible_json(text: str) -> str:
    r"""Return one line of JSON, the same data, with what steers a terminal escaped as `\u001b` (RFC 8259, 7)."""
    return "".join(f"\\u{ord(character):04x}" if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    return character in _TURNS or (not " " <= character <= "~" and unicodedata.category(character) in _STEERS)
