"""The facts of a card, as values. `text.py`, `limits.py` and `pictures.py` turn them into the card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pydantic import JsonValue

from curation.linting.safety import Coverage
from curation.review_statistics import (
    WRONG_ON_GOLD,
    Agreement,
    GoldAccuracy,
    ImportedAgreement,
    JudgeAgreement,
    JudgeCheck,
    LengthBias,
)
from curation.types import LabelSource, Row
from curation.wording import counted, percent

LENGTH_EDGES = tuple(sorted({round(2 ** (half / 2)) for half in range(49)}))
"""The edges of the bins of lengths in characters, for `numpy.histogram`: two for each doubling, from 1 to 2**24."""


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step from prompts to rows: how many prompts are left, and how many were dropped on the way to it, by reason.

    `kept_in` says where the dropped prompts can still be read, None if nowhere.
    """

    name: str
    count: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    kept_in: str | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Histograms of lengths in characters, by what was measured ("prompt", "chosen", "rejected").

    `quantiles` are the median and the 95th percentile, missing where nothing was measured. Bin i counts lengths from
    edges[i] to below edges[i + 1], the last bin also its upper edge, as `numpy.histogram` does. Raises ValueError
    unless the edges are positive and increasing and there is a count for every bin.
    """

    counts: Mapping[str, Sequence[int]]
    quantiles: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    edges: Sequence[float] = LENGTH_EDGES

    def __post_init__(self) -> None:
        if self.edges[0] <= 0 or any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("The edges of the lengths must be positive and increasing.")
        for name, counts in self.counts.items():
            if len(counts) != len(self.edges) - 1:
                raise ValueError(f"{name!r} has {len(counts)} counts for {len(self.edges) - 1} bins.")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A generator: its name, its model, its settings, and the number of its answers."""

    generator: str
    model: str
    candidates: int
    settings: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """A judge: its name, its model, the aspects that it rated, and its settings.

    `criteria` are those of a rubric: name, description and best rating of each. They are empty for UltraFeedback.
    """

    judge: str
    model: str
    aspects: Sequence[str]
    settings: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)
    criteria: Sequence[tuple[str, str, int]] = ()


class DocumentCoverage(Row):
    """How far the published questions cover their documents, of which each has a question at least.

    `covered` of all `parts` of these documents have a question with rows. `questions` have rows; of those with an
    answer in the document `grounded` name the passage, and `unanswerable` have none by design.
    """

    documents: int
    parts: int
    covered: int
    questions: int
    grounded: int
    unanswerable: int

    @property
    def line(self) -> str:
        """The coverage as two sentences."""
        answerable = self.questions - self.unanswerable
        grounded = f" Of those with an answer, {percent(self.grounded / answerable)} name it." if answerable else ""
        by_design = f" ({self.unanswerable:,} without an answer by design)" if self.unanswerable else ""
        return (
            f"{counted(self.questions, 'question')}{by_design} with rows, about {counted(self.documents, 'document')}: "
            f"they cover {percent(self.covered / self.parts)} of {counted(self.parts, 'part')}.{grounded}"
        )


@dataclass(frozen=True, slots=True)
class Confusion:
    """What Dawid-Skene estimated for each pseudonym: P(answer given | true answer), with a row for each true answer."""

    answers: Sequence[str]
    matrices: Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything that a card says. Reviewers are pseudonyms everywhere.

    - `sources` are "owner/name@sha" or "file.jsonl@hash", in the order in which they were read.
    - Counts: `rows` by (config, split), `languages` rows by ISO 639-1 code (null for unknown), `label_sources` verdicts
      by who decided, `escalated` records that adjudicators decide or are to decide, `reviewers` submitted responses by
      reviewer, including programs and without those given as adjudicator, `flags` records that reviewers flagged, by
      flag. `ignored_flags` are the flags that keep no record out.
    - `suggested` is whether reviewers saw the judge's choice before they answered.
    - `coverage` is how refusal data is spread over the categories, null for other data. `method` is what the
      configuration says of how prompts were collected, in Markdown. `documents` is about questions about documents,
      null without any.
    - `gold` says how often each reviewer is right on gold records.
    - `imported` says how far people agree with the labels that answers came with, null if none came with one.
    - `judge_lines` and `checks` are sentences; `cost` and `resolver` are phrases.
    - `options` are settings that a reader of the rows must know. `checksums` are SHA-256 in hex, by path of a file of
      rows. `bytes` is the size of all these files.
    - `version` is that of the program that wrote the card, in `year`. `published_as` is the tag of this version of the
      dataset, `previous` that of the version before.
    """

    name: str
    repo_id: str
    sources: Sequence[str]
    rows: Mapping[tuple[str, str], int]
    funnel: Sequence[FunnelStep]
    year: int
    version: str
    agreement: Agreement
    bytes: int | None = None
    licence: str | None = None
    languages: Mapping[str | None, int] = field(default_factory=dict)
    models: Sequence[ModelFacts] = ()
    judges: Sequence[JudgeFacts] = ()
    judge_lines: Sequence[str] = ()
    judge_agreement: JudgeAgreement | None = None
    judge_check: JudgeCheck | None = None
    imported: ImportedAgreement | None = None
    cost: str | None = None
    guidelines: str = ""
    suggested: bool = False
    reviewers: Mapping[str, int] = field(default_factory=dict)
    gold: Sequence[GoldAccuracy] = ()
    flags: Mapping[str, int] = field(default_factory=dict)
    ignored_flags: Sequence[str] = ()
    resolver: str | None = None
    confusion: Confusion | None = None
    label_sources: Mapping[LabelSource, int] = field(default_factory=dict)
    escalated: int = 0
    kto_true: int = 0
    kto_false: int = 0
    kto_weights: tuple[float, float] | None = None
    length_bias: LengthBias | None = None
    lengths: Lengths | None = None
    coverage: Coverage | None = None
    method: str | None = None
    published_as: str | None = None
    previous: str | None = None
    documents: DocumentCoverage | None = None
    checks: Sequence[str] = ()
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def marked(self) -> dict[str, tuple[str, ...]]:
        """The marks of each reviewer who stands out, sorted by reviewer."""
        marks = {reviewer.reviewer: reviewer.marks for reviewer in self.agreement.reviewers}
        for gold in self.gold:
            if gold.marked:
                marks[gold.reviewer] = (*marks.get(gold.reviewer, ()), WRONG_ON_GOLD)
        return {reviewer: of_reviewer for reviewer, of_reviewer in sorted(marks.items()) if of_reviewer}
