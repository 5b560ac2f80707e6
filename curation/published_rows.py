"""The rows of the published configs: what others load and train on. The Arrow schema of each is made from its type."""

from __future__ import annotations

from pydantic import JsonValue

from curation.types import Judgement, LabelSource, Message, Row, Status


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
    """A row of the `sft` config (TRL's conversational language-modelling layout): what was chosen, or an edit.

    `edit_similarity` is how far an edit is the answer that it edits, in [0, 1], null if nobody edited the answer.
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
    """A candidate in a row of the `raw` config; its score is null if nothing was decided about it.

    `annotations` (JSON text) is what reviewers say of it besides the score, by aspect, as `labels.aspects_of_answer`
    gives it. An edit names the candidate that it edits, and how similar the two are, in [0, 1]. `thinking` is published
    only if a generator keeps it.
    """

    id: str
    text: str
    generator: str
    model: str
    finish_reason: str | None
    rating: float | None
    score: float | None
    annotations: dict[str, JsonValue]
    edit_of: str | None
    edit_similarity: float | None
    thinking: str | None = None


class RawAnnotation(Row):
    """One reviewer's response to one record in a row of `raw`, under a pseudonym.

    `scores` has one score per candidate of the row, null for a candidate that the response says nothing about. `labels`
    (JSON text: question to values) and `flags` are what the response says besides scores.
    """

    reviewer: str
    record_id: str
    scores: tuple[float | None, ...]
    status: Status
    labels: dict[str, JsonValue]
    flags: tuple[str, ...]


class RawRow(Row):
    """A row of the `raw` config: everything about one candidate set, whether it was shown or not.

    `settings` is the hash of the models' options, `judgements` what judges replied. `rows` are the ids of the published
    rows that the set gave, `dropped` the reasons for those that it did not give: "unreviewed" of a record without a
    verdict, "dpo:tie" of a config without a row. `reviewers` counts those whose answers count, also where they came to
    no verdict.
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
