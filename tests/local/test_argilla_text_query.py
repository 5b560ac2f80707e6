"""Simple query strings over plain text."""

from __future__ import annotations

import pytest

from curation.local.argilla.server.text_query import FIELD_END, text_of, text_query


@pytest.mark.parametrize(
    ("query", "text", "matches"),
    [
        ("one two", "two and one", True),
        ("one two", "one", False),
        ("one | two", "two", True),
        ("one two | three", "three", True),
        ("one | two three", "one", False),
        ("-one", "two", True),
        ("-one", "one", False),
        ("-(one two)", "one", True),
        ("-(one two)", "two one", False),
        ('"one two"', "one, two", True),
        ('"one two"', "two one", False),
        ('-"one two"', "one two", False),
        ("tele*", "a television", True),
        ("tele", "a television", False),
        ("foo-bar", "bar and foo", True),
        ("c++", "in c", True),
        ("東京", "今日の東京は", True),
        ("ÄPFEL", "zwei äpfel", True),
        ("(one", "one", True),
        ("one)", "one", True),
        ("()", "one", False),
        ("", "one", False),
        ("| + -", "one", False),
        ("- one", "one", True),
        ("one (two | -)", "one two", True),
        ('"', "one", False),
    ],
)
def test_a_query_matches_these_texts(query: str, text: str, matches: bool) -> None:
    assert bool(text_query(query)(text)) is matches


def test_a_phrase_stays_inside_one_field() -> None:
    assert not text_query('"one two"')(f"one {FIELD_END} two")


def test_texts_with_more_occurrences_have_a_higher_score() -> None:
    score = text_query("tea")
    assert score("tea and tea") > score("tea") > 0


def test_the_text_of_a_chat_is_the_content_of_its_messages() -> None:
    chat = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "World"}]
    assert text_query("hello world")(text_of(chat))
    assert not text_query("assistant")(text_of(chat))
    assert text_of(None) == ""
    assert "value" in text_of({"key": "Value"})
