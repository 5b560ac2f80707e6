"""The life of one prompt, from where it was read to the rows that it gave, as values and as lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from pydantic import JsonValue

from curation.store import Settings
from curation.types import Failure, Judgement, LabelSource, Row, Scores, Status
from curation.wording import counted, excerpt

TEXT_EXCERPT, ANSWER_EXCERPT = 200, 70


class CommitOf(Row):
    """The commit that wrote the file in which something stands now. Small files are joined later, by other commits."""

    commit: str
    title: str
    date: datetime

    @property
    def words(self) -> str:
        """The commit as words: "commit 0a1b2c3 of 2026-01-31 12:00 (Add 6 candidate sets)"."""
        return f"commit {self.commit[:7]} of {_minute(self.date)} ({self.title})"


class CandidateLife(Row):
    """One answer of a set: who gave it, how the judge rated it, and the score of the reviewers.

    `edit_of` is the id of the answer that a reviewer wrote this one in place of, null for an answer of a model.
    """

    id: str
    generator: str
    model: str
    text: str
    finish_reason: str | None
    rating: float | None
    rationale: str | None
    score: float | None
    edit_of: str | None

    @property
    def lines(self) -> Iterator[str]:
        """The answer, and why the judge rated it so."""
        rating = f", rated {self.rating:g}" if self.rating is not None else ""
        score = f", score {self.score:g}" if self.score is not None else ""
        yield f"{self.id}  {self.generator} ({self.model}){rating}{score}: {excerpt(self.text, ANSWER_EXCERPT)!r}"
        if self.rationale:
            yield f"  The judge says: {excerpt(self.rationale, ANSWER_EXCERPT)!r}"


class ResponseLife(Row):
    """One version of a response (see `types.ResponseVersion`), and the commit that wrote it."""

    reviewer: str
    status: Status
    values: dict[str, JsonValue]
    inserted_at: datetime | None
    updated_at: datetime | None
    synced_at: datetime
    ended: str | None
    commit: CommitOf | None

    @property
    def line(self) -> str:
        """Who answered what, when, and when it was seen."""
        values = json.dumps(self.values, ensure_ascii=False)
        changed = f", of {_minute(self.updated_at)}" if self.updated_at is not None else ""
        answer = f"{self.ended}: {values}" if self.ended is not None else f"{self.status} {values}"
        return f"{self.reviewer} {answer}{changed}, seen by the sync of {_minute(self.synced_at)}"


class EscalationLife(Row):
    """Why a record was escalated, the id under which adjudicators see it, and all versions of what they answered."""

    id: str
    reason: str
    commit: CommitOf | None
    responses: tuple[ResponseLife, ...]

    @property
    def lines(self) -> Iterator[str]:
        """That the record was escalated, and the answers of adjudicators."""
        yield f"Escalated as {self.id} because of {self.reason}{_stored(self.commit)}"
        yield from (f"  Adjudicator {response.line}" for response in self.responses)
        if not self.responses:
            yield "  Waiting for adjudicators."


class RecordLife(Row):
    """A record that shows answers of a set, and all versions of the responses to it, oldest first.

    `gold` has the right scores of a gold record, null for any other; `counts` is false if its line is gone.
    `escalation` is what became of it if it was escalated, null if it was not.
    """

    id: str
    task: str
    candidates: tuple[str, ...]
    retired: bool
    commit: CommitOf | None
    responses: tuple[ResponseLife, ...]
    escalation: EscalationLife | None
    gold: Scores | None = None
    counts: bool = True

    @property
    def kind(self) -> str:
        """What kind of record it is: "pairwise, gold, right is 1, 0"."""
        scores = ", ".join("any" if score is None else f"{score:g}" for score in self.gold or ())
        gold = [f"gold, right is {scores}"] if self.gold is not None else []
        without_line = ["no longer in the gold file"] if not self.counts else []
        return ", ".join([self.task, *gold, *without_line, *(["retired"] if self.retired else [])])

    @property
    def lines(self) -> Iterator[str]:
        """The record, what reviewers answered, and below it what adjudicators did."""
        yield f"Record {self.id} ({self.kind}) shows {', '.join(self.candidates)}"
        yield from (f"  {response.line}" for response in self.responses)
        if not self.responses:
            yield "  No responses."
        if self.escalation is not None:
            yield from self.escalation.lines


class RowLife(Row):
    """A row of a config. `commit` published it, null if it is not published; not `derived` if it no longer follows."""

    id: str
    config: str
    split: str
    derived: bool
    commit: CommitOf | None

    @property
    def line(self) -> str:
        """Where the row is."""
        where = f"published by {self.commit.words}" if self.commit is not None else "not published yet"
        gone = "" if self.derived else ", but the store gives it no longer"
        return f"Row {self.id} of {self.config}/{self.split}: {where}{gone}"


class SetLife(Row):
    """One set of answers to the prompt.

    - `models`: the options of all models by stage; `current`: whether this is the present set of the prompt
    - `not_shown`: why `push` left it out; `dropped`: why it gives no rows ("draw", "dpo:tie")
    - `label_source`, `reviewers`, `agreement`: the verdict, null if there is none
    """

    id: str
    current: bool
    settings: str
    models: Settings
    commit: CommitOf | None
    candidates: tuple[CandidateLife, ...]
    failures: tuple[Failure, ...]
    judgements: tuple[Judgement, ...]
    not_shown: str | None
    records: tuple[RecordLife, ...]
    label_source: LabelSource | None
    reviewers: int
    agreement: float | None
    rows: tuple[RowLife, ...]
    dropped: tuple[str, ...]

    @property
    def lines(self) -> Iterator[str]:
        """The set, and below it its answers, its records, its verdict and its rows."""
        now = "present" if self.current else "earlier"
        yield f"  The {now} candidate set {self.id}{_stored(self.commit)}, settings {self.settings}"
        for candidate in self.candidates:
            yield from (f"    {line}" for line in candidate.lines)
        for failure in self.failures:
            detail = f": {excerpt(failure.detail, ANSWER_EXCERPT)}" if failure.detail else ""
            yield f"    {failure.stage} of {failure.generator} failed, {failure.reason}{detail}"
        for judgement in self.judgements:
            ratings = ", ".join("none" if rating is None else f"{rating:g}" for rating in judgement.ratings)
            yield f"    {judgement.judge} rated the answers {ratings} ({judgement.aspect})"
        if self.not_shown is not None:
            yield f"    Not shown to reviewers: {self.not_shown}"
        for record in self.records:
            yield from (f"    {line}" for line in record.lines)
        if self.label_source is not None:
            agreement = f", agreement {self.agreement:g}" if self.agreement is not None else ""
            yield f"    Decided by {self.label_source}: {counted(self.reviewers, 'reviewer')}{agreement}"
        yield from (f"    {row.line}" for row in self.rows)
        if self.dropped:
            yield f"    No rows because of: {', '.join(self.dropped)}"


class PromptLife(Row):
    """One prompt: where it was read, why it was dropped (null if it was asked), and all sets of answers to it."""

    id: str
    text: str
    source: str
    language: str | None
    dropped: str | None
    sets: tuple[SetLife, ...]

    @property
    def lines(self) -> Iterator[str]:
        """The whole life, in the order in which it happened."""
        language = f", {self.language}" if self.language is not None else ""
        yield f"Prompt {self.id} ({self.source}{language}): {excerpt(self.text, TEXT_EXCERPT)!r}"
        if self.dropped is not None:
            yield f"  Dropped before any model was asked: {self.dropped}"
        for candidate_set in self.sets:
            yield from candidate_set.lines


def _stored(commit: CommitOf | None) -> str:
    return f", stored by {commit.words}" if commit is not None else ""


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
