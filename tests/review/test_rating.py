"""The rating task: how many answers a record shows, and what ratings mean."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import JsonValue

from curation.errors import ConfigError, DataError
from curation.review import RatingQuestion, RatingTask, reading_task
from curation.types import Annotation, Response, ReviewRecord
from tests.rows import make_judgement, make_prompt, make_set

TASK = RatingTask()


def annotation(shown: int, values: dict[str, JsonValue], task: RatingTask = TASK) -> Annotation:
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
    return task.annotation(response, record)


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
        plain = task.model_copy(update={"layout": "fields"}).settings()
        assert [field.required for field in plain.fields] == [True, True] + [False] * (places - 1)


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


BOTH = RatingTask(aspects=("helpfulness", "honesty"))
WEIGHTED = RatingTask(aspects=("helpfulness", "honesty"), weights={"helpfulness": 3.0})


@pytest.mark.parametrize(
    ("helpfulness", "honesty", "score", "weighted"),
    [
        (5, 5, 1.0, 1.0),
        # (1 + 0) / 2 and (3 x 1 + 0) / 4.
        (5, 1, 0.5, 0.75),
        # (0.25 + 0.75) / 2 and (3 x 0.25 + 0.75) / 4.
        (2, 4, 0.5, 0.375),
        (5, 4, 0.875, 0.9375),
        (1, 1, 0.0, 0.0),
    ],
)
def test_aspects_are_a_score_together_as_they_are_weighted(
    helpfulness: int, honesty: int, score: float, weighted: float
) -> None:
    values: dict[str, JsonValue] = {"helpfulness_1": helpfulness, "honesty_1": honesty}
    for task, expected in ((BOTH, score), (WEIGHTED, weighted)):
        said = annotation(1, values, task)
        assert said.scores == (expected,)
        assert said.labels == {"helpfulness_1": (str(helpfulness),), "honesty_1": (str(honesty),)}
        # What the scores stand for is read back by whoever knows the weights.
        assert annotation(1, task.values(said.scores), task).scores == said.scores


def test_an_answer_that_lacks_the_rating_of_an_aspect_has_no_score_and_keeps_its_other_ratings() -> None:
    said = annotation(2, {"helpfulness_1": 5, "honesty_1": 3, "honesty_2": 4}, BOTH)
    assert said.scores == (0.75, None)
    assert said.labels == {"helpfulness_1": ("5",), "honesty_1": ("3",), "honesty_2": ("4",)}
    with pytest.raises(DataError, match="rates none of what it shows"):
        annotation(2, {"helpfulness_1": 5, "honesty_2": 4}, BOTH)


def test_older_ratings_keep_their_meaning_whatever_is_asked_now() -> None:
    asked_before: dict[str, JsonValue] = {"depth_1": 5, "honesty_1": 1, "rating": 7, "comment": "Hm."}
    # The weights are those of now, and what is not asked any more weighs 1.
    assert annotation(1, asked_before, WEIGHTED).scores == (0.5,)
    assert annotation(1, asked_before, RatingTask(aspects=("honesty",), weights={"honesty": 3.0})).scores == (0.25,)
    assert annotation(1, {"rating_1": 4}, WEIGHTED).scores == (0.75,)
    assert annotation(1, {"rating_1": 4}, WEIGHTED).labels == {}
    assert reading_task("rating", WEIGHTED) is WEIGHTED
    assert reading_task("binary", WEIGHTED).task == "binary"


def test_each_aspect_of_each_answer_is_a_question_and_those_of_an_answer_stand_together() -> None:
    task = RatingTask(aspects=("honesty", "use_of_sources")).for_answers(2)
    questions = [one for one in task.settings().questions if isinstance(one, RatingQuestion)]
    assert [(one.name, one.title, one.required) for one in questions] == [
        ("honesty_1", "Response 1: honesty", True),
        ("use_of_sources_1", "Response 1: use of sources", True),
        ("honesty_2", "Response 2: honesty", False),
        ("use_of_sources_2", "Response 2: use of sources", False),
    ]
    assert questions[0].description.startswith("Does it say how sure it is, and what it does not know? From 1 (bad)")
    assert questions[1].description.startswith("From 1 (bad) to 5 (good)")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"aspects": ("honesty", "honesty")}, "names one twice"),
        ({"aspects": ("Honesty",)}, "must be 1 to 30 of small letters, digits, '_' and '-', the first a letter"),
        ({"aspects": ("response",)}, "aspects names 'response', which is the name of something else on the page"),
        ({"aspects": ("honesty",), "weights": {"depth": 1.0}}, "weights names 'depth', which is not among aspects"),
        ({"aspects": ("honesty",), "weights": {"honesty": 0.0}}, "weights gives no aspect a weight above 0"),
        ({"aspects": ("honesty",), "weights": {"honesty": -1.0}}, "weights.honesty = -1.0: must be at least 0"),
        (
            {"aspects": tuple("abcdef"), "candidates": 3},
            "6 aspects of 3 answers are 18 ratings a record, and more than 16 are too many for a page: name fewer "
            "aspects, or set candidates to 2 or less",
        ),
    ],
)
def test_aspects_that_mean_nothing_or_do_not_fit_the_page_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        RatingTask(**options)


def test_a_page_that_the_answers_of_a_prompt_would_make_too_long_is_refused() -> None:
    four = RatingTask(aspects=("helpfulness", "honesty", "instruction-following", "truthfulness"))
    assert four.for_answers(4).candidates == 4
    with pytest.raises(ValueError, match="4 aspects of 5 answers are 20 ratings a record"):
        four.for_answers(5)
    assert RatingTask(aspects=four.aspects, candidates=4).for_answers(5).candidates == 4


def test_aspects_are_suggested_where_a_judge_rated_them_under_the_same_name() -> None:
    made = make_set(ratings=(4.0, 2.0))
    rated = [
        make_judgement(5.0, 2.0, aspect="instruction-following", judge="one"),
        make_judgement(4.0, None, aspect="instruction-following", judge="two"),
        make_judgement(1.0, 1.0, aspect="honesty"),
    ]
    made = made.model_copy(update={"judgements": tuple(rated)})
    task = RatingTask(aspects=("instruction_following", "depth"), show_suggestions=True)
    records = task.records(made)
    assert isinstance(records, tuple)
    [record] = records
    first, second = (f"instruction_following_{record.candidates.index(one.id) + 1}" for one in made.candidates)
    # The mean of 5 and 4, a half up; nothing of depth, and no rating as a whole in its place.
    assert task.spec(made, record).suggestions == {first: 5, second: 2}
    assert task.judge_scores((4.0, 2.0)) is None
