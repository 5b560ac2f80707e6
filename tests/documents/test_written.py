"""What models write when they are asked for questions: read strictly, whatever its form, and never guessed."""

from __future__ import annotations

import pytest

from curation.documents.written import UnreadableQuestions, WrittenQuestion, find_quote, read_questions

TWO = ("How long can parcels be returned?", "Who pays the postage?")


def texts(reply: str, count: int = 9, *, cut: bool = False) -> tuple[str, ...]:
    return tuple(question.text for question in read_questions(reply, count, cut=cut))


@pytest.mark.parametrize(
    "reply",
    [
        '["How long can parcels be returned?", "Who pays the postage?"]',
        '```json\n[{"question": "How long can parcels be returned?"}, {"Question": "Who pays the postage?"}]\n```',
        'Here you are:\n\n{"questions": [{"question": "How long can parcels be returned?", "quote": "thirty days"},'
        ' {"question": "Who pays the postage?", "quote": ""}]}\nAnything else?',
        "1. How long can parcels be returned?\n2. Who pays the postage?",
        "Two questions:\n\n1) **How long can parcels be returned?**\n\n2) **Who pays the postage?**\n\nGood luck!",
        "**1.** How long can parcels be returned?\n**2.** Who pays the postage?",
        "Q1: How long can parcels be returned?\nQ2: Who pays the postage?",
        "**Question 1:** How long can parcels be returned?\n**Question 2:** Who pays the postage?",
        "- How long can parcels be returned?\n- Who pays the postage?",
        '* "How long can parcels be returned?"\n* "Who pays the postage?"',
        "How long can parcels be returned?\n\nWho pays the postage?",
        '<think>1. Is this a question? ["no"]\n2. Neither is this?</think>\n1. How long can parcels be returned?\n'
        "2. Who pays the postage?",
    ],
)
def test_a_list_of_questions_is_read_in_every_form_that_models_write(reply: str) -> None:
    assert texts(reply) == TWO


def test_a_numbered_list_may_hold_bullets_and_footnotes_of_its_own() -> None:
    reply = "1. How long [1] can parcels be returned?\n   - asked of the first paragraph\n2. Who pays the postage?"
    assert texts(reply) == ("How long [1] can parcels be returned?", "Who pays the postage?")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot help with that.",
        "How long can parcels be returned? It is not said.\nWho pays?",
        "[]",
        "{}",
        '[{"answer": "thirty days"}]',
        '[{"question": "Who pays?"}, {"answer": "thirty days"}]',
        '[{"question": 3}]',
        '[["Who pays?"]]',
        "[1, 2]",
        '[{"tags": ["Who pays?", "Who does not?"]}]',
        "1. \n2. ",
        f"1. {'x' * 2001}?",
        "<think>1. Who pays?</think>",
    ],
)
def test_what_is_no_list_of_questions_is_never_taken_for_one(reply: str) -> None:
    with pytest.raises(UnreadableQuestions):
        read_questions(reply, 2)


def test_more_questions_than_were_asked_for_are_left_out() -> None:
    assert texts('["One?", "Two?", "Three?"]', 2) == ("One?", "Two?")


def test_the_last_item_of_a_list_that_was_cut_off_is_left_out() -> None:
    assert texts("1. One?\n2. Two?\n3. What is th", cut=True) == ("One?", "Two?")
    assert texts("1. One?\n2. Two?\n3. What is th") == ("One?", "Two?", "What is th")
    assert texts('[{"question": "One?", "quote": "1"}, {"question": "Tw', cut=True) == ("One?",)
    with pytest.raises(UnreadableQuestions):
        read_questions("1. What is th", 3, cut=True)


def test_a_question_may_name_the_passage_that_answers_it() -> None:
    reply = '[{"question": "How long?", "quote": " thirty days "}, {"question": "Why?", "quote": null}]'
    assert read_questions(reply, 2) == (WrittenQuestion("How long?", "thirty days"), WrittenQuestion("Why?"))


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("within thirty days", "within thirty days"),
        ("Within  thirty\ndays", "within thirty days"),
        ('"within thirty days..."', "within thirty days"),
        ("\u201cthe shop\u2019s own label\u201d", "the shop's own\n label"),
        ("a+b (see [1])", "a+b (see [1])"),
        ("within forty days", None),
        ("in", None),
        ("...", None),
        ("", None),
    ],
)
def test_a_quotation_is_found_where_it_stands_in_the_text_and_nowhere_else(quote: str, expected: str | None) -> None:
    text = "Parcels can be returned within thirty days, with the shop's own\n label. For a+b (see [1]) it is longer."
    span = find_quote(quote, text)
    assert (None if span is None else text[slice(*span)]) == expected
