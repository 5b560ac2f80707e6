"""The rating task: how many answers a record shows, and what ratings mean."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from curation.errors import DataError
from curation.review import RatingQuestion, RatingTask
from curation.types import Annotation, Response, ReviewRecord
from tests.rows import make_prompt, make_set

TASK = RatingTask()


def annotation(shown: int, values: dict[str, JsonValue]) -> Annotation:
    candidates = tuple(f"c{number}" for number in range(shown))
    record = ReviewRecord(id="r", task="rating", prompt_id="p", set_id="s", candidates=candidates)
    response = Response(
        record_id="r",
        reviewer="ann",
        status="submitted",
        values=values,
        dataset_id="d",
        server_record_id="s",
        server_user_id="u",
    )
    return TASK.annotation(response, record)


@pytest.mark.parametrize(("rating", "score"), [(1, 0.0), (2, 0.25), (3, 0.5), (4, 0.75), (5, 1.0)])
def test_a_rating_is_a_quarter_less_than_the_next(rating: int, score: float) -> None:
    assert annotation(1, {"rating_1": rating}).scores == (score,)
    assert TASK.answer_name((score,)) == str(rating)


def test_each_answer_has_the_score_of_its_own_rating_and_one_that_was_left_out_none() -> None:
    assert annotation(3, {"rating_3": 5, "rating_1": 2}).scores == (0.25, None, 1.0)
    assert TASK.answer_name((0.25, None, 1.0)) == "2, none, 5"


def test_a_rating_of_a_place_that_shows_nothing_counts_nothing() -> None:
    assert annotation(2, {"rating_1": 1, "rating_2": 4, "rating_3": 5}).scores == (0.0, 0.75)
    with pytest.raises(DataError, match="The response of ann to record r rates none of what it shows"):
        annotation(2, {"rating_3": 5})


@pytest.mark.parametrize(
    ("places", "candidates", "sizes"),
    [(5, 2, [2]), (5, 5, [5]), (5, 6, [3, 3]), (5, 7, [4, 3]), (5, 11, [4, 4, 3]), (2, 3, [2, 1]), (1, 2, [1, 1])],
)
def test_more_answers_than_the_page_has_places_for_are_several_records_of_nearly_one_size(
    places: int, candidates: int, sizes: list[int]
) -> None:
    made = make_set(ratings=[None] * candidates)
    records = RatingTask(candidates=places).records(made)
    assert isinstance(records, tuple)
    assert [len(record.candidates) for record in records] == sizes
    shown = [candidate for record in records for candidate in record.candidates]
    assert sorted(shown) == sorted(candidate.id for candidate in made.candidates)


def test_the_page_has_as_many_places_as_a_prompt_gets_answers_unless_told() -> None:
    for task, places in (
        (TASK, 5),
        (TASK.for_answers(3), 3),
        (TASK.for_answers(9), 5),
        (RatingTask(candidates=4).for_answers(2), 4),
    ):
        settings = task.settings()
        questions = [one for one in settings.questions if isinstance(one, RatingQuestion)]
        assert [one.name for one in questions] == [f"rating_{number + 1}" for number in range(places)]
        assert [one.required for one in questions] == [True] + [False] * (places - 1)
        assert [one.values for one in questions] == [(1, 2, 3, 4, 5)] * places
        assert [field.required for field in settings.fields] == [True, True] + [False] * (places - 1)


@pytest.mark.parametrize(("most", "needed"), [(1, 1), (2, 2), (5, 2)])
def test_a_set_needs_two_answers_unless_a_prompt_gets_only_one(most: int, needed: int) -> None:
    assert TASK.for_answers(most).min_candidates == needed


@pytest.mark.parametrize(
    ("ratings", "scores"),
    [
        ((5.0, 1.0), (1.0, 0.0)),
        ((4.5, 2.4), (1.0, 0.25)),
        ((3.0, None), (0.5, None)),
        ((None, None), None),
    ],
)
def test_the_judges_ratings_are_rounded_to_whole_ones(
    ratings: tuple[float | None, ...], scores: tuple[float | None, ...] | None
) -> None:
    assert TASK.judge_scores(ratings) == scores


def test_no_rating_of_the_judge_moves_an_answer_on_the_page() -> None:
    for number in range(10):
        prompt = make_prompt(f"Question {number}?")
        assert TASK.records(make_set(prompt, (1.0, 5.0))) != TASK.records(make_set(prompt, (1.0, 5.0, 3.0)))
        rated, turned = TASK.records(make_set(prompt, (1.0, 5.0))), TASK.records(make_set(prompt, (5.0, 1.0)))
        assert rated == turned
