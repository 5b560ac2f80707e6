"""Questions about documents: asks for those that are missing, stores the replies, and turns them into prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from curation.config import Config, Services
from curation.documents import (
    Document,
    DocumentPrompts,
    QuestionRequest,
    checked_questions,
    closed_book_request,
    complaint,
    is_readable,
    load_documents,
    question_requests,
    windows,
)
from curation.errors import DataError
from curation.generation import Estimate, estimate, spooled
from curation.runs.asking import AskedReport, ListKind, Requests, Watch, stored_replies, without_document
from curation.store import Snapshot, Store
from curation.types import Drop, Message, Prompt
from curation.wording import counted, percent, reasons

NAMED = 5
"""A report names so many of the documents that could not be read."""
STAND_IN = "x" * 100
"""Stands for a question that is not written yet, in estimates."""
QUESTIONS = ListKind("questions", is_readable, complaint)


class QuestionReport(AskedReport):
    """What became of documents: expected = documents x languages x questions_per_document.

    - `unread` counts files and rows that are no document, by reason; `named` has a sentence about the first few.
    - `empty_pages` are pages of PDFs without text.
    - `questions` passed all checks; `grounded` of them name the passage that answers them, `unanswerable` have no
      answer by design.
    - `covered` of the `parts` of documents have a question.
    """

    documents: int = 0
    unread: dict[str, int] = Field(default_factory=dict)
    named: tuple[str, ...] = ()
    empty_pages: int = 0
    parts: int = 0
    covered: int = 0
    languages: int = 0
    questions_per_document: int = 0
    questions: int = 0
    grounded: int = 0
    unanswerable: int = 0

    @property
    def expected(self) -> int:
        """How many questions are asked for, and so how many rows there will be at most."""
        return self.documents * self.languages * self.questions_per_document

    @property
    def expected_line(self) -> str:
        """The number of rows to expect, as a sentence."""
        return (
            f"{counted(self.documents, 'document')} x {counted(self.languages, 'language')} x "
            f"{counted(self.questions_per_document, 'question')} = {counted(self.expected, 'row')} expected, from "
            f"{counted(self.requests, 'request')} for questions about {counted(self.parts, 'part')}."
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """What was read, what was left out and why, and what the questions are like."""
        lines = [self.expected_line]
        if self.unread:
            lines.append(f"Not read: {reasons(self.unread)}.")
            lines += [f"  {line}" for line in self.named]
            more = sum(self.unread.values()) - len(self.named)
            lines += [f"  ... and {more:,} more."] if more > 0 else []
        if self.empty_pages:
            lines.append(f"{counted(self.empty_pages, 'page')} of the PDFs without text left out.")
        if self.left:
            lines.append(f"Stopped at the budget: {counted(self.left, 'request')} for questions not sent.")
        if self.questions:
            answerable = self.questions - self.unanswerable
            grounded = f", {percent(self.grounded / answerable)} of those with an answer name it" if answerable else ""
            unanswerable = f" ({self.unanswerable:,} without an answer by design)" if self.unanswerable else ""
            lines.append(
                f"Questions: {self.questions:,}{unanswerable}{grounded}. "
                f"They cover {percent(self.covered / self.parts)} of {counted(self.parts, 'part')}."
            )
        return tuple(lines)


@dataclass(kw_only=True)
class Questions(Requests):
    """The requests for questions about documents, the replies so far, and what became of both."""

    options: DocumentPrompts
    documents: _Documents

    def prompts(self) -> Iterator[Prompt | Drop]:
        """Yield the questions as prompts, and a Drop with the reason for every question that cannot be asked."""
        return checked_questions(self.requests(), self.replies, closed_book=self.options.closed_book)

    def expected_prompts(self, done: frozenset[str] = frozenset()) -> Iterator[Prompt]:
        """Yield the questions that are still to be answered, and a stand-in for each that is still to be written."""
        for prompt in checked_questions(self.requests(), self.replies, closed_book=self.options.closed_book):
            if isinstance(prompt, Prompt) and prompt.id not in done:
                yield prompt
        messages = (Message(role="user", content=STAND_IN),)
        for request in self.missing():
            for number in range(request.number):
                yield request.prompt.model_copy(update={"id": f"{request.prompt.id}-{number}", "messages": messages})

    def estimate(self, *, cache: Path | None, done: frozenset[str] = frozenset()) -> Estimate:
        """Return what is still to be asked, for questions and for the answers to them; `done` have their answers."""
        with spooled(self.expected_prompts(done)) as spool:
            answers = estimate(spool, self.config.models, cache=cache)
        stages = self.stages((without_document(request.prompt) for request in self.missing()), cache=cache)
        if self.options.closed_book:
            alone = (without_document(prompt) for prompt in self.expected_prompts() if _is_stand_in(prompt))
            stages = (*stages, *self.stages(alone, cache=cache))
        return Estimate(rows=answers.rows, stages=(*stages, *answers.stages))

    def ask(
        self,
        store: Store | None,
        *,
        watch: Watch = lambda meter: nullcontext(),
        cache: Path | None,
        most: int | None = None,
    ) -> None:
        """Ask for the questions that are missing (for `most` of them, in whole requests), and keep the replies.

        With `closed_book` each new question is asked without its document, too. A request whose reply cannot be read is
        sent once more. All replies go to the store, if one is given.
        """
        self.ask_for(self.first_missing(most), store, watch=watch, cache=cache)
        if self.options.closed_book:
            written = checked_questions(self.requests(), self.replies, closed_book=False)
            alone = (closed_book_request(prompt) for prompt in written if isinstance(prompt, Prompt))
            missing = (prompt for prompt in alone if prompt is not None and prompt.id not in self.replies)
            self.ask_for(missing, store, watch=watch, cache=cache)

    def report(self) -> QuestionReport:
        """Return what became of the documents."""
        kept = [prompt for prompt in self.prompts() if isinstance(prompt, Prompt) and prompt.passage is not None]
        passages = [prompt.passage for prompt in kept if prompt.passage is not None]
        return QuestionReport(
            documents=self.documents.read,
            unread=dict(sorted(self.documents.unread.items())),
            named=tuple(self.documents.named),
            empty_pages=self.documents.empty_pages,
            parts=self.documents.parts,
            covered=len({(passage.document_id, passage.part) for passage in passages}),
            languages=len(self.options.languages),
            questions_per_document=self.options.questions_per_document,
            questions=len(kept),
            grounded=sum(passage.answer_start is not None for passage in passages),
            unanswerable=sum(not passage.answerable for passage in passages),
            **self.payment(),
        )


@dataclass
class _Documents:
    """Counts of what was read: documents and their parts, and files and rows that are no document."""

    read: int = 0
    empty_pages: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)
    parts: int = 0


@contextmanager
def opened_questions(
    config: Config, services: Services, source: str, snapshot: Snapshot | None
) -> Iterator[Questions | None]:
    """Read the documents of a config, and yield the requests for questions with the replies of the store.

    Yields null if the prompts are no questions about documents. Raises DataError if there is no document at all.
    """
    options, models = config.prompts, config.question_models
    if not isinstance(options, DocumentPrompts) or models is None:
        yield None
        return
    documents, numbers = _Documents(), {}

    def prompts() -> Iterator[Prompt]:
        for request in _requests(options, services, source, documents):
            numbers[request.prompt.id] = request.number
            yield request.prompt

    with spooled(prompts()) as spool:
        if not documents.read:
            unread = "".join(f"\n  {line}" for line in documents.named)
            raise DataError(
                f"{source} holds no document to ask about: {reasons(documents.unread) or 'it is empty'}.{unread}",
                remedy="Correct `path`, `repo_id` or `column` under [prompts].",
            )
        yield Questions(
            config=config,
            models=models,
            kind=QUESTIONS,
            spool=spool,
            numbers=numbers,
            replies=stored_replies(snapshot),
            options=options,
            documents=documents,
        )


def _requests(
    options: DocumentPrompts, services: Services, source: str, documents: _Documents
) -> Iterator[QuestionRequest]:
    entries = load_documents(options, source, endpoint=services.hub_endpoint, token=services.hub_token)
    for entry in entries:
        if not isinstance(entry, Document):
            documents.unread[entry.reason] += 1
            if len(documents.named) < NAMED:
                documents.named.append(entry.line)
            continue
        documents.read += 1
        documents.empty_pages += entry.empty_pages
        documents.parts += len(windows(entry.text, tokens=options.window_tokens))
        yield from question_requests(entry, options, source=source)


def _is_stand_in(prompt: Prompt) -> bool:
    return prompt.messages[0].content == STAND_IN
