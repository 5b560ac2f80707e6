"""Two answers: the same text in other clothes, and how much longer one is."""

from __future__ import annotations

import math

import pytest

from curation.quality.pairs import is_identical, length_ratio


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), (" a\n", "a"), ("a\r\nb", "a\nb"), ("caf\u00e9", "cafe\u0301"), ("", " \n")]
)
def test_blanks_line_ends_and_unicode_form_make_no_other_text(first: str, second: str) -> None:
    assert is_identical(first, second)
    assert is_identical(second, first)


@pytest.mark.parametrize(("first", "second"), [("a", "A"), ("a b", "ab"), ("a", "a."), ("a", ""), ("\ufb01", "fi")])
def test_everything_else_does(first: str, second: str) -> None:
    assert not is_identical(first, second)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("abcd", "ab", 2), ("ab", "abcd", 2), ("abc", "xyz", 1), ("  ab  \n", "abc", 1.5), ("", " ", 1), ("你好", "a", 2)],
)
def test_the_ratio_is_that_of_the_longer_text_in_characters(first: str, second: str, ratio: float) -> None:
    assert length_ratio(first, second) == ratio


def test_any_text_is_infinitely_longer_than_none() -> None:
    assert length_ratio("", "a") == length_ratio("a", " ") == math.inf
