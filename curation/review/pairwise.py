"""The `pairwise` task: which of two responses is better, and optionally a better text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, PositiveInt, StringConstraints

from curation import ids
from curation.errors import DataError
from curation.review.answers import edit_of, not_an_answer, text_of
from curation.review.limits import checked_guidelines, prompt_fault
from curation.review.shown import shown
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec, TextQuestion
from curation.section import ARGILLA_DATASET, ARGILLA_WORKSPACE, Section
from curation.types import Annotation, Candidate, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

SCORES: dict[str, tuple[float, float]] = {
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


class PairwiseTask(Section):
    """`[review] task = "pairwise"`: the judge's best and worst answer side by side, in a shuffled order."""

    task: Literal["pairwise"] = "pairwise"
    """The question; the only one there is: which of two answers is better, and optionally a better one."""
    workspace: Annotated[str, StringConstraints(pattern=ARGILLA_WORKSPACE)] = "argilla"
    """The workspace in Argilla; it must exist. Letters, digits, `_` and `-`."""
    dataset: Annotated[str, StringConstraints(pattern=ARGILLA_DATASET)] | None = None
    """The dataset in Argilla: by default it is called as the curation is. Up to 200 characters."""
    min_submitted: PositiveInt = 1
    """After so many answers Argilla shows a record to nobody else."""
    show_suggestions: bool = False
    """`true`: what the judge rated higher is suggested, in records that are new."""
    guidelines: Annotated[str, AfterValidator(checked_guidelines)] = GUIDELINES
    """What reviewers are told, in Markdown: up to 10,000 characters. The card repeats it."""

    @property
    def min_candidates(self) -> int:
        """Two answers are compared."""
        return 2

    @property
    def level(self) -> Literal["nominal"]:
        """The level of measurement of answers, for Krippendorff's alpha: four kinds, in no order."""
        return "nominal"

    def answer_name(self, scores: Scores) -> str:
        """Return the answer that gives the shown candidates these scores, as reviewers read it."""
        return next(LABELS[answer] for answer, meant in SCORES.items() if meant == scores)

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset."""
        return TaskSpec(
            fields=(
                Field("prompt", "Prompt", chat=True),
                Field("response_a", "Response A"),
                Field("response_b", "Response B"),
            ),
            questions=(
                LabelQuestion("preference", "Which response is better?", LABELS),
                TextQuestion("edit", "A better answer", "Optional: your improved version of the better response."),
                TextQuestion("comment", "Comment", "Optional: anything the publisher should know. Never published."),
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

        The judge's best and worst; without both ratings, or when all are equal, the first two of an order that depends
        on the prompt alone. Which of them is A depends on the record's id alone, so no model is always A.
        """
        if len(candidate_set.candidates) < self.min_candidates:
            return Drop(id=candidate_set.id, reason="fewer_than_two_answers")
        fault = prompt_fault(candidate_set.prompt.messages)
        if fault is not None:
            return Drop(id=candidate_set.id, reason=fault)
        pair = _pair(candidate_set)
        record_id = ids.record_id(self.task, candidate_set.prompt.id, (candidate.id for candidate in pair))
        placed = _shuffled(pair, seed=record_id)
        record = ReviewRecord(
            id=record_id,
            task=self.task,
            prompt_id=candidate_set.prompt.id,
            set_id=candidate_set.id,
            candidates=tuple(candidate.id for candidate in placed),
        )
        return (record,)

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        try:
            first, second = (candidate_set.candidate(candidate) for candidate in record.candidates)
        except KeyError as error:
            raise DataError(f"Record {record.id} shows a candidate that its set {candidate_set.id} lacks.") from error
        return RecordSpec(
            record=record,
            fields={
                "prompt": [
                    {"role": message.role, "content": shown(message.content)}
                    for message in candidate_set.prompt.messages
                ],
                "response_a": shown(first.text),
                "response_b": shown(second.text),
            },
            metadata={"model_a": first.generator, "model_b": second.generator},
            suggestions=self._suggestions(first, second) if self.show_suggestions else {},
        )

    def _suggestions(self, first: Candidate, second: Candidate) -> dict[str, str]:
        scores = self.judge_scores((first.rating, second.rating))
        return {} if scores is None else {"preference": next(name for name, meant in SCORES.items() if meant == scores)}

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: "a" scores (1, 0), "both_good" (1, 1), and so on.

        Raises DataError for a submitted response whose preference is none of the four.
        """
        comment = text_of(response, "comment")
        if response.status != "submitted":
            return Annotation(reviewer=response.reviewer, status=response.status, comment=comment)
        preference = response.values.get("preference")
        if not isinstance(preference, str) or preference not in SCORES:
            raise not_an_answer(response, record, "preference", SCORES)
        return Annotation(
            reviewer=response.reviewer,
            status=response.status,
            scores=SCORES[preference],
            edit=edit_of(response),
            comment=comment,
        )

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return (1, 0) or (0, 1) for the answer with the higher rating, null for equal ratings or a missing one."""
        first, second = ratings
        if first is None or second is None or first == second:
            return None
        return SCORES["a" if first > second else "b"]


def _pair(candidate_set: CandidateSet) -> tuple[Candidate, Candidate]:
    shuffled = _shuffled(candidate_set.candidates, seed=candidate_set.prompt.id)
    rated = [candidate for candidate in shuffled if candidate.rating is not None]
    if len(rated) >= 2:
        best = max(rated, key=lambda candidate: candidate.rating or 0.0)
        worst = min(rated, key=lambda candidate: candidate.rating or 0.0)
        if best is not worst:
            return best, worst
    return shuffled[0], shuffled[1]


def _shuffled(candidates: tuple[Candidate, ...], *, seed: str) -> list[Candidate]:
    # Sorted first: the order must follow from the content and the seed, not from how the set was made.
    return random.Random(seed).sample(sorted(candidates, key=lambda candidate: candidate.id), len(candidates))
