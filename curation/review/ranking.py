"""The `ranking` task: the order of up to five responses, best first, and optionally a better text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field as Bounded
from pydantic import JsonValue

from curation.review import several
from curation.review.answers import annotation_without_scores, not_an_answer, submitted_annotation
from curation.review.limits import prompt_fault
from curation.review.options import Guidelines, ReviewOptions
from curation.review.page import closing_questions
from curation.review.several import MOST
from curation.review.shown import display_text
from curation.review.spec import RankingQuestion, RecordSpec, TaskSpec
from curation.review.suggesting import judged_values, with_suggestions
from curation.review_statistics import Leaning
from curation.types import Annotation, CandidateSet, Drop, Message, Response, ReviewRecord, Scores

GUIDELINES = """\
Read the prompt, then all responses, and put them in order: the one you would rather get comes first.

- Drag each response to its place, or press the number of the place while the response is selected.
- Responses that are equally good go to the same place. Places may stay empty: only the order counts.
- Judge correctness first, then how well the prompt is followed, then clarity. A longer response is not a better one.
- If the page shows fewer responses than there are places, those that it lacks stand in the last place already. Leave
  them there: they do not count.
- Discard the record if you cannot judge it (a language or subject you do not know).

If you can write a better answer with little effort, put it into *A better answer*: start from the best one.
"""


class RankingTask(ReviewOptions):
    """`[review] task = "ranking"`: up to five answers a record, in a shuffled order, put in order by reviewers.

    The scores are spread evenly from 1 to 0 over the places that are taken; answers in the same place have the same
    score. Of four answers:

    | order | A | B | C | D |
    |---|---|---|---|---|
    | A, B, C, D | 1 | 2/3 | 1/3 | 0 |
    | A, then B and C, then D | 1 | 0.5 | 0.5 | 0 |
    | A, B and C, then D | 1 | 1 | 1 | 0 |
    | all in the same place | 0.5 | 0.5 | 0.5 | 0.5 |
    """

    task: Literal["ranking"] = "ranking"
    """The question: `"pairwise"` (which of two answers is better), `"binary"` (whether an answer is good), `"rating"`
    (how good each of several answers is, from 1 to 5), `"ranking"` (in which order they stand) or `"safety"` (whether
    an answer to a risky prompt is right)."""
    candidates: Annotated[int | None, Bounded(ge=2, le=MOST)] = None
    """How many answers a record shows at most, 2 to 5: as many as a prompt gets, but not more than 5."""
    guidelines: Guidelines = GUIDELINES
    """The guidelines for reviewers, in Markdown: up to 10,000 characters. The card shows them."""

    @property
    def compares(self) -> bool:
        """Whether a record shows two answers or more."""
        return True

    @property
    def min_candidates(self) -> int:
        """Two answers have an order."""
        return 2

    @property
    def too_few(self) -> str:
        """Why a set with fewer candidates is not shown."""
        return "fewer_than_two_answers"

    @property
    def level(self) -> Literal["ordinal"]:
        """The level of measurement of answers, for Krippendorff's alpha: places have an order."""
        return "ordinal"

    @property
    def leaning(self) -> Leaning:
        """Whether a reviewer prefers what stands first on the page to what stands last.

        Chance decides which candidates these are, so an honest reviewer does in half of the answers.
        """
        return Leaning("puts the first answer of the page before the last", _first_before_last, even=True)

    def for_answers(self, most: int) -> Self:
        """Return the task with a page for as many answers as a prompt gets at most, unless `candidates` says it.

        If they are more than five, the page has as many places as each of several records needs.
        """
        if self.candidates is not None:
            return self
        return self.model_copy(update={"candidates": max(math.ceil(most / math.ceil(most / MOST)), 2)})

    def settings(self) -> TaskSpec:
        """Return the settings of the Argilla dataset: a field for each place, and one question."""
        description = (
            "Drag each response to its place, or press the number of the place. Equally good ones go together."
        )
        return TaskSpec(
            fields=several.fields(self._places, card=self.on_card),
            questions=(
                RankingQuestion("ranking", "In which order are the responses, best first?", self._options, description),
                *closing_questions(self, edit="Optional: your improved version of the best response."),
            ),
            guidelines=display_text(self.guidelines),
            min_submitted=self.min_submitted,
        )

    def prompt_fault(self, messages: Sequence[Message]) -> str | None:
        """Return why Argilla cannot show a prompt (see `limits.prompt_fault`), null if it can."""
        return prompt_fault(messages)

    def records(self, candidate_set: CandidateSet) -> tuple[ReviewRecord, ...] | Drop:
        """Return the record of a set, several equally large ones if it has more candidates than the page has places.

        Drops: "fewer_than_two_answers", and what `prompt_fault` returns. A candidate that would stand alone has no
        record. Which candidates stand together depends on the prompt alone, their order on the page on the record's id
        alone.
        """
        records = several.records(
            self.task, candidate_set, self._places, fewest=self.min_candidates, too_few=self.too_few
        )
        if isinstance(records, Drop):
            return records
        return with_suggestions(self, candidate_set, [record for record in records if len(record.candidates) > 1])

    def spec(self, candidate_set: CandidateSet, record: ReviewRecord) -> RecordSpec:
        """Return the Argilla record; DataError if `record` is not of this set.

        Argilla takes a ranking only if everything has a place. So what the record lacks stands in the last place.
        """
        if record.suggested:
            return several.spec(candidate_set, record, self.suggestion(candidate_set, record), card=self.on_card)
        absent = self._absent(len(record.candidates))
        return several.spec(candidate_set, record, {"ranking": absent} if absent else {}, card=self.on_card)

    def suggestion(self, candidate_set: CandidateSet, record: ReviewRecord) -> dict[str, JsonValue]:
        """Return what the judge would answer; empty if it does not tell."""
        return judged_values(self, candidate_set, record)

    def annotation(self, response: Response, record: ReviewRecord) -> Annotation:
        """Return what a response means: scores spread evenly from 1 to 0 over the places, see the table of the class.

        The place of what the record does not show counts nothing. Raises DataError for a submitted response that is
        not a list with one place, a whole number from 1 on, for each response that the record shows.
        """
        if response.status != "submitted":
            return annotation_without_scores(response)
        return submitted_annotation(response, _scores(_ranks(response, record)))

    def values(self, scores: Scores) -> dict[str, JsonValue]:
        """Return the values of a response that means these scores.

        (0, 1) is {"ranking": [{"value": "response_1", "rank": 2}, {"value": "response_2", "rank": 1}]}.
        """
        ranked: list[JsonValue] = [
            {"value": f"response_{n}", "rank": rank} for n, rank in enumerate(_places(scores), 1)
        ]
        return {"ranking": ranked + self._absent(len(scores))}

    def answer_name(self, scores: Scores) -> str:
        """Return the places that give the shown candidates these scores: "2, 1, 2"."""
        return ", ".join(map(str, _places(scores)))

    def judge_scores(self, ratings: Sequence[float | None]) -> Scores | None:
        """Return the scores of the order of the judge's ratings, null if one is missing."""
        known_ratings = [rating for rating in ratings if rating is not None]
        return _scores([-rating for rating in known_ratings]) if len(known_ratings) == len(ratings) else None

    @property
    def _places(self) -> int:
        return MOST if self.candidates is None else self.candidates

    @property
    def _options(self) -> dict[str, str]:
        return {f"response_{n}": f"Response {n}" for n in range(1, self._places + 1)}

    def _absent(self, shown_count: int) -> list[JsonValue]:
        """What a record with so many responses does not show, in the last place."""
        return [{"value": name, "rank": self._places} for name in list(self._options)[shown_count:]]


def _ranks(response: Response, record: ReviewRecord) -> list[int]:
    """The place of each response that the record shows."""
    names = [f"response_{n}" for n in range(1, len(record.candidates) + 1)]
    ranking = response.values.get("ranking")
    items = [item for item in ranking if isinstance(item, dict)] if isinstance(ranking, list) else []
    ranks: list[int] = []
    for name in names:
        ranks_of_name = [item.get("rank") for item in items if item.get("value") == name]
        rank = ranks_of_name[0] if len(ranks_of_name) == 1 else None
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            allowed = f"a list with one place, 1 or more, for each of {', '.join(names)}"
            raise not_an_answer(response, record, "ranking", [allowed])
        ranks.append(rank)
    return ranks


def _scores(ranks: Sequence[float]) -> Scores:
    """Scores spread evenly from 1 (the lowest rank) to 0; 0.5 if all ranks are the same."""
    taken = sorted(set(ranks))
    steps = len(taken) - 1
    return tuple((steps - taken.index(rank)) / steps if steps else 0.5 for rank in ranks)


def _places(scores: Scores) -> list[int]:
    """The place of each score, without empty places between them."""
    taken = sorted({score for score in scores if score is not None}, reverse=True)
    return [taken.index(score) + 1 for score in scores if score is not None]


def _first_before_last(scores: Scores) -> bool | None:
    first, last = scores[0], scores[-1]
    return None if first is None or last is None or first == last else first > last
