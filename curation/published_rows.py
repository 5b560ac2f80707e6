"""The rows of the published configs: what others load and train on. The Arrow schema of each is made from its type."""

from __future__ import annotations

from pydantic import JsonValue

from curation.types import Judgement, LabelSource, Message, Row, Status


class PublishedAnnotation(Row):
    """One reviewer's scores of the candidates of a published row, under a pseudonym; null for no score."""

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
    record_ids: tuple[str, ...]
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
    record_ids: tuple[str, ...]
    score: float
    model: str
    reviewers: int
    agreement: float | None
    label_source: LabelSource
    source: str
    language: str | None
    annotations: tuple[PublishedAnnotation, ...]


class SupervisedRow(Row):
    """A row of the `sft` config (TRL's conversational language-modelling layout): the best answer, or an edit of it.

    `edit_similarity` says how similar an edit is to the text that was edited, from 0 to 1. It is null for an answer
    that nobody edited.
    """

    id: str
    messages: tuple[Message, ...]
    prompt_id: str
    record_ids: tuple[str, ...]
    score: float
    model: str
    edit_similarity: float | None
    reviewers: int
    agreement: float | None
    label_source: LabelSource
    source: str
    language: str | None
    annotations: tuple[PublishedAnnotation, ...]


class RawCandidate(Row):
    """A candidate in a row of the `raw` config. Its `score` is null if it was not decided.

    `imported` is the score that the label of its source amounts to, null unless it came with one.
    `annotations` (JSON text) is what reviewers say about the candidate besides its score, by aspect (see
    `labels.aspects_of_answer`). An edit has the id of the edited candidate in `edit_of`. `edit_similarity` says how
    similar the two texts are, from 0 to 1. The column `thinking` is published only if a generator keeps it.
    """

    id: str
    text: str
    generator: str
    model: str
    finish_reason: str | None
    rating: float | None
    imported: float | None
    score: float | None
    annotations: dict[str, JsonValue]
    edit_of: str | None
    edit_similarity: float | None
    thinking: str | None = None


class RawAnnotation(Row):
    """One reviewer's response to one record, in a row of the `raw` config. `reviewer` is a pseudonym.

    - `shown`: the ids of the candidates that the record shows, in the order of the page
    - `scores`: a score for each candidate of the row, null for a candidate that the response does not score
    - `strength`: by how much the first of the two candidates shown is better, from -3 to 3, null if that was not asked
    - `labels`: the answers that are more than a score, by question, as JSON text
    - `flags`: what is wrong with the record, in the reviewer's opinion
    - `adjudication`: whether it was given by an adjudicator, after the first reviewers
    - `reason`: why, in the reviewer's words, null unless reasons are to be published
    """

    reviewer: str
    record_id: str
    shown: tuple[str, ...]
    scores: tuple[float | None, ...]
    strength: int | None
    status: Status
    labels: dict[str, JsonValue]
    flags: tuple[str, ...]
    reason: str | None
    adjudication: bool


class RawRow(Row):
    """A row of the `raw` config: all that is known about one candidate set, whether reviewers saw it or not.

    - `settings`: the hash of the models and their options
    - `judgements`: all replies of judges
    - `reviewers`: how many reviewers' answers count, also if they led to no verdict
    - `rows`: the ids of the rows of other configs that were made of this set
    - `dropped`: the reasons for rows that were not made: "unreviewed" for a record without a verdict, "dpo:tie" for a
      config without a row
    """

    id: str
    prompt: tuple[Message, ...]
    prompt_id: str
    set_id: str
    settings: str
    record_ids: tuple[str, ...]
    candidates: tuple[RawCandidate, ...]
    judgements: tuple[Judgement, ...]
    reviewers: int
    agreement: float | None
    label_source: LabelSource | None
    rows: tuple[str, ...]
    dropped: tuple[str, ...]
    source: str
    language: str | None
    annotations: tuple[RawAnnotation, ...]
