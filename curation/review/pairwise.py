"""The `pairwise` task: which of two responses is better, and optionally a better text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import JsonValue

from curation.review.answers import comment_of, edit_of, not_an_answer
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import PROMPT, conversation, text_questions
from curation.review.records import make_record, shown_candidates, shuffled
from curation.review.shown import shown
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec
from curation.types import Annotation, Candidate, CandidateSet, Drop, Leaning, Message, Response, ReviewRecord, Scores

SCORES: dict[str, Scores] = {
    "a": (1.0, 0.0),
    "b": (0.0, 1.0),
    "both_good": (1.0, 1.0),
    "both_bad": (0.0, 0.0),
}

LABELS = {"a": "A is better", "b": "B is better", "both_good": "Both are good", "both_bad": "Both are bad"}

GUIDELINES = """\
Read the prompt, then both responses, and choose the one you would rather get.

- **A is better**, **B is better**: judge correctness first, then how well the prompt is followed, then clarity.
  A longer answer is not a better one.
- **Both are good**: you would be glad to get either.
- **Both are bad**: neither is of use, or both are wrong or harmful.
- Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from the one you chose.
"""


class PairwiseTask(ReviewOptions):
    """`[review] task = "pairwise"`: the judge's best and worst answer side by side, in a shuffled order.

    | answer | A | B |
    |---|---|---|
    | A is better | 1 | 0 |
    | B is better | 0 | 1 |
    | Both are good | 1 | 1 |
    | Both are bad | 0 | 0 |
    """

    task: Literal["pairwise"] = "pairwise"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5) or `"ranking"` (in which order they stand)."""
    guidelines: Guidelines = GUIDELINES
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @property
    def min_candidates(self) -> int:
        """Two answers are compared."""
        return 2

    @property
    def too_few(self) -> str:
        """Why a set with fewer candidates is not shown."""
        return "fewer_than_two_answers"

    @property
    def level(self) -> Literal["nominal"]:
        """The level of measurement of answers, for Krippendorff's alpha: four kinds, in no order."""
        return "nominal"

    @property
    def leaning(self) -> Leaning:
        """Whether a reviewer prefers A. Chance decides which candidate that is, so an honest one does in half."""
        return Leaning("prefers the first answer", _prefers_first, even=True)

    def for_answers(self, most: int) -> Self:
        """Return this task: it shows two answers, however many there are."""
        return self

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset."""
        better = "Optional: your improved version of the better response."
        return TaskSpec(
            fields=(PROMPT, Field("response_a", "Response A"), Field("response_b", "Response B")),
            questions=(
                LabelQuestion("preference", "Which response is better?", LABELS),
                *text_questions(self, edit=better),
            ),
            hidden=("model_a", "model_b"),
            guidelines=shown(self.guidelines),
            min_submitted=self.min_submitted,
        )

    def prompt_fault(self, messages: Sequence[Message]) -> str | None:
        """Return why Argilla cannot show a prompt (see `limits.prompt_fault`), null if it can."""
        return prompt_fault(messages)

    def records(self, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...] | Drop:
        """Return the one record of a set, or why there is none.

        Drops: "fewer_than_two_answers", and what `prompt_fault` returns.

        It shows the judge's best and worst; without both ratings, or when all are equal, the first two of an order that
        depends on the prompt alone. Which of them is A depends on the record's id alone.
        """
        if len(candidate_set.candidates) < self.min_candidates:
            return Drop(id=candidate_set.id, reason=self.too_few)
        fault = prompt_fault(candidate_set.prompt.messages)
        if fault is not None:
            return Drop(id=candidate_set.id, reason=fault)
        return (make_record(self.task, candidate_set, _pair(candidate_set)),)

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        first, second = shown_candidates(candidate_set, record)
        suggested = self.judge_scores((first.rating, second.rating)) if self.show_suggestions else None
        return RecordSpec(
            record=record,
            fields={
                "prompt": conversation(candidate_set.prompt.messages),
                "response_a": shown(first.text),
                "response_b": shown(second.text),
            },
            metadata={"model_a": first.generator, "model_b": second.generator},
            suggestions={} if suggested is None else self.values(suggested),
        )

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: "a" scores (1, 0), "both_good" (1, 1), and so on.

        Raises DataError for a submitted response whose preference is none of the four.
        """
        if response.status != "submitted":
            return Annotation(reviewer=response.reviewer, status=response.status, comment=comment_of(response))
        preference = response.values.get("preference")
        if not isinstance(preference, str) or preference not in SCORES:
            raise not_an_answer(response, record, "preference", SCORES)
        return Annotation(
            reviewer=response.reviewer,
            status=response.status,
            scores=SCORES[preference],
            edit=edit_of(response),
            comment=comment_of(response),
        )

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores: (1, 0) is {"preference": "a"}."""
        return {"preference": next(answer for answer, meant in SCORES.items() if meant == scores)}

    def answer_name(self, scores: Scores) -> str:
        """Return the answer that gives the shown candidates these scores, as reviewers read it."""
        return next(LABELS[answer] for answer, meant in SCORES.items() if meant == scores)

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return (1, 0) or (0, 1) for the answer with the higher rating, null for equal ratings or a missing one."""
        first, second = ratings
        if first is None or second is None or first == second:
            return None
        return (1.0, 0.0) if first > second else (0.0, 1.0)


def _pair(candidate_set: CandidateSet) -> tuple[Candidate, Candidate]:
    candidates = shuffled(candidate_set.candidates, seed=candidate_set.prompt.id)
    rated = [candidate for candidate in candidates if candidate.rating is not None]
    if len(rated) >= 2:
        best = max(rated, key=lambda candidate: candidate.rating or 0.0)
        worst = min(rated, key=lambda candidate: candidate.rating or 0.0)
        if best is not worst:
            return best, worst
    return candidates[0], candidates[1]


def _prefers_first(scores: Scores) -> bool | None:
    return scores == SCORES["a"] if scores in {SCORES["a"], SCORES["b"]} else None
