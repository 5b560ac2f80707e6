"""Every row that crosses a stage: what flows from a prompt to a published row, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

Role = Literal["system", "user", "assistant"]
Status = Literal["submitted", "draft", "discarded"]
LabelSource = Literal["human", "simulated", "judge"]

SIMULATED_PREFIX = "simulated-"
"""Usernames that begin with this are programs; what they answered is never published as human."""

HUMAN_EDIT, SIMULATED_EDIT = "human-edit", "simulated-edit"
"""The model names of a candidate that a person, or a program in the place of one, wrote."""


ONLY_REASONING = "only_reasoning"
"""The reason of a failure: a model thought, and had no room left to answer."""

CUT_OFF = frozenset({"length", "max_tokens"})
"""Finish reasons that mean the answer did not end by itself (OpenAI's and Anthropic's names; TGI's is the first)."""

FOR_GOOD = frozenset({"context_too_long", "content_filter", "refusal"})
"""Reasons of failures that lie in the prompt: asking again gives the same."""


class Row(BaseModel):
    """An immutable value; unknown fields are errors, so that no data slips through unnamed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Row):
    """One turn of a conversation."""

    role: Role
    content: str


class Prompt(Row):
    """What a model is asked: messages that end with the user. `source` says where it came from, with its revision.

    `language` is the ISO 639-1 code of what the user asks, null if it is not known. The rest is what a source may say
    of a prompt besides, and is published with it: `tools` (JSON text, a list of JSON schemas) and
    `chat_template_kwargs` (JSON text, an object) for TRL's chat templates, and what kind it is.
    """

    id: str
    messages: tuple[Message, ...]
    source: str
    language: str | None = None
    tools: str | None = None
    chat_template_kwargs: str | None = None
    category: str | None = None
    subcategory: str | None = None


class Candidate(Row):
    """One model's answer to a prompt, with the judge's rating (1 to 5) and rationale where it gave them.

    `thinking` is what the model thought before, null unless its generator keeps that.
    """

    id: str
    text: str
    generator: str
    model: str
    thinking: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    rating: float | None = None
    rationale: str | None = None


class Failure(Row):
    """Something that gave nothing usable: the stage, whose it was, why, after how many attempts.

    "generate", "evolve" and "judge" are requests of the named generator or judge that failed after all attempts;
    "rating" is a judge's reply that could not be read for the named generator's answer. `detail` is what happened in a
    sentence, mostly the service's own, and `request` the hash of the request.
    """

    stage: Literal["generate", "evolve", "judge", "rating"]
    generator: str
    reason: str
    attempts: int
    detail: str | None = None
    request: str | None = None

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

    `request` is the hash of the request: the same request in two sets was paid for once. A reply that was paid for and
    of no use is `wasted` and has a hash of its own: each attempt was paid for.
    """

    request: str
    stage: Literal["generate", "evolve", "judge"]
    generator: str
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    wasted: bool = False


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
    def rated(self) -> bool:
        """Whether a judge rated any of the candidates."""
        return any(candidate.rating is not None for candidate in self.candidates)

    def came_through(self, min_candidates: int) -> bool:
        """Return whether nothing needs to be asked again: there are enough candidates to show, and every judge said
        what it can. How many are enough is what the review task says.
        """
        enough = len(self.candidates) >= min_candidates
        return enough and not any(failure.judge_may_answer_yet for failure in self.failures)

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


class RetiredRecord(Row):
    """A record that nobody was to answer any more, because a later one stands for its prompt. `id` is the record's."""

    id: str


class NotShown(Row):
    """A candidate set that the last push made no record of, and why. `id` is the set's."""

    id: str
    reason: str


class Response(Row):
    """One reviewer's answer to one record, as given.

    `reviewer` is the username. `dataset_id`, `server_record_id` and `server_user_id` are the ids that the Argilla
    server it was read from has for the dataset, for its copy of the record, and for the reviewer's account: a record
    that was deleted and pushed again has another one, and so has an account.
    """

    record_id: str
    reviewer: str
    status: Status
    values: dict[str, JsonValue]
    dataset_id: str
    server_record_id: str
    server_user_id: str

    @property
    def simulated(self) -> bool:
        """Whether a program gave this answer."""
        return self.reviewer.startswith(SIMULATED_PREFIX)


Scores = tuple[float | None, ...]
"""A score in [0, 1] per shown candidate, in the order of the record; null for one that was not scored."""


class Annotation(Row):
    """What one reviewer's response means: a score per shown candidate, and a better text if one was written.

    `scores` has the order of `ReviewRecord.candidates` and is empty unless the response was submitted. `labels` has the
    values of every question whose answer is more than a score, by the question's name; `flags` what is wrong with the
    record, in the reviewer's opinion. `comment` is for the publisher; drafts and discarded responses have it too.
    """

    reviewer: str
    status: Status
    scores: Scores = ()
    edit: str | None = None
    labels: dict[str, tuple[str, ...]] = {}
    flags: tuple[str, ...] = ()
    comment: str | None = None


class Verdict(Row):
    """The resolved scores of a record: one in [0, 1] per shown candidate, null for one that nothing is known of.

    `edits` are the better texts of the reviewers whose answers count, each a candidate that scores `edit_score`: as
    much as a shown candidate that is certainly good. `agreement` is the share of reviewers whose answer is the
    verdict's, null with one reviewer.
    """

    scores: tuple[float | None, ...]
    edits: tuple[str, ...] = ()
    edit_score: float = 1.0
    reviewers: int
    agreement: float | None
    label_source: LabelSource


class DroppedPrompt(Row):
    """A prompt that no model was asked, and the check that it did not pass. `id` is the prompt's."""

    id: str
    prompt: Prompt
    reason: str


class Drop(Row):
    """Something that was left out on the way to a row, and why."""

    id: str
    reason: str


class Measure(Row):
    """A number that was measured on `count` things, with its 95 % interval; if it is null, `reason` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    reason: str | None = None


class Leaning(NamedTuple):
    """Two kinds of answers of a review task, such as those that prefer the first and the second of two candidates.

    `to` tells of the scores of any answer whether it is of the first kind, null if it is of neither. `title` says what
    the first kind is: "prefers the first answer". `even` says that chance decides what stands first on the page: then
    an honest reviewer gives as many answers of one kind as of the other.
    """

    title: str
    to: Callable[[Scores], bool | None]
    even: bool


class ReviewerStatistics(Row):
    """What one reviewer's answers are like.

    `agreement` is the share of this reviewer's answers that each other reviewer of the same record gave too; `leaning`
    the share of the first kind among the answers of either kind (see Leaning). `marks` names what stands out:
    "contrary", "random", "one_sided".
    """

    reviewer: str
    responses: int
    agreement: Measure
    leaning: Measure
    marks: tuple[str, ...] = ()


class JudgeAgreement(Row):
    """The judge against people, on records where both prefer one of two: share of equal choices, Cohen's kappa."""

    accuracy: Measure
    kappa: Measure


class LengthBias(Row):
    """Whether longer texts are chosen: share of pairs in which chosen is longer, and the effect.

    The effect is the matched-pairs rank-biserial correlation of the lengths in characters, in [-1, 1] (Kerby 2014): 0
    is none, 1 is that every chosen text is longer.
    """

    longer_chosen: Measure
    effect: Measure


class Agreement(Row):
    """How far reviewers agree: Krippendorff's alpha and the share of pairs of answers that are equal.

    `leaning` says what is counted of each reviewer's answers: "prefers the first answer".
    """

    level: Literal["nominal", "ordinal", "interval"]
    alpha: Measure
    percent: Measure
    leaning: str
    reviewers: tuple[ReviewerStatistics, ...]
