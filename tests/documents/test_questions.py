"""From a document to questions: which are asked for, and what becomes of what a model wrote."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.documents import (
    Document,
    DocumentPrompts,
    QuestionModel,
    QuestionRequest,
    Reply,
    checked_questions,
    closed_book_request,
    question_requests,
)
from curation.types import Drop, Prompt

PARAGRAPHS = [
    "Parcels can be returned within thirty days of delivery, in any packaging that protects them.",
    "The refund takes a week, and the shop pays the postage of every parcel that was damaged.",
    "Gift cards are never refunded, but they can be exchanged for cards of another colour.",
]
TEXT = "\n\n".join(PARAGRAPHS)
DOCUMENT = Document(ids.content_hash("document", TEXT), "returns.md", TEXT)
TEMPLATE = "{num_samples}|{language_name}|{document}"


def options(**values: Any) -> DocumentPrompts:
    return DocumentPrompts(
        path=Path("handbook"), question_model=QuestionModel(model_id="small"), question_templates=(TEMPLATE,), **values
    )


def requests(document: Document = DOCUMENT, **values: Any) -> list[QuestionRequest]:
    return list(question_requests(document, options(**values), source="handbook@1"))


def asked(document: Document = DOCUMENT, **values: Any) -> list[str]:
    return [request.prompt.messages[0].content for request in requests(document, **values)]


def test_a_short_document_is_asked_about_once_in_each_language() -> None:
    assert asked(questions_per_document=4, languages={"en": "English", "fr": "French"}) == [
        f"4|English|{TEXT}",
        f"4|French|{TEXT}",
    ]


def test_a_request_says_which_part_of_which_document_it_is_about() -> None:
    [first, *_] = requests(questions_per_document=3, window_tokens=50)
    assert first.number == 2
    prompt = first.prompt
    assert (prompt.source, prompt.language, prompt.document) == ("handbook@1", "en", "\n\n".join(PARAGRAPHS[:2]))
    passage = prompt.passage
    assert passage is not None
    assert (passage.document_id, passage.source, passage.part) == (DOCUMENT.id, "returns.md", 1)
    assert TEXT[passage.start : passage.end] == prompt.document


@pytest.mark.parametrize(
    ("number", "numbers"), [(1, [1]), (2, [1, 1]), (3, [2, 1]), (4, [2, 2]), (5, [3, 2]), (10, [5, 5])]
)
def test_questions_are_spread_evenly_over_the_parts(number: int, numbers: list[int]) -> None:
    # Two parts: two paragraphs of about 90 characters fit into 200, three do not.
    spread = requests(questions_per_document=number, window_tokens=50)
    assert [request.number for request in spread] == numbers
    assert [request.prompt.passage.part for request in spread if request.prompt.passage] == [
        *range(1, len(numbers) + 1)
    ]


def test_templates_are_used_evenly_within_a_document() -> None:
    templates = tuple(f"{mark} {TEMPLATE}" for mark in "ABC")
    several = options(questions_per_document=9).model_copy(update={"question_templates": templates})
    spread = list(question_requests(DOCUMENT, several, source="s"))
    assert Counter({request.prompt.messages[0].content[0]: request.number for request in spread}) == {
        "A": 3,
        "B": 3,
        "C": 3,
    }


def test_the_requests_of_a_document_do_not_depend_on_other_documents_and_never_coincide() -> None:
    other = Document("0123456789abcdef", "copy.md", TEXT)
    ids_of = [{request.prompt.id for request in requests(document)} for document in (DOCUMENT, other, DOCUMENT)]
    assert ids_of[0] == ids_of[2]
    assert not ids_of[0] & ids_of[1]


def test_about_the_share_of_questions_that_is_asked_for_has_no_answer_by_design() -> None:
    documents = [Document(ids.content_hash("document", str(number)), "s", TEXT) for number in range(200)]
    of_all = [request for document in documents for request in requests(document, unanswerable=0.1)]
    counts: Counter[bool] = Counter()
    for request in of_all:
        assert request.prompt.passage is not None
        counts[request.prompt.passage.answerable] += request.number
        assert ("NOT answer" in request.prompt.messages[0].content) is not request.prompt.passage.answerable
    assert counts.total() == 600
    # Six standard deviations of a binomial of 600 and 0.1 are 44.
    assert 16 <= counts[False] <= 104


def test_braces_in_a_document_reach_the_model_as_they_are() -> None:
    text = "Write {document} or {} or {{x}} wherever you like, as in C."
    [prompt] = asked(Document("00", "a.md", text), questions_per_document=1)
    assert prompt == f"1|English|{text}"


def replies_to(request: QuestionRequest, reply: str) -> dict[str, Reply]:
    return {request.prompt.id: Reply(reply, cut=False)}


def read(reply: str, number: int = 2, *, closed_book: bool = False, **replies: str) -> list[Prompt | Drop]:
    [request] = requests(questions_per_document=number)
    known = replies_to(request, reply)
    for prompt in checked_questions([request], known, closed_book=False):
        alone = closed_book_request(prompt) if isinstance(prompt, Prompt) else None
        if alone is not None and replies:
            known[alone.id] = Reply(replies["alone"], cut=False)
    return list(checked_questions([request], known, closed_book=closed_book))


def test_a_question_knows_its_document_its_part_and_the_passage_that_answers_it() -> None:
    [question] = read('[{"question": "Who pays the postage?", "quote": "The shop  pays the postage"}]', 1)
    assert isinstance(question, Prompt)
    assert [message.model_dump() for message in question.messages] == [
        {"role": "user", "content": "Who pays the postage?"}
    ]
    assert (question.language, question.source, question.document) == ("en", "handbook@1", TEXT)
    passage = question.passage
    assert passage is not None
    assert TEXT[passage.answer_start : passage.answer_end] == "the shop pays the postage"


def test_a_quotation_that_the_document_does_not_hold_is_not_believed() -> None:
    [question] = read('[{"question": "Who pays the postage?", "quote": "the customer pays the postage"}]', 1)
    assert isinstance(question, Prompt)
    assert question.passage is not None
    assert question.passage.answer_start is None


def test_questions_that_are_missing_or_repeat_each_other_are_counted_by_reason() -> None:
    repeated = "How long can a parcel be returned after it was delivered to the customer?"
    reply = f'["{repeated}", "Who pays?", "{repeated.lower()}"]'
    assert [getattr(entry, "reason", "kept") for entry in read(reply, 5)] == [
        "kept",
        "kept",
        "repeated_question",
        "no_question",
        "no_question",
    ]


def test_a_reply_that_cannot_be_read_gives_no_question() -> None:
    assert [getattr(entry, "reason", "kept") for entry in read("I will not.", 2)] == ["no_question", "no_question"]


@pytest.mark.parametrize(
    ("alone", "reason"),
    [
        ("The refund always takes a week.", "needs_no_document"),
        ("I cannot know that; it differs from shop to shop.", "kept"),
        ("A fortnight, by law.", "kept"),
    ],
)
def test_a_question_that_is_answered_without_the_document_is_dropped(alone: str, reason: str) -> None:
    reply = '[{"question": "How long does the refund take?", "quote": "The refund takes a week"}]'
    assert [getattr(entry, "reason", "kept") for entry in read(reply, 1, closed_book=True, alone=alone)] == [reason]
    assert [getattr(entry, "reason", "kept") for entry in read(reply, 1, closed_book=False, alone=alone)] == ["kept"]


def test_the_same_question_about_two_documents_is_two_prompts() -> None:
    other = Document("0123456789abcdef", "copy.md", TEXT)
    both = [requests(document, questions_per_document=1)[0] for document in (DOCUMENT, other)]
    replies = {request.prompt.id: Reply('["Who pays?"]', cut=False) for request in both}
    first, second = checked_questions(both, replies, closed_book=False)
    assert isinstance(first, Prompt)
    assert isinstance(second, Prompt)
    assert first.messages == second.messages
    assert first.id != second.id
