"""The values that one stage passes to another, in the order in which they arise.

    Prompt -> CandidateSet -> ReviewRecord -> Response -> Annotation -> Verdict -> published rows (published_rows.py)

What is left out on the way is a Drop. `review_statistics.py` has the values that tell how far reviewers agree.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Role = Literal["system", "user", "assistant"]
Status = Literal["submitted", "draft", "discarded"]
LabelSource = Literal["adjudicated", "human", "simulated", "judge", "imported", "role"]
AnswerRole = Literal["chosen", "rejected"]
"""What a generator is for: to write the better or the worse answer of a pair, before anybody judged them."""

SIMULATED_PREFIX = "simulated-"
"""The usernames of programs begin with this. Their answers are never published as those of people."""

HUMAN_EDIT, SIMULATED_EDIT = "human-edit", "simulated-edit"
"""The model name of a candidate that a reviewer wrote: a person, or a program that answers in place of a person."""

IMPORTED = "imported"
"""The generator of answers that came with their prompts."""
UNKNOWN_MODEL = "unknown"
"""The model of such an answer if its source does not name it."""

ONLY_REASONING = "only_reasoning"
"""The reason of a failure: the model used all its tokens for thinking, and gave no answer."""

CUT_OFF = frozenset({"length", "max_tokens"})
"""The finish reasons of an answer that was cut off: "length" at OpenAI and TGI, "max_tokens" at Anthropic."""

FOR_GOOD = frozenset({"context_too_long", "content_filter", "refusal"})
"""The reasons of failures that lie in the prompt. To ask again would give the same failure."""


class Row(BaseModel):
    """An immutable value. A field that its type does not name is an error, so that no data gets lost unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Row):
    """One turn of a conversation."""

    role: Role
    content: str


class Passage(Row):
    """The part of a document that a question is about.

    `source` is the file or row that the document is, `part` the number of the part, from 1, and `parts` how many the
    document has. `start` and `end` are its place in the document, `answer_start` and `answer_end` that of the passage
    that answers the question, null if no model named it: all in characters, so that document[start:end] is the part.
    `answerable` is false for a question that the document does not answer, by the design of whoever asked.
    `language_name` is what templates call the language.
    """

    document_id: str
    source: str
    part: int
    parts: int
    start: int
    end: int
    answer_start: int | None = None
    answer_end: int | None = None
    answerable: bool = True
    language_name: str


class Prompt(Row):
    """What a model is asked: messages, of which the last is the user's.

    - `source`: where the prompt was read, with the revision: "acme/prompts@<sha>"
    - `language`: the ISO 639-1 code of the user's text, null if it is not known

    The other fields are null unless the source has them. Models are not asked with the first four; they are published:

    - `tools` and `chat_template_kwargs`: a list of JSON schemas and an object, as JSON text, for TRL's chat templates
    - `category` and `subcategory`: what kind of prompt it is
    - `document`: the part of a document that a question is about; models and reviewers are shown it too
    - `passage`: the place of that part, published as several columns
    """

    id: str
    messages: tuple[Message, ...]
    source: str
    language: str | None = None
    tools: str | None = None
    chat_template_kwargs: str | None = None
    category: str | None = None
    subcategory: str | None = None
    document: str | None = None
    passage: Passage | None = None


class Candidate(Row):
    """One model's answer to a prompt.

    - `generator`: the name of the generator in the config, which calls the model `model`
    - `thinking`: what the model thought before it answered, null unless the generator keeps it
    - `finish_reason`, `input_tokens`, `output_tokens`: as the service reports them
    - `rating` (1 to 5) and `rationale`: the judge's, null without a judge
    - `imported`: the score in [0, 1] that the label of the source amounts to, null unless the answer came with one
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
    imported: float | None = None


class AnsweredPrompt(Prompt):
    """A prompt that came with its answers. They are the candidates of its set, and no generator is asked."""

    answers: tuple[Candidate, ...]

    @property
    def alone(self) -> Prompt:
        """The prompt without its answers."""
        return Prompt.model_construct(**{name: getattr(self, name) for name in Prompt.model_fields})


class Failure(Row):
    """A request that failed, or a judge's rating that cannot be read.

    - `stage`: "question", "generate", "evolve" and "judge" are requests that failed after `attempts` attempts. "rating"
      is a reply of a judge without a readable rating of one candidate.
    - `generator`: the generator (or judge) that was asked; at the stage "rating", the generator of that candidate
    - `reason`: a word, such as "timeout"; `detail`: a sentence, mostly the service's own
    - `request`: the hash of the request
    """

    stage: Literal["question", "generate", "evolve", "judge", "rating"]
    generator: str
    reason: str
    attempts: int
    detail: str | None = None
    request: str | None = None

    @property
    def judge_may_answer_yet(self) -> bool:
        """Whether a judge did not answer, and may answer if it is asked again later."""
        return self.stage == "judge" and self.reason not in FOR_GOOD


FIVE = 5
"""The best rating of UltraFeedback; a rating of a whole answer is from 1 to this, whatever the scales of criteria."""


def on_five(rating: float | None, scale: int) -> float | None:
    """Return a rating from 1 to `scale` as one from 1 to 5, null for null: 3 on a scale of 3 is 5, and 2 is 3."""
    return rating if rating is None or scale == FIVE else 1 + (FIVE - 1) * (rating - 1) / (scale - 1)


class Judgement(Row):
    """One reply of a judge about one aspect, or one criterion of a rubric, of the candidates of a set.

    `ratings` (1 to `scale`) and `rationales` have an entry for each candidate of the set, in the set's order; null if
    the reply has none that can be read. `order` says in which order the judge saw the candidates: (1, 0) is the second
    candidate first.
    """

    judge: str
    aspect: str
    scale: int = FIVE
    order: tuple[int, ...]
    ratings: tuple[float | None, ...]
    rationales: tuple[str | None, ...]

    @property
    def on_five(self) -> tuple[float | None, ...]:
        """The ratings as numbers from 1 to 5."""
        return tuple(on_five(rating, self.scale) for rating in self.ratings)


class Usage(Row):
    """The tokens of one answered request, and its cost in US dollars. Null means that it is not known.

    `request` is the hash of the request. If two sets have the same hash, it was paid for only once. `wasted` is true
    for a reply that could not be used. Each such reply has a hash of its own, because each was paid for.
    """

    request: str
    stage: Literal["question", "generate", "evolve", "judge"]
    generator: str
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    wasted: bool = False


class CandidateSet(Row):
    """A prompt with all answers of models, all replies of judges, and all failures.

    `settings` is the hash of the models and their options (`Manifest.settings` has the options by this hash).
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
        """Return whether the set is complete, so that no model needs to be asked again.

        It has at least `min_candidates`, which the review task says, and no judge that may answer later.
        """
        enough = len(self.candidates) >= min_candidates
        return enough and not any(failure.judge_may_answer_yet for failure in self.failures)

    def candidate(self, candidate_id: str) -> Candidate:
        """Return the candidate with this id; KeyError if there is none."""
        for candidate in self.candidates:
            if candidate.id == candidate_id:
                return candidate
        raise KeyError(candidate_id)


Scores = tuple[float | None, ...]
"""A score in [0, 1] for each shown candidate, in the order of `ReviewRecord.candidates`; null for no score."""


class ReviewRecord(Row):
    """What reviewers are shown: candidates of one set. `candidates` has their ids in the order of the page.

    - `suggested`: whether the page shows what the judge would answer
    - `sampled`: whether the judge was sure of the set, which is reviewed all the same because chance chose it
    """

    id: str
    task: str
    prompt_id: str
    set_id: str
    candidates: tuple[str, ...]
    suggested: bool = False
    sampled: bool = False


class RetiredRecord(Row):
    """A record that needs no answer any more, because a later record replaced it. `id` is the record's."""

    id: str


class EscalatedRecord(Row):
    """A record that further reviewers, the adjudicators, decide after the first ones.

    It stands once more in the dataset of the adjudicators. `id` is its id there, so that what a reviewer answers here
    and there is told apart, `record_id` is the id of the record that the first reviewers see, and `task` is its task.
    `reason` is why it was escalated: "flagged", "low_agreement", or why there was no verdict ("draw", "not_unanimous").
    """

    id: str
    record_id: str
    task: str
    reason: str


class GoldRecord(ReviewRecord):
    """A record whose right answer is known: it measures reviewers, and gives no row. No other table has it or its set.

    - `expected`: the right score of each candidate, in the order of `candidates`; null if any is right
    - `counts`: false once the gold file does not have the record any more: answers to it measure nobody then
    """

    candidate_set: CandidateSet
    expected: Scores
    counts: bool = True


GOLD_PROMPT = "gold_prompt"
"""Why a candidate set is not shown: its prompt is that of a gold record."""

JUDGE_SURE = "judge_sure"
"""Why a candidate set is not shown to people: the judge's ratings are so far apart that its choice is left to it."""


class NotShown(Row):
    """A candidate set of which the last push made no record, and the reason. `id` is the set's."""

    id: str
    reason: str


class Response(Row):
    """One reviewer's response to one record, as Argilla has it.

    - `reviewer`: the username
    - `values`: the answer to each question, by the question's name: {"preference": "a"}
    - `dataset_id`, `server_record_id`, `server_user_id`: the ids of the dataset, the record and the account on the
      Argilla server. A record or an account that was deleted and created again has another id.
    - `inserted_at`, `updated_at`: when Argilla says that the response was given and last changed, null if it does not
    """

    record_id: str
    reviewer: str
    status: Status
    values: dict[str, JsonValue]
    dataset_id: str
    server_record_id: str
    server_user_id: str
    inserted_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def simulated(self) -> bool:
        """Whether a program gave this response."""
        return self.reviewer.startswith(SIMULATED_PREFIX)


class ResponseVersion(Response):
    """A response as one sync saw it. The store keeps every version; the last of a reviewer and a record is the present.

        record_id reviewer values              synced_at ended
        0123      ann      {"preference": "a"} 10:00     null         ann answered,
        0123      ann      {"preference": "b"} 11:00     null         changed her mind,
        0123      ann      {"preference": "b"} 12:00     withdrawn    and took the answer back

    - `synced_at`: when the sync that saw this began to read Argilla
    - `ended`: null for a response that is there. "withdrawn" says that it was in Argilla no more, "renamed" that the
      reviewer has had another name since then: a version under that name follows.
    """

    synced_at: datetime
    ended: Literal["withdrawn", "renamed"] | None = None

    @property
    def response(self) -> Response:
        """The response without the history."""
        return Response.model_construct(**{name: getattr(self, name) for name in Response.model_fields})


class Annotation(Row):
    """What one reviewer's response means.

    `scores` has the order of `ReviewRecord.candidates` and is empty unless the response was submitted. `strength` says
    by how much the first of two candidates is better, -3 to 3, null if the task does not ask that. `reason` is why, in
    the reviewer's words; it is only published if the configuration says so. `labels` has the
    values of every question whose answer is more than a score, by the question's name; `flags` what is wrong with the
    record, in the reviewer's opinion: discarded responses have them too. `comment` is for the publisher; drafts and
    discarded responses have it too. `adjudication` is whether it was given to a record that had been escalated.
    """

    reviewer: str
    status: Status
    scores: Scores = ()
    strength: int | None = None
    edit: str | None = None
    reason: str | None = None
    labels: dict[str, tuple[str, ...]] = {}
    flags: tuple[str, ...] = ()
    comment: str | None = None
    adjudication: bool = False


class Verdict(Row):
    """What all responses to a record amount to.

    - `scores`: a score in [0, 1] for each shown candidate, in the order of `ReviewRecord.candidates`; null if nobody
      scored it
    - `edits`: the texts that reviewers wrote. Each is one more candidate, with the score `edit_score`.
    - `reviewers`: how many responses count
    - `agreement`: the share of them that agree with the scores, null if there is only one
    - `label_source`: who decided: adjudicators, people, programs, the judge, the label of the source, or roles
    """

    scores: Scores
    edits: tuple[str, ...] = ()
    edit_score: float = 1.0
    reviewers: int
    agreement: float | None
    label_source: LabelSource


class DroppedPrompt(Row):
    """A prompt that did not pass a check, so no model was asked. `reason` names the check, and `id` is the prompt's."""

    id: str
    prompt: Prompt
    reason: str


class Drop(Row):
    """Something that was left out on the way to a row, and the reason as a word: "draw"."""

    id: str
    reason: str
