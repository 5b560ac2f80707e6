"""Makes the requests for questions about a document: how many questions, about which part, in which language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from curation import ids
from curation.documents.options import DocumentPrompts
from curation.documents.reading import Document
from curation.documents.splitting import Window, windows
from curation.templates import filled
from curation.types import Message, Passage, Prompt


class QuestionRequest(NamedTuple):
    """A request for questions about a part of a document, as a prompt, and how many questions it asks for."""

    prompt: Prompt
    number: int


def question_requests(document: Document, options: DocumentPrompts, *, source: str) -> Iterator[QuestionRequest]:
    """Yield the requests for the questions about one document.

    In each language `questions_per_document` questions are spread evenly over the parts of the document and over the
    templates. If there are fewer questions than parts, some parts have none. The requests follow from the document and
    the options alone, so a document gives the same requests whatever other documents there are.
    """
    parts = windows(document.text, tokens=options.window_tokens)
    number, templates = options.questions_per_document, options.question_templates
    # Otherwise every document would begin with the first template.
    first = int(document.id, 16)
    for code in options.languages:
        counts: Counter[tuple[int, str, bool]] = Counter()
        for question in range(number):
            answerable = ids.unit_interval("unanswerable", f"{document.id} {code} {question}") >= options.unanswerable
            template = templates[(first + question) % len(templates)] if answerable else options.unanswerable_template
            counts[question * len(parts) // number, template, answerable] += 1
        for (place, template, answerable), count in counts.items():
            language_name = options.languages[code]
            request = _request(document, parts[place], len(parts), code, language_name, answerable=answerable)
            yield _asking(request, template, count, source)


def _request(
    document: Document, window: Window, parts: int, code: str, language_name: str, *, answerable: bool
) -> Prompt:
    passage = Passage(
        document_id=document.id,
        source=document.source,
        part=window.part,
        parts=parts,
        start=window.start,
        end=window.end,
        answerable=answerable,
        language_name=language_name,
    )
    return Prompt(id="", messages=(), source="", language=code, document=window.text, passage=passage)


def _asking(request: Prompt, template: str, count: int, source: str) -> QuestionRequest:
    assert request.passage is not None
    assert request.document is not None
    values = {
        "num_samples": str(count),
        "language_name": request.passage.language_name,
        "document": request.document,
    }
    messages = (Message(role="user", content=filled(template, values)),)
    prompt_id = ids.prompt_id(messages, context=(request.passage.document_id, str(request.passage.part)))
    return QuestionRequest(request.model_copy(update={"id": prompt_id, "messages": messages, "source": source}), count)
