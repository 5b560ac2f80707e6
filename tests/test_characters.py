"""Which texts are blank, and which texts every service can store."""

from __future__ import annotations

import pytest

from curation.characters import is_blank, is_storable


@pytest.mark.parametrize(
    "text",
    [
        *("", " \t\r\n", "\u200b", "\u200b\u200d\ufeff\n", "\u2060\u00ad", "\u202e\u2069", "\x1b", "\U000e0041"),
        # Fillers of Hangul, an empty Braille cell, a joiner and a variation selector.
        *("\u3164", "\u115f\u1160", "\u2800", "\u034f\ufe0f"),
    ],
)
def test_a_text_of_characters_that_do_not_show_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", "\u200ba", ".", "0", "。", "👩\u200d👩", "\u0301", "\ufffd", "-"])
def test_a_text_with_anything_to_see_is_not_blank(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize("text", ["", "Why?", "\x01", "👩\u200d👩", "\U0010ffff"])
def test_unicode_text_without_nul_can_be_stored(text: str) -> None:
    assert is_storable(text)


@pytest.mark.parametrize("text", ["\0", "Why\0?", "\ud83d", "a\udc80b"])
def test_nul_and_lone_surrogates_cannot_be_stored(text: str) -> None:
    assert not is_storable(text)
