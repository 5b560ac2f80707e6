"""Windows: where a document is cut, and that each is a stretch of it."""

from __future__ import annotations

import random
import re

import pytest

from curation.documents.splitting import Window, windows

SHORT = "Parcels can be returned."


def parts(text: str, tokens: int) -> list[str]:
    return [window.text for window in windows(text, tokens=tokens)]


def test_a_short_document_is_one_window() -> None:
    assert windows(SHORT, tokens=100) == (Window(1, 0, 24, SHORT),)


def test_a_window_ends_at_the_end_of_a_paragraph() -> None:
    # 24 bytes a paragraph, and two between them: 50 bytes for two, 76 for three.
    text = "\n\n".join([SHORT] * 5)
    assert windows(text, tokens=15) == (
        Window(1, 0, 50, f"{SHORT}\n\n{SHORT}"),
        Window(2, 52, 102, f"{SHORT}\n\n{SHORT}"),
        Window(3, 104, 128, SHORT),
    )


def test_a_heading_begins_a_window_where_the_one_before_is_half_full_and_stays_with_its_text() -> None:
    text = f"# One\n\n{SHORT} {SHORT}\n\n# Two\n\n{SHORT}\n\nThree\n-----\n\n{SHORT}"
    assert parts(text, 25) == [
        f"# One\n\n{SHORT} {SHORT}",
        f"# Two\n\n{SHORT}\n\nThree\n-----\n\n{SHORT}",
    ]


def test_a_long_paragraph_is_cut_between_sentences_and_a_long_sentence_between_words() -> None:
    assert parts("One is here. Two is here! Three is here? Four.", 7) == [
        "One is here. Two is here!",
        "Three is here? Four.",
    ]
    assert parts("one two three four five", 3) == ["one two", "three four", "five"]
    assert parts("包裹可以退回。三十天内。", 6) == ["包裹可以退回。", "三十天内。"]


def test_a_long_word_is_cut_anywhere() -> None:
    assert parts("x" * 25, 3) == ["x" * 12, "x" * 12, "x"]


@pytest.mark.parametrize("seed", range(20))
def test_windows_hold_every_word_once_in_order_and_are_never_too_long(seed: int) -> None:
    choice = random.Random(seed)
    pieces = ["word", "é" * 9, "退货", "# Title", "Under\n===", "end.", "why?", "\n", "\n\n", "\n \n", " ", "x" * 70]
    text = " ".join(choice.choice(pieces) for _ in range(300)).strip()
    cut = windows(text, tokens=12)
    assert re.sub(r"\s", "", "".join(window.text for window in cut)) == re.sub(r"\s", "", text)
    assert all(window.text == text[window.start : window.end] == window.text.strip() for window in cut)
    assert all(len(window.text.encode()) <= 48 for window in cut)
    assert [window.part for window in cut] == list(range(1, len(cut) + 1))


@pytest.mark.slow
def test_a_word_of_megabytes_takes_no_longer_than_other_text() -> None:
    assert len(windows("x" * 4_000_000, tokens=1000)) == 1000
