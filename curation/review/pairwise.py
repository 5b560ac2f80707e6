"""The `pairwise` task: which of two responses is better or by how much, also by aspect, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, JsonValue, StringConstraints
from pydantic import Field as Bounded

from curation.review.answers import annotation_without_scores, not_an_answer, submitted_annotation
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import PROMPT, closing_questions, in_words, page_fields, page_values
from curation.review.records import make_record, shown_candidates, shuffled
from curation.review.shown import display_text
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec, TextQuestion
from curation.review.suggesting import judged_values, with_suggestions
from curation.review_statistics import Leaning
from curation.section import FILTER_NAME
from curation.types import Annotation, Candidate, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

STRONGEST = 3

STRENGTHS = {
    "a_much": 3,
    "a_clearly": 2,
    "a_slightly": 1,
    "same": 0,
    "b_slightly": -1,
    "b_clearly": -2,
    "b_much": -3,
}
"""By how much A is better, of each graded answer: the scale of HelpSteer3 and of Llama's reports."""

SCORES: dict[str, Scores] = {
    "a": (1.0, 0.0),
    "b": (0.0, 1.0),
    "both_good": (1.0, 1.0),
    "both_bad": (0.0, 0.0),
    **{
        answer: ((STRONGEST + strength) / (2 * STRONGEST), (STRONGEST - strength) / (2 * STRONGEST))
        for answer, strength in STRENGTHS.items()
    },
}
"""The scores of every answer. No two scales have an answer in common that means another thing on each: so an answer
keeps its meaning when the scale is changed."""

LABELS: dict[int, dict[str, str]] = {
    4: {"a": "A is better", "b": "B is better", "both_good": "Both are good", "both_bad": "Both are bad"},
    7: {
        "a_much": "A is much better",
        "a_clearly": "A is clearly better",
        "a_slightly": "A is slightly better",
        "same": "About the same",
        "b_slightly": "B is slightly better",
        "b_clearly": "B is clearly better",
        "b_much": "B is much better",
        "both_bad": "Both are bad",
    },
}
"""What reviewers read, by scale."""

ASPECT_LABELS = {"a": "A", "tie": "Tie", "b": "B"}
ASPECT = "aspect_"
"""The name of the question about an aspect begins so: "aspect_honesty"."""
MOST_ASPECTS = 6
REASON_HELP = "One or two sentences. The publisher may publish them; your name is not published."

GUIDELINES = """\
Read the prompt, then both responses, and choose the one you would rather get.

- **A is better**, **B is better**: judge correctness first, then how well the prompt is followed, then clarity.
  A longer answer is not a better one.
- **Both are good**: you would be glad to get either.
- **Both are bad**: neither is of use, or both are wrong or harmful.
- Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from the one you chose.
"""


GUIDELINES_OF_7 = """\
Read the prompt, then both responses, and say which you would rather get, and by how much.

- **Much better**: the other response is wrong, harmful or of no use, and this is good.
- **Clearly better**: both are of use, and nobody would hesitate.
- **Slightly better**: both are about as useful, and you still prefer this.
- **About the same**: you would not mind which you get.
- **Both are bad**: neither is of use, or both are wrong or harmful.
- Judge correctness first, then how well the prompt is followed, then clarity. A longer answer is not a better one.
- Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from the one you chose.
"""


def _default_guidelines(values: Mapping[str, Any]) -> str:
    return GUIDELINES_OF_7 if values.get("scale") == 7 else GUIDELINES


def checked_aspects(aspects: tuple[str, ...]) -> tuple[str, ...]:
    """Return the aspects. Raises ValueError if they are more than six, or two are the same."""
    if len(set(aspects)) < len(aspects):
        raise ValueError("must name each aspect once")
    if len(aspects) > MOST_ASPECTS:
        raise ValueError(
            f"must name {MOST_ASPECTS} aspects at most, not {len(aspects)}: the page shows no more at once"
        )
    return aspects


Aspects = Annotated[tuple[Annotated[str, StringConstraints(pattern=FILTER_NAME)], ...], AfterValidator(checked_aspects)]


class PairwiseTask(ReviewOptions):
    """`[review] task = "pairwise"`: the judge's best and worst answer side by side, in a shuffled order.

    | answer, with `scale = 4` | A | B |
    |---|---|---|
    | A is better | 1 | 0 |
    | B is better | 0 | 1 |
    | Both are good | 1 | 1 |
    | Both are bad | 0 | 0 |

    | answer, with `scale = 7` | strength | A | B |
    |---|---|---|---|
    | A is much better | 3 | 1 | 0 |
    | A is clearly better | 2 | 5/6 | 1/6 |
    | A is slightly better | 1 | 2/3 | 1/3 |
    | About the same | 0 | 1/2 | 1/2 |
    | B is slightly better | -1 | 1/3 | 2/3 |
    | B is clearly better | -2 | 1/6 | 5/6 |
    | B is much better | -3 | 0 | 1 |
    | Both are bad | none | 0 | 0 |

    So the scores of a graded answer are a third of its strength apart. A choice by aspect ("a", "tie" or "b") scores
    nothing, and is the label "aspect_honesty" of the annotation.
    """

    task: Literal["pairwise"] = "pairwise"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5), `"ranking"` (in which order they stand) or `"safety"` (whether
    an answer to a risky prompt is right)."""
    scale: Literal[4, 7] = 4
    """How reviewers say which is better: `4` (A, B, both good, both bad) or `7` (from "A is much better" over "about
    the same" to "B is much better", or both bad)."""
    aspects: Aspects = ()
    """What the two answers are compared by besides, such as `["helpfulness", "honesty"]`: up to 6 names."""
    reason: bool = False
    """`true`: reviewers also say why, in one or two sentences."""
    publish_reasons: bool = False
    """`true`: the dataset `raw` has what reviewers wrote as reasons."""
    guidelines: Guidelines = Bounded(default_factory=_default_guidelines)
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @property
    def compares(self) -> bool:
        """Whether a record shows two answers or more."""
        return True

    @property
    def min_candidates(self) -> int:
        """Two answers are compared."""
        return 2

    @property
    def too_few(self) -> str:
        """Why a set with fewer candidates is not shown."""
        return "fewer_than_two_answers"

    @property
    def level(self) -> Literal["nominal", "ordinal"]:
        """The level of measurement of answers, for Krippendorff's alpha: four kinds in no order, or grades."""
        return "ordinal" if self.scale == 7 else "nominal"

    @property
    def graded(self) -> bool:
        """Whether reviewers say by how much one of the answers is better."""
        return self.scale == 7

    @property
    def reasons_published(self) -> bool:
        """Whether `raw` has what reviewers wrote as reasons."""
        return self.publish_reasons

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
        title = "Which response is better, and by how much?" if self.scale == 7 else "Which response is better?"
        return TaskSpec(
            fields=page_fields(
                PROMPT, Field("response_a", "Response A"), Field("response_b", "Response B"), card=self.on_card
            ),
            questions=(
                LabelQuestion("preference", title, LABELS[self.scale]),
                *(
                    LabelQuestion(f"{ASPECT}{aspect}", f"{in_words(aspect)}: which is better?", ASPECT_LABELS)
                    for aspect in self.aspects
                ),
                *([TextQuestion("reason", "Why?", REASON_HELP, required=True)] if self.reason else []),
                *closing_questions(self, edit=better),
            ),
            guidelines=display_text(self.guidelines),
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
        return with_suggestions(self, candidate_set, [make_record(self.task, candidate_set, _pair(candidate_set))])

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        first, second = shown_candidates(candidate_set, record)
        return RecordSpec(
            record=record,
            fields=page_values(
                candidate_set.prompt, {"response_a": first.text, "response_b": second.text}, card=self.on_card
            ),
            suggestions=self.suggestion(candidate_set, record) if record.suggested else {},
        )

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer; empty if it does not tell."""
        return judged_values(self, candidate_set, record)

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: "a" scores (1, 0), "both_good" (1, 1), "a_slightly" (2/3, 1/3), and so on.

        Raises DataError for a submitted response whose preference is on neither scale, or whose choice by an aspect is
        none.
        """
        if response.status != "submitted":
            return annotation_without_scores(response)
        preference = response.values.get("preference")
        if not isinstance(preference, str) or preference not in SCORES:
            raise not_an_answer(response, record, "preference", SCORES)
        return submitted_annotation(
            response, SCORES[preference], _choices(response, record), strength=STRENGTHS.get(preference)
        )

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores: (1, 0) is {"preference": "a"}."""
        return {"preference": self._answer(scores)}

    def answer_name(self, scores: Scores) -> str:
        """Return the answer that gives the shown candidates these scores, as reviewers read it."""
        return {**LABELS[4], **LABELS[7]}[self._answer(scores)]

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return (1, 0) or (0, 1) for the answer with the higher rating, null for equal ratings or a missing one.

        With `scale = 7` the strength is the difference of the ratings, rounded up, and 3 at most.
        """
        first, second = ratings
        if first is None or second is None or first == second:
            return None
        strength = min(math.ceil(abs(first - second)), STRONGEST) if self.scale == 7 else STRONGEST
        better, worse = (STRONGEST + strength) / (2 * STRONGEST), (STRONGEST - strength) / (2 * STRONGEST)
        return (better, worse) if first > second else (worse, better)

    def _answer(self, scores: Scores) -> str:
        """The answer of this scale that means these scores, or else that of the other scale."""
        answers = [*LABELS[self.scale], *SCORES]
        return next(answer for answer in answers if SCORES[answer] == scores)


def _choices(response: Response, record: ReviewRecord) -> dict[str, tuple[str, ...]]:
    """The choice by each aspect, whatever aspects the configuration names now: {"aspect_honesty": ("tie",)}."""
    choices: dict[str, tuple[str, ...]] = {}
    for name, choice in sorted(response.values.items()):
        if not name.startswith(ASPECT):
            continue
        if not isinstance(choice, str) or choice not in ASPECT_LABELS:
            raise not_an_answer(response, record, name, ASPECT_LABELS)
        choices[name] = (choice,)
    return choices


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
    """Whether the first of two is better; null if neither is, and for answers to another task of the same store."""
    if len(scores) != 2:
        return None
    first, second = scores
    return None if first is None or second is None or first == second else first > second
