"""The `rating` task: how good each of up to five responses is, from 1 to 5, and optionally a better text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Annotated, Literal, Self

from pydantic import Field as Bounded
from pydantic import JsonValue

from curation.errors import DataError
from curation.review import several
from curation.review.answers import comment_of, edit_of, not_an_answer
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import text_questions
from curation.review.several import MOST
from curation.review.shown import shown
from curation.review.spec import RatingQuestion, RecordSpec, TaskSpec
from curation.types import Annotation, CandidateSet, Drop, Leaning, Message, Response, ReviewRecord, Scores

VALUES = (1, 2, 3, 4, 5)

GUIDELINES = """\
Read the prompt, then all responses, and rate each from 1 to 5.

- **5**: you would be glad to get it. It is correct, does what the prompt asks, and is clear.
- **4**: good, with a small fault.
- **3**: of some use; something is missing or not quite right.
- **2**: of little use; much is missing or wrong.
- **1**: of no use, wrong or harmful.

Two responses that are equally good get the same rating. A longer response is not a better one.
Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from the best one.
"""


class RatingTask(ReviewOptions):
    """`[review] task = "rating"`: up to five answers a record, in a shuffled order, each rated from 1 to 5.

    | rating | score |
    |---|---|
    | 5 | 1 |
    | 4 | 0.75 |
    | 3 | 0.5 |
    | 2 | 0.25 |
    | 1 | 0 |
    | none | none |
    """

    task: Literal["rating"] = "rating"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5) or `"ranking"` (in which order they stand)."""
    candidates: Annotated[int | None, Bounded(ge=1, le=MOST)] = None
    """How many answers a record shows at most, 1 to 5: as many as a prompt gets, but not more than 5."""
    guidelines: Guidelines = GUIDELINES
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @property
    def min_candidates(self) -> int:
        """Two answers, to compare them, unless a prompt gets only one."""
        return min(2, self._places)

    @property
    def too_few(self) -> str:
        """Why a set with fewer candidates is not shown."""
        return "no_answer" if self.min_candidates == 1 else "fewer_than_two_answers"

    @property
    def level(self) -> Literal["ordinal"]:
        """The level of measurement of answers, for Krippendorff's alpha: ratings have an order."""
        return "ordinal"

    @property
    def leaning(self) -> Leaning:
        """Whether a reviewer's ratings of a record are above 3 in the mean."""
        return Leaning("rates above the middle", _above_the_middle, even=False)

    def for_answers(self, most: int) -> Self:
        """Return the task with a page for as many answers as a prompt gets at most, unless `candidates` says it."""
        return self if self.candidates is not None else self.model_copy(update={"candidates": min(most, MOST)})

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset: a field and a question for each place on the page.

        Only the first is required: a record may show fewer answers than the page has places.
        """
        better = "Optional: your improved version of the best response."
        return TaskSpec(
            fields=several.fields(self._places),
            questions=(
                *(
                    RatingQuestion(f"rating_{n}", f"How good is response {n}?", VALUES, required=n == 1)
                    for n in range(1, self._places + 1)
                ),
                *text_questions(self, edit=better),
            ),
            hidden=several.hidden(self._places),
            guidelines=shown(self.guidelines),
            min_submitted=self.min_submitted,
        )

    def prompt_fault(self, messages: Sequence[Message]) -> str | None:
        """Return why Argilla cannot show a prompt (see `limits.prompt_fault`), null if it can."""
        return prompt_fault(messages)

    def records(self, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...] | Drop:
        """Return the record of a set, several equally large ones if it has more candidates than the page has places.

        Drops: "fewer_than_two_answers" ("no_answer" where one is enough), and what `prompt_fault` returns. Which
        candidates stand together depends on the prompt alone, their order on the page on the record's id alone.
        """
        return several.records(self.task, candidate_set, self._places, fewest=self.min_candidates, too_few=self.too_few)

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        suggested = self.judge_scores(several.ratings(candidate_set, record)) if self.show_suggestions else None
        return several.spec(candidate_set, record, {} if suggested is None else self.values(suggested))

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: a rating r scores (r - 1) / 4, a missing one nothing.

        A rating of a place at which the record shows nothing counts nothing. Raises DataError for a submitted response
        that rates nothing, and for a rating that is not a whole number from 1 to 5.
        """
        if response.status != "submitted":
            return Annotation(reviewer=response.reviewer, status=response.status, comment=comment_of(response))
        return Annotation(
            reviewer=response.reviewer,
            status=response.status,
            scores=_scores(response, record),
            edit=edit_of(response),
            comment=comment_of(response),
        )

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores: (1, None, 0) is {"rating_1": 5, "rating_3": 1}."""
        return {f"rating_{n}": _rating(score) for n, score in enumerate(scores, 1) if score is not None}

    def answer_name(self, scores: Scores) -> str:
        """Return the ratings that give the shown candidates these scores: "5, none, 1"."""
        return ", ".join("none" if score is None else str(_rating(score)) for score in scores)

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return the scores of the judge's ratings, each rounded to a whole one (a half up), null without any."""
        if all(rating is None for rating in ratings):
            return None
        return tuple(None if rating is None else _score(math.floor(rating + 0.5)) for rating in ratings)

    @property
    def _places(self) -> int:
        return MOST if self.candidates is None else self.candidates


def _scores(response: Response, record: ReviewRecord) -> Scores:
    scores = tuple(_scores_of_places(response, record))
    if all(score is None for score in scores):
        raise DataError(f"The response of {response.reviewer} to record {record.id} rates none of what it shows.")
    return scores


def _scores_of_places(response: Response, record: ReviewRecord) -> Iterator[float | None]:
    for n in range(1, len(record.candidates) + 1):
        rating = response.values.get(f"rating_{n}")
        if rating is None:
            yield None
        elif isinstance(rating, int) and not isinstance(rating, bool) and rating in VALUES:
            yield _score(rating)
        else:
            raise not_an_answer(response, record, f"rating_{n}", VALUES)


def _score(rating: int) -> float:
    return (rating - VALUES[0]) / (VALUES[-1] - VALUES[0])


def _rating(score: float) -> int:
    return round(VALUES[0] + score * (VALUES[-1] - VALUES[0]))


def _above_the_middle(scores: Scores) -> bool | None:
    mean = fmean(score for score in scores if score is not None)
    return None if mean == 0.5 else mean > 0.5
