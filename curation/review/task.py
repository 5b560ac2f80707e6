"""The protocol of a review task: it makes records of a candidate set, and scores of a response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, Self

from pydantic import JsonValue

from curation.review.budget import Priority, SkipIf
from curation.review.spec import RecordSpec, TaskSpec
from curation.review_statistics import Leaning
from curation.types import Annotation, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

TaskLevel = Literal["nominal", "ordinal"]


class ReviewTask(Protocol):
    """A review task: what reviewers are shown of a candidate set, what they are asked, and what an answer means.

    A task is a section of the configuration: its options are its fields. Only the task knows its questions and how many
    candidates a record shows; all others see scores.
    """

    @property
    def task(self) -> str:
        """The name, as in `[review] task = "pairwise"`. Every record carries the name of its task."""
        ...

    @property
    def workspace(self) -> str:
        """The workspace in Argilla."""
        ...

    @property
    def dataset(self) -> str | None:
        """The dataset in Argilla, null if it is called as the curation is."""
        ...

    @property
    def show_suggestions(self) -> bool | float:
        """Whether reviewers see what the judge would answer, or on what share of records they do."""
        ...

    @property
    def skip_if(self) -> SkipIf | None:
        """Which candidate sets are left to the judge, null if none is."""
        ...

    @property
    def priority(self) -> Priority | None:
        """The order in which records are pushed."""
        ...

    @property
    def guidelines(self) -> str:
        """What reviewers are told, in Markdown."""
        ...

    @property
    def min_candidates(self) -> int:
        """The number of candidates that a set needs to be shown."""
        ...

    @property
    def too_few(self) -> str:
        """Why a set with fewer candidates than that is not shown: "fewer_than_two_answers"."""
        ...

    @property
    def min_submitted(self) -> int:
        """When a record has so many answers, Argilla shows it to nobody else."""
        ...

    @property
    def assignment(self) -> Literal["overlap", "split"]:
        """Whether everybody sees all records, or each has shares of its own."""
        ...

    @property
    def overlap(self) -> int:
        """With "split" the number of reviewers of each record."""
        ...

    @property
    def escalate_below(self) -> float | None:
        """Records whose agreement is below this go to adjudicators; null if none do."""
        ...

    @property
    def adjudicators(self) -> int:
        """How many adjudicators answer such a record."""
        ...

    @property
    def show_earlier_answers(self) -> bool:
        """Whether adjudicators see what the first reviewers answered."""
        ...

    @property
    def level(self) -> TaskLevel:
        """The level of measurement of the answers: "nominal" if they are kinds, "ordinal" if they have an order."""
        ...

    @property
    def leaning(self) -> Leaning:
        """What is counted of each reviewer's answers, whoever is right: whether they lean to one side."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether the link for reviewers shows records in the order of their push."""
        ...

    @property
    def graded(self) -> bool:
        """Whether reviewers say by how much one of two answers is better: then rows of pairs have a strength."""
        ...

    @property
    def reasons_published(self) -> bool:
        """Whether `raw` has what reviewers wrote as reasons."""
        ...

    def for_answers(self, most: int) -> Self:
        """Return the task for prompts that get `most` answers at most: a page has no more places than it needs."""
        ...

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset: fields, questions, guidelines."""
        ...

    def prompt_fault(self, messages: Sequence[Message]) -> str | None:
        """Return why reviewers cannot be shown a prompt, null if they can."""
        ...

    def records(self, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...] | Drop:
        """Return what reviewers are shown of a set, in one record or several, or why nothing of it can be shown."""
        ...

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` shows a candidate that the set lacks.

        It has what `suggestion` returns if the record is `suggested`.
        """
        ...

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer to the questions, by their names; empty if its ratings do not tell."""
        ...

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response to a record means.

        This depends on the reviewer, the status, the values and how many candidates the record shows, on nothing else.
        Raises DataError for a submitted response that is no answer to the questions.
        """
        ...

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores; what `annotation` reads, the other way round."""
        ...

    def answer_name(self, scores: Scores) -> str:
        """Return the answer that gives the shown candidates these scores, as reviewers read it."""
        ...

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return the scores of the answer that the judge would have given, null if its ratings do not tell.

        `ratings` (1 to 5) are those of the shown candidates, null where there is none.
        """
        ...
