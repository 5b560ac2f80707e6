"""Every row that crosses a stage: what flows from a prompt to a published row, and nothing else."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Role = Literal["system", "user", "assistant"]
Status = Literal["submitted", "draft", "discarded"]
LabelSource = Literal["human", "simulated", "judge"]

SIMULATED_PREFIX = "simulated-"
"""Usernames that begin with this are programs; what they answered is never published as human."""

HUMAN_EDIT = "human-edit"
"""The model name of a candidate that a reviewer wrote."""


FOR_GOOD = frozenset({"context_too_long", "content_filter"})
"""Reasons of failures that lie in the prompt: asking again gives the same."""


class Row(BaseModel):
    """An immutable value; unknown fields are errors, so that no data slips through unnamed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Row):
    """One turn of a conversation."""

    role: Role
    content: str


class Prompt(Row):
    """What a model is asked: messages that end with the user. `source` says where it came from, with its revision."""

    id: str
    messages: tuple[Message, ...]
    source: str


class Candidate(Row):
    """One model's answer to a prompt, with the judge's rating (1 to 5) and rationale where it gave them."""

    id: str
    text: str
    generator: str
    model: str
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    rating: float | None = None
    rationale: str | None = None


class Failure(Row):
    """Something that gave nothing usable: the stage, whose it was, why, after how many attempts.

    "generate", "evolve" and "judge" are requests of the named generator or judge that failed after all attempts;
    "rating" is a judge's reply that could not be read for the named generator's answer.
    """

    stage: Literal["generate", "evolve", "judge", "rating"]
    generator: str
    reason: str
    attempts: int

    @property
    def judge_may_answer_yet(self) -> bool:
        """Whether a judge did not answer, for a reason that may pass."""
        return self.stage == "judge" and self.reason not in FOR_GOOD


class Judgement(Row):
    """One reply of a judge about one aspect: a rating (1 to 5) and a rationale per candidate, null where unreadable.

    `order` has the positions of the candidates as the judge was shown them.
    """

    judge: str
    aspect: str
    order: tuple[int, ...]
    ratings: tuple[float | None, ...]
    rationales: tuple[str | None, ...]


class Usage(Row):
    """What one answered request used, and its cost in US dollars; null is unknown.

    `request` is the hash of the request: the same request in two sets was paid for once.
    """

    request: str
    stage: Literal["generate", "evolve", "judge"]
    generator: str
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


class CandidateSet(Row):
    """A prompt with every answer it got, what judges said, and every failure.

    `settings` is the hash of the models and their options.
    """

    id: str
    prompt: Prompt
    candidates: tuple[Candidate, ...]
    failures: tuple[Failure, ...] = ()
    settings: str
    judgements: tuple[Judgement, ...] = ()
    usage: tuple[Usage, ...] = ()

    @property
    def reviewable(self) -> bool:
        """Whether there is something to compare: at least two candidates."""
        return len(self.candidates) >= 2

    @property
    def came_through(self) -> bool:
        """Whether nothing needs to be asked again: there is something to compare, and every judge said what it can."""
        return self.reviewable and not any(failure.judge_may_answer_yet for failure in self.failures)

    def candidate(self, candidate_id: str) -> Candidate:
        """Return the candidate with this id; KeyError if there is none."""
        for candidate in self.candidates:
            if candidate.id == candidate_id:
                return candidate
        raise KeyError(candidate_id)


class ReviewRecord(Row):
    """What a reviewer was shown: the candidates of one set in the order in which they stood on the page."""

    id: str
    task: str
    prompt_id: str
    set_id: str
    candidates: tuple[str, ...]


class Response(Row):
    """One reviewer's answer to one record, as given. `dataset_id` is the Argilla dataset it was read from."""

    record_id: str
    reviewer: str
    status: Status
    values: dict[str, JsonValue]
    dataset_id: str

    @property
    def simulated(self) -> bool:
        """Whether a program gave this answer."""
        return self.reviewer.startswith(SIMULATED_PREFIX)


class Annotation(Row):
    """What one reviewer's response means: a score in [0, 1] per shown candidate, and a better text if one was written.

    `scores` has the order of `ReviewRecord.candidates` and is empty unless the response was submitted.
    """

    reviewer: str
    status: Status
    scores: tuple[float, ...] = ()
    edit: str | None = None


class Score(Row):
    """The resolved score, in [0, 1], of one candidate."""

    candidate: Candidate
    score: float


class Verdict(Row):
    """The resolved scores of a record: its candidates in their order, then what reviewers wrote.

    `agreement` is the share of reviewers whose answer is the verdict's, null with one reviewer.
    """

    record_id: str
    prompt: Prompt
    scores: tuple[Score, ...]
    reviewers: int
    agreement: float | None
    label_source: LabelSource
    annotations: tuple[Annotation, ...]


class Drop(Row):
    """Something that was left out on the way to a row, and why."""

    id: str
    reason: str


class PublishedAnnotation(Row):
    """One reviewer's scores in a published row, under a pseudonym; null for a candidate that reviewer did not score."""

    reviewer: str
    scores: tuple[float | None, ...]
    status: Status


class PreferenceRow(Row):
    """A row of the `dpo` config (TRL's conversational preference layout with an explicit prompt)."""

    id: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    prompt_id: str
    record_id: str
    chosen_score: float
    rejected_score: float
    score_gap: float
    chosen_model: str
    rejected_model: str
    reviewers: int
    agreement: float | None
    label_source: LabelSource
    source: str
    language: str | None
    annotations: tuple[PublishedAnnotation, ...]


class UnpairedPreferenceRow(Row):
    """A row of the `kto` config (TRL's conversational unpaired preference layout)."""

    id: str
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool
    prompt_id: str
    record_id: str
    score: float
    model: str
    reviewers: int
    agreement: float | None
    label_source: LabelSource
    source: str
    language: str | None
    annotations: tuple[PublishedAnnotation, ...]


def is_text(value: str) -> bool:
    """Whether every service can store `value`: no NUL and no lone surrogates (which UTF-8 cannot encode)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
