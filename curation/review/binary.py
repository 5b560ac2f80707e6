"""The `binary` task: whether one response is good, and optionally a better text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import JsonValue

from curation.review.answers import annotation_without_scores, not_an_answer, submitted_annotation
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import PROMPT, closing_questions, page_fields, page_values
from curation.review.records import make_record, shown_candidates, shuffled
from curation.review.shown import display_text
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec
from curation.review.suggesting import judged_values, with_suggestions
from curation.review_statistics import Leaning
from curation.types import Annotation, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

SCORES = {"good": 1.0, "bad": 0.0}

LABELS = {"good": "Good", "bad": "Bad"}

MIDDLE_RATING = 3.0
"""The middle of a judge's ratings (1 to 5): above it an answer is good, below it bad."""

GUIDELINES = """\
Read the prompt, then the response, and say whether it is good.

- **Good** (key 1): you would be glad to get it. It is correct, does what the prompt asks, and is clear.
- **Bad** (key 2): it is of no use, wrong, harmful, or does not do what the prompt asks.
- Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from this one.
"""


class BinaryTask(ReviewOptions):
    """`[review] task = "binary"`: one answer a record, good or bad. Number keys choose; with `edit = false`,
    `comment = false` and `flags = []` the key submits too.

    | answer | score |
    |---|---|
    | Good | 1 |
    | Bad | 0 |
    """

    task: Literal["binary"] = "binary"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5), `"ranking"` (in which order they stand) or `"safety"` (whether
    an answer to a risky prompt is right)."""
    guidelines: Guidelines = GUIDELINES
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @property
    def min_candidates(self) -> int:
        """Each answer is shown alone."""
        return 1

    @property
    def too_few(self) -> str:
        """Why a set without a candidate is not shown."""
        return "no_answer"

    @property
    def level(self) -> Literal["nominal"]:
        """The level of measurement of answers, for Krippendorff's alpha: two kinds."""
        return "nominal"

    @property
    def leaning(self) -> Leaning:
        """Whether a reviewer calls answers good."""
        return Leaning("calls an answer good", _is_good, even=False)

    def for_answers(self, most: int) -> Self:
        """Return this task: it shows one answer a record, however many there are."""
        return self

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset."""
        better = "Optional: your improved version of the response."
        return TaskSpec(
            fields=page_fields(PROMPT, Field("response", "Response"), card=self.on_card),
            questions=(
                LabelQuestion("quality", "Is this response good?", LABELS),
                *closing_questions(self, edit=better),
            ),
            guidelines=display_text(self.guidelines),
            min_submitted=self.min_submitted,
        )

    def prompt_fault(self, messages: Sequence[Message]) -> str | None:
        """Return why Argilla cannot show a prompt (see `limits.prompt_fault`), null if it can."""
        return prompt_fault(messages)

    def records(self, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...] | Drop:
        """Return a record for each candidate, in an order that depends on the prompt alone, or why there is none.

        Drops: "no_answer", and what `prompt_fault` returns.
        """
        if not candidate_set.candidates:
            return Drop(id=candidate_set.id, reason=self.too_few)
        fault = prompt_fault(candidate_set.prompt.messages)
        if fault is not None:
            return Drop(id=candidate_set.id, reason=fault)
        candidates = shuffled(candidate_set.candidates, seed=candidate_set.prompt.id)
        records = [make_record(self.task, candidate_set, (candidate,)) for candidate in candidates]
        return with_suggestions(self, candidate_set, records)

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        [candidate] = shown_candidates(candidate_set, record)
        return RecordSpec(
            record=record,
            fields=page_values(candidate_set.prompt, {"response": candidate.text}, card=self.on_card),
            suggestions=self.suggestion(candidate_set, record) if record.suggested else {},
        )

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer; empty if it does not tell."""
        return judged_values(self, candidate_set, record)

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: "good" scores 1, "bad" 0.

        Raises DataError for a submitted response whose quality is neither.
        """
        if response.status != "submitted":
            return annotation_without_scores(response)
        quality = response.values.get("quality")
        if not isinstance(quality, str) or quality not in SCORES:
            raise not_an_answer(response, record, "quality", SCORES)
        return submitted_annotation(response, (SCORES[quality],))

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores: (1,) is {"quality": "good"}."""
        return {"quality": next(answer for answer, score in SCORES.items() if (score,) == scores)}

    def answer_name(self, scores: Scores) -> str:
        """Return the answer that gives the shown candidate this score, as reviewers read it."""
        return next(LABELS[answer] for answer, score in SCORES.items() if (score,) == scores)

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return 1 for a rating above 3, 0 for one below it, null for 3 and without a rating."""
        [rating] = ratings
        if rating is None or rating == MIDDLE_RATING:
            return None
        return (1.0,) if rating > MIDDLE_RATING else (0.0,)


def _is_good(scores: Scores) -> bool | None:
    return scores == (SCORES["good"],) if scores in {(1.0,), (0.0,)} else None
