"""Requests for lists of prompts: asks for those that are missing, and stores the replies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation import ids
from curation.config import Config
from curation.documents import QuestionRequest, Reply, reply_of
from curation.generation import (
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
from curation.generation.estimates import StageEstimate
from curation.generation.failure_tally import FailureCount, FailureTally
from curation.generation.refusals import is_temporary
from curation.runs.earlier_runs import budget_gate, requests_failed_before
from curation.store import Snapshot, Store
from curation.types import CandidateSet, Failure, Message, Prompt, Row

SETS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 120.0

Watch = Callable[[Meter], AbstractContextManager[None]]
"""Entered while models are asked, to show what the meter counts."""


class AskedReport(Row):
    """What became of requests for lists of prompts, and what this run paid for them.

    Of `requests` for lists `asked` were sent in this run, `failed` have no reply that can be read, and `left` were not
    sent because of the budget. `failed_for_good` of the failed have a reason that does not pass by itself.
    """

    requests: int = 0
    asked: int = 0
    failed: int = 0
    failed_for_good: int = 0
    failures: tuple[FailureCount, ...] = ()
    left: int = 0
    replies: int = 0
    useless: int = 0
    cached: int = 0
    tokens: int = 0
    cost: float | None = 0.0


NOTHING_ASKED = AskedReport()
"""The report of a run that asks for no lists of prompts."""


@dataclass(frozen=True, slots=True)
class ListKind:
    """What models are asked to list.

    - `noun`: its plural, such as "questions"
    - `is_readable`: whether a reply holds such a list of so many entries
    - `complaint`: the message to a model whose reply does not
    """

    noun: str
    is_readable: Callable[[Reply, int], bool]
    complaint: Callable[[int], str]


@dataclass(kw_only=True)
class Requests:
    """Requests to one model for lists of prompts, the replies so far, and what became of both.

    The requests are on disk in `spool`, each with the length of its list in `numbers`.
    """

    config: Config
    models: Models
    kind: ListKind
    spool: PromptSpool
    numbers: Mapping[str, int]
    replies: dict[str, Reply] = field(default_factory=dict)
    meters: list[Meter] = field(default_factory=list)
    failures: FailureTally = field(default_factory=FailureTally)
    asked: int = 0
    failed_for_good: int = 0
    left: int = 0

    def requests(self) -> Iterator[QuestionRequest]:
        """Yield the requests in the order of what they are about."""
        return (QuestionRequest(prompt, self.numbers[prompt.id]) for prompt in self.spool.read())

    def missing(self) -> Iterator[QuestionRequest]:
        """Yield the requests without a reply."""
        return (request for request in self.requests() if request.prompt.id not in self.replies)

    @property
    def is_complete(self) -> bool:
        """Whether every request has a reply."""
        return not any(True for _ in self.missing())

    def first_missing(self, most: int | None) -> Iterator[Prompt]:
        """Yield the requests without a reply, until they ask for `most` entries of lists."""
        number = 0
        for request in self.missing():
            if most is not None and number >= most:
                return
            number += request.number
            yield without_document(request.prompt)

    def stages(self, prompts: Iterable[Prompt], *, cache: Path | None) -> tuple[StageEstimate, ...]:
        """Return what these requests would use, under the stage "question"."""
        with spooled(prompts) as spool:
            stages = estimate(spool, self.models, cache=cache).stages
        return tuple(stage.model_copy(update={"stage": _renamed(stage.stage)}) for stage in stages)

    def payment(self) -> dict[str, Any]:
        """Return the values of an AskedReport."""
        progress = [meter.progress() for meter in self.meters]
        costs = [run.cost for run in progress]
        stages = [stage for meter in self.meters for stage in meter.stages]
        return {
            "requests": self.spool.prompts,
            "asked": self.asked,
            "failed": sum(1 for _ in self.missing()) - self.left,
            "failed_for_good": self.failed_for_good,
            "failures": self.failures.counts(),
            "left": self.left,
            "replies": sum(stage.done for stage in stages),
            "useless": sum(stage.useless for stage in stages),
            "cached": sum(stage.cached for stage in stages),
            "tokens": sum(run.tokens for run in progress),
            "cost": None if None in costs else sum(cost for cost in costs if cost is not None),
        }

    def ask_for(
        self,
        prompts: Iterable[Prompt],
        store: Store | None,
        *,
        watch: Watch = lambda meter: nullcontext(),
        cache: Path | None,
    ) -> None:
        """Send these requests, and keep the replies. One whose reply cannot be read is sent once more.

        All replies go to the store, if one is given.
        """
        with spooled(prompts) as spool:
            if not spool.prompts:
                return
            writer = _Writer(self, store)
            try:
                unreadable = [*self._replies_to(spool, writer, store, watch=watch, cache=cache)]
                again_prompts = (self._again(question_set) for question_set in unreadable)
                with spooled(again_prompts) as again:
                    first = {question_set.prompt.id: question_set for question_set in unreadable}
                    for second in self._replies_to(again, writer, store, watch=watch, cache=cache, first=first):
                        writer.add(self._unreadable(second))
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
            stage.label = self.kind.noun
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
                if reply is None or number is None or self.kind.is_readable(reply, number):
                    writer.add(question_set)
                else:
                    yield question_set
        self.left += spool.prompts - done

    def _again(self, question_set: CandidateSet) -> Prompt:
        """Return the request once more, with the reply that could not be read and what is wrong with it."""
        prompt = question_set.prompt
        messages = (
            *prompt.messages,
            Message(role="assistant", content=question_set.candidates[0].text),
            Message(role="user", content=self.kind.complaint(self.numbers[prompt.id])),
        )
        return prompt.model_copy(update={"messages": messages})

    def _unreadable(self, question_set: CandidateSet) -> CandidateSet:
        """Return the set of a request whose second reply could not be read either: a failure, and no reply."""
        [candidate] = question_set.candidates
        failure = Failure(
            stage="question",
            generator=candidate.generator,
            reason=f"unreadable_{self.kind.noun}",
            attempts=2,
            detail=f"The reply holds no list of {self.kind.noun}.",
        )
        set_id = ids.candidate_set_id(question_set.prompt.id, question_set.settings, ())
        return question_set.model_copy(update={"id": set_id, "candidates": (), "failures": (failure,)})


def stored_replies(snapshot: Snapshot | None) -> dict[str, Reply]:
    """Return the reply to each request by its id; a request whose last answer is a failure has none."""
    sets = snapshot.each_question_set() if snapshot is not None else ()
    replies = ((question_set.prompt.id, reply_of(question_set)) for question_set in sets)
    return {prompt_id: reply for prompt_id, reply in replies if reply is not None}


class _Writer:
    """Commits replies as they come, many at a time, and counts them."""

    def __init__(self, requests: Requests, store: Store | None) -> None:
        self._requests = requests
        self._store = store
        self._settings = {settings_id(requests.models): settings_of(requests.models)}
        self._waiting: list[CandidateSet] = []
        self._flushed = time.monotonic()

    def add(self, question_set: CandidateSet) -> None:
        requests, reply = self._requests, reply_of(question_set)
        requests.asked += 1
        requests.failures.add(question_set.failures)
        if reply is not None:
            requests.replies[question_set.prompt.id] = reply
        elif question_set.prompt.id in requests.numbers:
            requests.failed_for_good += any(not is_temporary(failure.reason) for failure in question_set.failures)
        self._waiting.append(question_set)
        if len(self._waiting) >= SETS_PER_COMMIT or time.monotonic() - self._flushed > SECONDS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        if self._store is not None and self._waiting:
            self._store.add_question_sets(self._waiting, settings=self._settings)
        self._waiting.clear()
        self._flushed = time.monotonic()


def without_document(request: Prompt) -> Prompt:
    """Return a request without the document beside it: the document is in its messages."""
    return request.model_copy(update={"document": None})


def _as_questions(answered: CandidateSet, first: CandidateSet | None) -> CandidateSet:
    """Return what a model replied as a set of the stage "question", with the usage of its first reply too."""
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


def _renamed(stage: str) -> str:
    return f"question {stage.partition(' ')[2]}"
