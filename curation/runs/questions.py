"""Questions about documents: asks for those that are missing, stores the replies, and turns them into prompts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from curation import ids
from curation.config import Config, Services
from curation.documents import (
    Document,
    DocumentPrompts,
    QuestionRequest,
    Reply,
    checked_questions,
    closed_book_request,
    complaint,
    is_readable,
    load_documents,
    question_requests,
    reply_of,
    windows,
)
from curation.errors import DataError
from curation.generation import (
    Estimate,
    Meter,
    Models,
    PromptSpool,
    estimate,
    generate_candidate_sets,
    settings_id,
    settings_of,
    spooled,
    stage_meters,
)
from curation.generation.failure_tally import FailureCount, FailureTally
from curation.generation.refusals import is_temporary
from curation.runs.earlier_runs import budget_gate, requests_failed_before
from curation.store import Snapshot, Store
from curation.types import CandidateSet, Drop, Failure, Message, Prompt, Row
from curation.wording import counted, percent, reasons

SETS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 120.0
NAMED = 5
"""So many of the documents that could not be read are named."""
STAND_IN = "x" * 100
"""Stands for a question that is not written yet, in estimates."""
UNREADABLE = "unreadable_questions"

Watch = Callable[[Meter], AbstractContextManager[None]]


class QuestionReport(Row):
    """What became of documents: expected = documents x languages x questions_per_document.

    `unread` counts what is no document by reason and `named` says it of the first few; `empty_pages` are pages of PDFs
    without text. Of `requests` for questions `asked` were sent in this run and `failed` have no reply that can be read.
    `questions` passed all checks; `grounded` of them name the passage that answers them, `unanswerable` have none by
    design. `covered` of `parts` have a question. `tokens` and `cost` are what this run paid for questions.
    """

    documents: int = 0
    unread: dict[str, int] = Field(default_factory=dict)
    named: tuple[str, ...] = ()
    empty_pages: int = 0
    parts: int = 0
    covered: int = 0
    languages: int = 0
    questions_per_document: int = 0
    requests: int = 0
    asked: int = 0
    failed: int = 0
    failed_for_good: int = 0
    failures: tuple[FailureCount, ...] = ()
    left: int = 0
    questions: int = 0
    grounded: int = 0
    unanswerable: int = 0
    replies: int = 0
    useless: int = 0
    cached: int = 0
    tokens: int = 0
    cost: float | None = 0.0

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


NO_QUESTIONS = QuestionReport()
"""The report of a run whose prompts are no questions about documents."""


@dataclass
class Questions:
    """The requests for questions about documents, the replies so far, and what became of both.

    `requests` are on disk in `spool`, each with its number of questions in `numbers`.
    """

    config: Config
    options: DocumentPrompts
    models: Models
    spool: PromptSpool
    numbers: Mapping[str, int]
    documents: _Documents
    replies: dict[str, Reply] = field(default_factory=dict)
    meters: list[Meter] = field(default_factory=list)
    failures: FailureTally = field(default_factory=FailureTally)
    asked: int = 0
    failed_for_good: int = 0
    left: int = 0

    def requests(self) -> Iterator[QuestionRequest]:
        """Yield the requests in the order of the documents."""
        return (QuestionRequest(prompt, self.numbers[prompt.id]) for prompt in self.spool.read())

    def prompts(self) -> Iterator[Prompt | Drop]:
        """Yield the questions as prompts, and a Drop with the reason for every question that is none."""
        return checked_questions(self.requests(), self.replies, closed_book=self.options.closed_book)

    def expected_prompts(self, done: frozenset[str] = frozenset()) -> Iterator[Prompt]:
        """Yield the questions that are still to be answered, and a stand-in for each that is still to be written."""
        for prompt in checked_questions(self.requests(), self.replies, closed_book=self.options.closed_book):
            if isinstance(prompt, Prompt) and prompt.id not in done:
                yield prompt
        messages = (Message(role="user", content=STAND_IN),)
        for request in self._missing():
            for number in range(request.number):
                yield request.prompt.model_copy(update={"id": f"{request.prompt.id}-{number}", "messages": messages})

    def estimate(self, *, cache: Path | None, done: frozenset[str] = frozenset()) -> Estimate:
        """Return what is still to be asked, for questions and for the answers to them; `done` have their answers."""
        with spooled(self.expected_prompts(done)) as spool:
            answers = estimate(spool, self.config.models, cache=cache)
        with spooled(_asked(request.prompt) for request in self._missing()) as spool:
            stages = estimate(spool, self.models, cache=cache).stages
        if self.options.closed_book:
            with spooled(_asked(prompt) for prompt in self.expected_prompts() if _is_stand_in(prompt)) as spool:
                stages = (*stages, *estimate(spool, self.models, cache=cache).stages)
        questions = (stage.model_copy(update={"stage": _renamed(stage.stage)}) for stage in stages)
        return Estimate(rows=answers.rows, stages=(*questions, *answers.stages))

    @property
    def is_complete(self) -> bool:
        """Whether every request has a reply."""
        return not any(True for _ in self._missing())

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
        self._ask(self._first(most), store, watch=watch, cache=cache)
        if self.options.closed_book:
            written = checked_questions(self.requests(), self.replies, closed_book=False)
            alone = (closed_book_request(prompt) for prompt in written if isinstance(prompt, Prompt))
            missing = (prompt for prompt in alone if prompt is not None and prompt.id not in self.replies)
            self._ask(missing, store, watch=watch, cache=cache)

    def report(self) -> QuestionReport:
        """Return what became of the documents."""
        kept = [prompt for prompt in self.prompts() if isinstance(prompt, Prompt) and prompt.passage is not None]
        passages = [prompt.passage for prompt in kept if prompt.passage is not None]
        progress = [meter.progress() for meter in self.meters]
        costs = [run.cost for run in progress]
        stages = [stage for meter in self.meters for stage in meter.stages]
        return QuestionReport(
            documents=self.documents.read,
            unread=dict(sorted(self.documents.unread.items())),
            named=tuple(self.documents.named),
            empty_pages=self.documents.empty_pages,
            parts=self.documents.parts,
            covered=len({(passage.document_id, passage.part) for passage in passages}),
            languages=len(self.options.languages),
            questions_per_document=self.options.questions_per_document,
            requests=self.spool.prompts,
            asked=self.asked,
            failed=sum(1 for _ in self._missing()) - self.left,
            failed_for_good=self.failed_for_good,
            failures=self.failures.counts(),
            left=self.left,
            questions=len(kept),
            grounded=sum(passage.answer_start is not None for passage in passages),
            unanswerable=sum(not passage.answerable for passage in passages),
            replies=sum(stage.done for stage in stages),
            useless=sum(stage.useless for stage in stages),
            cached=sum(stage.cached for stage in stages),
            tokens=sum(run.tokens for run in progress),
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        )

    def _missing(self) -> Iterator[QuestionRequest]:
        return (request for request in self.requests() if request.prompt.id not in self.replies)

    def _first(self, most: int | None) -> Iterator[Prompt]:
        """Yield the requests that are missing, until they ask for `most` questions."""
        number = 0
        for request in self._missing():
            if most is not None and number >= most:
                return
            number += request.number
            yield _asked(request.prompt)

    def _ask(self, prompts: Iterable[Prompt], store: Store | None, *, watch: Watch, cache: Path | None) -> None:
        with spooled(prompts) as spool:
            if not spool.prompts:
                return
            writer = _Writer(self, store)
            try:
                unreadable = [*self._replies_to(spool, writer, store, watch=watch, cache=cache)]
                again_prompts = (_again(found, self.numbers[found.prompt.id]) for found in unreadable)
                with spooled(again_prompts) as again:
                    first = {question_set.prompt.id: question_set for question_set in unreadable}
                    for second in self._replies_to(again, writer, store, watch=watch, cache=cache, first=first):
                        writer.add(_unreadable(second))
            finally:
                writer.flush()

    def _replies_to(
        self,
        spool: PromptSpool,
        writer: _Writer,
        store: Store | None,
        *,
        watch: Watch,
        cache: Path | None,
        first: Mapping[str, CandidateSet] | None = None,
    ) -> Iterator[CandidateSet]:
        """Ask for questions, keep the replies that can be read, and yield those that cannot.

        `first` are the sets of prompts that are asked again, by the prompt's id.
        """
        if not spool.prompts:
            return
        meter = Meter(min_candidates=1)
        meter.start(stage_meters(self.models), prompts=spool.prompts)
        self.meters.append(meter)
        snapshot = store.snapshot_or_none() if store is not None else None
        failed = requests_failed_before(snapshot)
        for stage in meter.stages:
            stage.label = "questions"
            stage.failed_before = failed
        expected = estimate(spool, self.models, cache=cache)
        gate = None
        if store is not None:
            gate = budget_gate(self.config, self.models, snapshot, spool, meter=meter, expected=expected)
        if gate is not None and not gate.room(0):
            self.left += spool.prompts
            return
        sets = generate_candidate_sets(
            self.config.name,
            spool,
            models=self.models,
            engine=self.config.generate.engine,
            cache=cache,
            meter=meter,
            room=gate.room if gate else lambda in_flight: True,
        )
        done = 0
        with watch(meter), closing(sets):
            for answered in sets:
                done += 1
                question_set = _as_questions(answered, (first or {}).get(answered.prompt.id))
                reply = reply_of(question_set)
                number = self.numbers.get(question_set.prompt.id)
                # Any answer to a question without its document can be read.
                if reply is None or number is None or is_readable(reply, number):
                    writer.add(question_set)
                else:
                    yield question_set
        self.left += spool.prompts - done


@dataclass
class _Documents:
    """What was read: documents and their parts, and what is none."""

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

    Yields null if the prompts are no questions about documents. Raises DataError if nothing of what was read is a
    document.
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
            said = "".join(f"\n  {line}" for line in documents.named)
            raise DataError(
                f"{source} holds no document to ask about: {reasons(documents.unread) or 'it is empty'}.{said}",
                remedy="Correct `path`, `repo_id` or `column` under [prompts].",
            )
        replies = _stored_replies(snapshot)
        yield Questions(config, options, models, spool, numbers, documents, replies)


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


def _stored_replies(snapshot: Snapshot | None) -> dict[str, Reply]:
    sets = snapshot.each_question_set() if snapshot is not None else ()
    replies = ((question_set.prompt.id, reply_of(question_set)) for question_set in sets)
    return {prompt_id: reply for prompt_id, reply in replies if reply is not None}


class _Writer:
    """Commits replies as they come, many at a time, and counts them."""

    def __init__(self, questions: Questions, store: Store | None) -> None:
        self._questions = questions
        self._store = store
        self._settings = {settings_id(questions.models): settings_of(questions.models)}
        self._waiting: list[CandidateSet] = []
        self._flushed = time.monotonic()

    def add(self, question_set: CandidateSet) -> None:
        questions, reply = self._questions, reply_of(question_set)
        questions.asked += 1
        questions.failures.add(question_set.failures)
        if reply is not None:
            questions.replies[question_set.prompt.id] = reply
        elif question_set.prompt.id in questions.numbers:
            questions.failed_for_good += any(not is_temporary(failure.reason) for failure in question_set.failures)
        self._waiting.append(question_set)
        if len(self._waiting) >= SETS_PER_COMMIT or time.monotonic() - self._flushed > SECONDS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        if self._store is not None and self._waiting:
            self._store.add_question_sets(self._waiting, settings=self._settings)
        self._waiting.clear()
        self._flushed = time.monotonic()


def _asked(request: Prompt) -> Prompt:
    """Return a request without the document beside it: the document is in its messages."""
    return request.model_copy(update={"document": None})


def _is_stand_in(prompt: Prompt) -> bool:
    return prompt.messages[0].content == STAND_IN


def _again(question_set: CandidateSet, number: int) -> Prompt:
    """Return the request once more, with the reply that could not be read and what is wrong with it."""
    messages = (
        *question_set.prompt.messages,
        Message(role="assistant", content=question_set.candidates[0].text),
        Message(role="user", content=complaint(number)),
    )
    return question_set.prompt.model_copy(update={"messages": messages})


def _as_questions(answered: CandidateSet, first: CandidateSet | None) -> CandidateSet:
    """Return what a model replied as a set of the stage "question", with what its first reply had cost."""
    prompt = answered.prompt if first is None else first.prompt
    usage = tuple(entry.model_copy(update={"stage": "question"}) for entry in answered.usage)
    failures = tuple(entry.model_copy(update={"stage": "question"}) for entry in answered.failures)
    return answered.model_copy(
        update={
            "prompt": prompt,
            "usage": (*(first.usage if first is not None else ()), *usage),
            "failures": failures,
        }
    )


def _unreadable(question_set: CandidateSet) -> CandidateSet:
    """Return the set of a request whose second reply could not be read either: a failure, and no reply."""
    [candidate] = question_set.candidates
    failure = Failure(
        stage="question",
        generator=candidate.generator,
        reason=UNREADABLE,
        attempts=2,
        detail="The reply holds no list of questions.",
    )
    set_id = ids.candidate_set_id(question_set.prompt.id, question_set.settings, ())
    return question_set.model_copy(update={"id": set_id, "candidates": (), "failures": (failure,)})


def _renamed(stage: str) -> str:
    return f"question {stage.partition(' ')[2]}"
