"""The `rating` task: how good each of up to five responses is, from 1 to 5, in all or by aspects, and optionally a
better text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Literal, Self

from pydantic import Field as Bounded
from pydantic import JsonValue, StringConstraints, model_validator

from curation.errors import DataError
from curation.review import several
from curation.review.answers import annotation_without_scores, not_an_answer, submitted_annotation
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import closing_questions
from curation.review.several import MOST
from curation.review.shown import display_text
from curation.review.spec import RatingQuestion, RecordSpec, TaskSpec
from curation.review.suggesting import judged_values, with_suggestions
from curation.review_statistics import Leaning
from curation.section import ASPECT
from curation.types import Annotation, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

VALUES = (1, 2, 3, 4, 5)

MOST_RATINGS = 16
"""So many questions fit into two heights of Argilla's panel on a screen of 1,920 x 1,080 pixels, where eight stand on
one, and into three screens of 1,024 x 768, where the questions stand below the responses: 100 pixels each."""

RESERVED = frozenset({"response"})
"""Names that no aspect may have: a field is called "response_1", and the question about an aspect "honesty_1"."""

WHOLE = "rating"
"""Stands where the name of an aspect would stand, if an answer is rated as a whole: the question "rating_1"."""

ASPECTS = {
    "helpfulness": "Does it solve what the prompt is about: right, relevant, and as much as is needed?",
    "honesty": "Does it say how sure it is, and what it does not know?",
    "instruction-following": "Does it do what the prompt asks, in the way in which it is asked?",
    "truthfulness": "Is everything true that it says?",
}
"""The aspects of UltraFeedback (Cui et al. 2023), as reviewers are asked about them."""

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

    With `aspects` each aspect of each answer is rated, and the score is the mean over the aspects, weighted by
    `weights`. An answer that lacks a rating of one of them has no score. With two aspects:

    | helpfulness | honesty | score | with `weights = { helpfulness = 3.0 }` |
    |---|---|---|---|
    | 5 | 5 | 1 | 1 |
    | 5 | 1 | 0.5 | 0.75 |
    | 2 | 4 | 0.5 | 0.375 |
    | 5 | none | none | none |
    """

    task: Literal["rating"] = "rating"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5), `"ranking"` (in which order they stand) or `"safety"` (whether
    an answer to a risky prompt is right)."""
    candidates: Annotated[int | None, Bounded(ge=1, le=MOST)] = None
    """How many answers a record shows at most, 1 to 5: as many as a prompt gets, but not more than 5."""
    aspects: tuple[Annotated[str, StringConstraints(pattern=ASPECT)], ...] = ()
    """What is rated of each answer, such as `["helpfulness", "honesty"]`, a question each; else the answer as a whole.
    Aspects times answers of a record are 16 at most."""
    weights: dict[str, Annotated[float, Bounded(ge=0)]] = Bounded(default_factory=dict)
    """How much each aspect counts in the score, such as `{ helpfulness = 2.0 }`; one that is not named counts 1."""
    guidelines: Guidelines = GUIDELINES
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @model_validator(mode="after")
    def _fits_the_page(self) -> Self:
        if len(set(self.aspects)) < len(self.aspects):
            raise ValueError(f"aspects = {list(self.aspects)} names one twice")
        for aspect in RESERVED & set(self.aspects):
            raise ValueError(f"aspects names {aspect!r}, which is the name of something else on the page")
        for aspect in self.weights:
            if aspect not in self.aspects:
                raise ValueError(f"weights names {aspect!r}, which is not among aspects")
        if self.aspects and not any(self._weight(aspect) for aspect in self.aspects):
            raise ValueError("weights gives no aspect a weight above 0")
        return self if self.candidates is None else self._checked(self.candidates)

    @property
    def compares(self) -> bool:
        """Whether a record shows two answers or more."""
        return self._places > 1

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
        """Return the task with a page for as many answers as a prompt gets at most, unless `candidates` says it.

        Raises ValueError if the page would have more ratings than are still given with care.
        """
        if self.candidates is not None:
            return self
        return self.model_copy(update={"candidates": min(most, MOST)})._checked(min(most, MOST))

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset: a field and a question for each place on the page.

        Only the first is required: a record may show fewer answers than the page has places.
        """
        better = "Optional: your improved version of the best response."
        return TaskSpec(
            fields=several.fields(self._places, card=self.on_card),
            questions=(
                *self._ratings(),
                *closing_questions(self, edit=better),
            ),
            guidelines=display_text(self.guidelines),
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
        records = several.records(
            self.task, candidate_set, self._places, fewest=self.min_candidates, too_few=self.too_few
        )
        return records if isinstance(records, Drop) else with_suggestions(self, candidate_set, records)

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set."""
        suggested = self.suggestion(candidate_set, record) if record.suggested else {}
        return several.spec(candidate_set, record, suggested, card=self.on_card)

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer; empty if it does not tell.

        An aspect is suggested if judges rated it under the same name.
        """
        if self.aspects:
            return dict(self._judged(candidate_set, record))
        return judged_values(self, candidate_set, record)

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: a rating r scores (r - 1) / 4, a missing one nothing, several their mean.

        The weights are those of this task, and an aspect that it does not name has the weight 1. A rating of a place at
        which the record shows nothing counts nothing. The ratings of aspects are labels too, by the names of their
        questions: {"honesty_2": ("4",)}. Raises DataError for a submitted response that rates nothing, and for a rating
        that is not a whole number from 1 to 5.
        """
        if response.status != "submitted":
            return annotation_without_scores(response)
        ratings = _ratings(response, record)
        aspects = sorted({aspect for of_place in ratings for aspect in of_place})
        scores = tuple(self._score(of_place, aspects) for of_place in ratings)
        if all(score is None for score in scores):
            raise DataError(f"The response of {response.reviewer} to record {record.id} rates none of what it shows.")
        labels = {
            f"{aspect}_{n}": (str(rating),)
            for n, of_place in enumerate(ratings, 1)
            for aspect, rating in of_place.items()
            if aspects != [WHOLE]
        }
        return submitted_annotation(response, scores, labels)

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores: (1, None, 0) is {"rating_1": 5, "rating_3": 1}.

        With aspects they are ratings whose mean comes closest to each score.
        """
        return {
            f"{aspect}_{n}": rating
            for n, score in enumerate(scores, 1)
            if score is not None
            for aspect, rating in self._closest(score).items()
        }

    def answer_name(self, scores: Scores) -> str:
        """Return the ratings, or their means, that give the shown candidates these scores: "5, none, 1"."""
        return ", ".join("none" if score is None else f"{_rating(score):.4g}" for score in scores)

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return the scores of the judge's ratings, each rounded to a whole one (a half up), null without any.

        Null with aspects: a rating as a whole does not tell what the judge would say of each.
        """
        if self.aspects or all(rating is None for rating in ratings):
            return None
        return tuple(None if rating is None else _score(_rounded(rating)) for rating in ratings)

    @property
    def _places(self) -> int:
        return MOST if self.candidates is None else self.candidates

    def _checked(self, places: int) -> Self:
        ratings = places * len(self.aspects)
        if ratings > MOST_RATINGS:
            raise ValueError(
                f"{len(self.aspects)} aspects of {places} answers are {ratings} ratings a record, and more than "
                f"{MOST_RATINGS} are too many for a page: name fewer aspects, or set candidates to "
                f"{MOST_RATINGS // len(self.aspects)} or less"
            )
        return self

    def _ratings(self) -> Iterator[RatingQuestion]:
        """The questions of the page: all about the first response, then all about the second."""
        for n in range(1, self._places + 1):
            if not self.aspects:
                yield RatingQuestion(f"{WHOLE}_{n}", f"How good is response {n}?", VALUES, required=n == 1)
            for aspect in self.aspects:
                title = f"Response {n}: {aspect.replace('_', ' ').replace('-', ' ')}"
                yield RatingQuestion(f"{aspect}_{n}", title, VALUES, _description(aspect), required=n == 1)

    def _judged(self, candidate_set: CandidateSet, record: ReviewRecord) -> Iterator[tuple[str, int]]:
        """What judges would answer to the questions about aspects, where they rated these."""
        position = {candidate.id: number for number, candidate in enumerate(candidate_set.candidates)}
        for n, candidate in enumerate(record.candidates, 1):
            for aspect in self.aspects:
                ratings = [
                    judgement.ratings[position[candidate]]
                    for judgement in candidate_set.judgements
                    if _plain(judgement.aspect) == _plain(aspect)
                ]
                read = [rating for rating in ratings if rating is not None]
                if read:
                    yield f"{aspect}_{n}", _rounded(fmean(read))

    def _weight(self, aspect: str) -> float:
        return self.weights.get(aspect, 1.0)

    def _score(self, ratings: Mapping[str, int], aspects: Sequence[str]) -> float | None:
        """The weighted mean over all aspects that the response rates of any answer, null if one is missing here."""
        total = sum(map(self._weight, aspects))
        if ratings.keys() < set(aspects) or not total:
            return None
        return round(sum(self._weight(aspect) * _score(ratings[aspect]) for aspect in aspects) / total, 9)

    def _closest(self, score: float) -> dict[str, int]:
        """The ratings of the aspects whose score is closest to this one."""
        sums: dict[float, dict[str, int]] = {0.0: {}}
        for aspect in self.aspects or (WHOLE,):
            sums = {
                round(total + self._weight(aspect) * _score(rating), 9): {**ratings, aspect: rating}
                for total, ratings in sums.items()
                for rating in VALUES
            }
        weight = sum(map(self._weight, self.aspects or (WHOLE,)))
        return sums[min(sums, key=lambda total: abs(total / weight - score))]


def _ratings(response: Response, record: ReviewRecord) -> list[dict[str, int]]:
    """The ratings of each response that the record shows, by aspect, such as [{"honesty": 4}]; see also WHOLE."""
    ratings: list[dict[str, int]] = [{} for _ in record.candidates]
    for question, rating in sorted(response.values.items()):
        aspect, _, place = question.rpartition("_")
        if not aspect or not place.isdecimal() or rating is None or not 1 <= int(place) <= len(ratings):
            continue
        if not isinstance(rating, int) or isinstance(rating, bool) or rating not in VALUES:
            raise not_an_answer(response, record, question, VALUES)
        ratings[int(place) - 1][aspect] = rating
    return ratings


def _description(aspect: str) -> str:
    question = ASPECTS.get(aspect.replace("_", "-"), "")
    return f"{question} From 1 (bad) to 5 (good), whatever the other ratings are.".strip()


def _plain(aspect: str) -> str:
    return aspect.replace("_", "-")


def _rounded(rating: float) -> int:
    return math.floor(rating + 0.5)


def _score(rating: int) -> float:
    return (rating - VALUES[0]) / (VALUES[-1] - VALUES[0])


def _rating(score: float) -> float:
    return VALUES[0] + score * (VALUES[-1] - VALUES[0])


def _above_the_middle(scores: Scores) -> bool | None:
    mean = fmean(score for score in scores if score is not None)
    return None if mean == 0.5 else mean > 0.5
