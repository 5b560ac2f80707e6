"""Questions as prompts: what models wrote about the parts of documents, checked, each with its place in a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from curation import ids
from curation.documents.requests import QuestionRequest
from curation.documents.written import UnreadableQuestions, WrittenQuestion, find_quote, read_questions
from curation.quality.duplicates import NearDuplicates
from curation.quality.words import words
from curation.types import CUT_OFF, CandidateSet, Drop, Message, Passage, Prompt

NEAR = 0.8
"""A question that is so similar to an earlier one about the same document repeats it."""
KNOWN = 0.8
"""An answer without the document is taken for the answer if it has at least this share of the quotation's words."""
LONG = 4
"""Only words of so many letters or more count in a quotation, numbers, and characters of Chinese and the like."""


class Reply(NamedTuple):
    """What a model replied to a request, and whether the reply was cut off."""

    text: str
    cut: bool


Replies = Mapping[str, Reply]
"""The reply to each request by the id of its prompt."""


def reply_of(question_set: CandidateSet) -> Reply | None:
    """Return the reply in the answer to a request; null if it has none."""
    if not question_set.candidates:
        return None
    candidate = question_set.candidates[0]
    return Reply(candidate.text, candidate.finish_reason in CUT_OFF)


def is_readable(reply: Reply, number: int) -> bool:
    """Whether a reply holds a list of questions."""
    try:
        read_questions(reply.text, number, cut=reply.cut)
    except UnreadableQuestions:
        return False
    return True


def questions_of(request: QuestionRequest, replies: Replies) -> tuple[Prompt, ...]:
    """Return the questions in the reply to a request, as prompts, before any check; none without a readable reply."""
    reply = replies.get(request.prompt.id)
    if reply is None:
        return ()
    try:
        written = read_questions(reply.text, request.number, cut=reply.cut)
    except UnreadableQuestions:
        return ()
    return tuple(_prompt(request.prompt, question) for question in written)


def checked_questions(
    requests: Iterable[QuestionRequest], replies: Replies, *, closed_book: bool
) -> Iterator[Prompt | Drop]:
    """Yield every question that models wrote, or a Drop with the reason; and a Drop for every missing question.

    - "no_question": the request failed, or its reply holds fewer questions than were asked for.
    - "repeated_question": it is nearly the same as an earlier question about the document in its language.
    - "needs_no_document": the model gave the answer without the document, too (with `closed_book`).

    The requests about one document must follow each other.
    """
    for _, of_document in groupby(requests, key=lambda request: _key(request.prompt)):
        earlier = NearDuplicates(NEAR)
        for request in of_document:
            questions = questions_of(request, replies)
            for question in questions:
                reason = "repeated_question" if earlier.repeats(_text(question)) else None
                if reason is None and closed_book and is_known(question, replies):
                    reason = "needs_no_document"
                yield question if reason is None else Drop(id=question.id, reason=reason)
            for number in range(len(questions), request.number):
                yield Drop(id=f"{request.prompt.id}#{number}", reason="no_question")


def closed_book_request(question: Prompt) -> Prompt | None:
    """Return the request for an answer to a question without its document; null if no passage is known to answer it."""
    passage = question.passage
    if passage is None or passage.answer_start is None:
        return None
    return Prompt(
        id=ids.prompt_id(question.messages, context=("closed_book", question.id)),
        messages=question.messages,
        source=question.source,
        language=question.language,
    )


def is_known(question: Prompt, replies: Replies) -> bool:
    """Whether a model answered the question correctly without the document.

    It did if its answer has at least the share KNOWN of the words that are in the passage which answers the question,
    and not in the question.
    """
    request, quoted = closed_book_request(question), answer_passage(question)
    reply = replies.get(request.id) if request is not None else None
    if reply is None or quoted is None:
        return False
    telling = {word for word in words(quoted) if _tells(word)} - set(words(_text(question)))
    return bool(telling) and len(telling & set(words(reply.text))) >= KNOWN * len(telling)


def answer_passage(question: Prompt) -> str | None:
    """Return the passage of the document that answers a question, null if none was named."""
    passage = question.passage
    if passage is None or passage.answer_start is None or passage.answer_end is None or question.document is None:
        return None
    return question.document[passage.answer_start - passage.start : passage.answer_end - passage.start]


def _prompt(request: Prompt, written: WrittenQuestion) -> Prompt:
    passage = request.passage
    assert passage is not None
    messages = (Message(role="user", content=written.text),)
    return request.model_copy(
        update={
            "id": ids.prompt_id(messages, context=(passage.document_id, str(passage.part), request.language)),
            "messages": messages,
            "passage": _with_answer(passage, written.quote, request.document or ""),
        }
    )


def _with_answer(passage: Passage, quote: str | None, text: str) -> Passage:
    """Return the passage with the place of a quotation, unless the document does not hold what the model quotes."""
    span = find_quote(quote, text) if quote is not None and passage.answerable else None
    if span is None:
        return passage
    start, end = span
    return passage.model_copy(update={"answer_start": passage.start + start, "answer_end": passage.start + end})


def _key(request: Prompt) -> tuple[str, str | None]:
    return (request.passage.document_id if request.passage else "", request.language)


def _text(question: Prompt) -> str:
    return question.messages[-1].content


def _tells(word: str) -> bool:
    return len(word) >= LONG or not word.isascii() or any(character.isdigit() for character in word)
