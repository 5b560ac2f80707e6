"""How near an edit is to what was shown, and to which of it."""

from __future__ import annotations

import pytest

from curation.labels import index_of_edited, similarity


@pytest.mark.parametrize(
    ("edit", "original", "expected"),
    [
        ("same", "same", 1.0),
        ("", "", 1.0),
        ("abc", "xyz", 0.0),
        ("abc", "", 0.0),
        ("abcd", "abc", 6 / 7),  # one insertion among seven characters
        ("lewenstein", "levenshtein", 1 - 3 / 21),  # the example of rapidfuzz: v for w, and an h
    ],
)
def test_similarity_is_one_less_the_share_of_deletions_and_insertions(
    edit: str, original: str, expected: float
) -> None:
    assert similarity(edit, original) == pytest.approx(expected)
    assert similarity(original, edit) == pytest.approx(expected)


def test_the_edited_text_is_the_most_similar() -> None:
    shown = ("The sky is blue.", "Because of Rayleigh scattering.", "I do not know.")
    assert index_of_edited("Because of Rayleigh scattering, the sky is blue.", shown) == 1
    assert index_of_edited("I do not know it.", shown) == 2


def test_if_texts_are_equally_similar_the_first_was_edited() -> None:
    assert index_of_edited("abc", ("xyz", "abd", "abe")) == 1


def test_an_edit_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        index_of_edited("abc", ())
