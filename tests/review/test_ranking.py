"""The ranking task: what an order means, ties among them, and what the page does with fewer responses than places."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from curation.errors import DataError
from curation.review import RankingQuestion, RankingTask
from curation.types import Annotation, Response, ReviewRecord
from tests.rows import make_prompt, make_set

TASK = RankingTask()


def items(*ranks: object) -> list[JsonValue]:
    """Return a ranking that gives response_1 the first of these places, response_2 the second, and so on."""
    return [{"value": f"response_{n}", "rank": rank} for n, rank in enumerate(ranks, 1)]  # type: ignore[dict-item]


def annotation(shown: int, ranking: JsonValue) -> Annotation:
    candidates = tuple(f"c{number}" for number in range(shown))
    record = ReviewRecord(id="r", task="ranking", prompt_id="p", set_id="s", candidates=candidates)
    response = Response(
        record_id="r",
        reviewer="ann",
        status="submitted",
        values={"ranking": ranking},
        dataset_id="d",
        server_record_id="s",
        server_user_id="u",
    )
    return TASK.annotation(response, record)


@pytest.mark.parametrize(
    ("ranks", "scores", "name"),
    [
        ((1, 2), (1, 0), "1, 2"),
        ((3, 1, 2), (0, 1, 0.5), "3, 1, 2"),
        ((1, 2, 3, 4), (1, 2 / 3, 1 / 3, 0), "1, 2, 3, 4"),
        ((5, 4, 3, 2, 1), (0, 0.25, 0.5, 0.75, 1), "5, 4, 3, 2, 1"),
        # What stands in the same place has the same score, wherever the place is.
        ((1, 2, 2, 3), (1, 0.5, 0.5, 0), "1, 2, 2, 3"),
        ((1, 1, 1, 4), (1, 1, 1, 0), "1, 1, 1, 2"),
        ((2, 1, 1), (0, 1, 1), "2, 1, 1"),
        # Places that stay empty say nothing.
        ((1, 5, 3), (1, 0, 0.5), "1, 3, 2"),
        ((2, 5), (1, 0), "1, 2"),
        # All in the same place: none is better, and none is said to be good or bad.
        ((1, 1), (0.5, 0.5), "1, 1"),
        ((4, 4, 4), (0.5, 0.5, 0.5), "1, 1, 1"),
    ],
)
def test_scores_are_spread_evenly_from_1_to_0_and_ties_share_one(
    ranks: tuple[int, ...], scores: tuple[float, ...], name: str
) -> None:
    assert annotation(len(ranks), items(*ranks)).scores == pytest.approx(scores)
    assert TASK.answer_name(annotation(len(ranks), items(*ranks)).scores) == name


def test_places_of_responses_that_the_record_does_not_show_count_nothing() -> None:
    for absent in (1, 2, 5):
        assert annotation(2, items(3, 2, absent, absent, absent)).scores == (0, 1)


def test_the_order_of_the_items_means_nothing() -> None:
    assert annotation(3, items(3, 1, 2)[::-1]).scores == (0, 1, 0.5)


@pytest.mark.parametrize(
    "ranking",
    [
        items(1),
        items(1, None, 2),
        items(1, 0, 2),
        items(1, "2", 3),
        items(1, True, 3),
        items(1, 2.0, 3),
        [*items(1, 2, 3), *items(2)],
        [*items(1, 2), "response_3"],
        [*items(1, 2), {"value": "response_3"}],
        [],
    ],
)
def test_an_order_that_lacks_a_response_or_says_it_twice_is_an_error(ranking: JsonValue) -> None:
    with pytest.raises(DataError, match="a list with one place, 1 or more, for each of response_1, response_2, resp"):
        annotation(3, ranking)


@pytest.mark.parametrize(
    ("most", "places"), [(1, 2), (2, 2), (3, 3), (5, 5), (6, 3), (7, 4), (8, 4), (10, 5), (11, 4), (12, 4)]
)
def test_the_page_has_as_many_places_as_each_record_of_a_prompt_needs(most: int, places: int) -> None:
    task = TASK.for_answers(most)
    [question, *_] = task.settings().questions
    assert isinstance(question, RankingQuestion)
    assert list(question.options) == [f"response_{number + 1}" for number in range(places)]
    assert question.required
    records = task.records(make_set(ratings=[None] * max(most, 2)))
    assert isinstance(records, tuple)
    assert {len(record.candidates) for record in records} <= {places, places - 1}
    assert sum(len(record.candidates) for record in records) == max(most, 2)


def test_what_would_stand_alone_has_no_record() -> None:
    records = RankingTask(candidates=2).records(make_set(ratings=[None] * 5))
    assert isinstance(records, tuple)
    assert [len(record.candidates) for record in records] == [2, 2]


def test_what_the_page_lacks_stands_in_the_last_place_already() -> None:
    made = make_set(ratings=(1.0, 5.0, None))
    records = TASK.records(made)
    assert isinstance(records, tuple)
    [record] = records
    last = [{"value": "response_4", "rank": 5}, {"value": "response_5", "rank": 5}]
    assert not record.suggested
    for task in (TASK, RankingTask(show_suggestions=True)):
        assert task.records(made) == records
        assert task.spec(made, record).suggestions == {"ranking": last}
    assert TASK.for_answers(3).spec(made, record).suggestions == {}


@pytest.mark.parametrize(
    ("ratings", "scores"),
    [
        ((5.0, 1.0), (1, 0)),
        ((2.0, 4.5, 3.0), (0, 1, 0.5)),
        ((3.0, 3.0, 1.0), (1, 1, 0)),
        ((2.0, 2.0), (0.5, 0.5)),
        ((3.0, None, 1.0), None),
        ((None, None), None),
    ],
)
def test_the_judges_ratings_are_an_order_if_all_are_there(
    ratings: tuple[float | None, ...], scores: tuple[float, ...] | None
) -> None:
    assert TASK.judge_scores(ratings) == scores


def test_reviewers_lean_to_the_first_of_the_page_or_to_the_last() -> None:
    leaning = TASK.leaning
    assert leaning.even
    assert [leaning.to(scores) for scores in ((1, 0.5, 0), (0, 1, 1), (0.5, 1, 0.5))] == [True, False, None]


def test_no_rating_of_the_judge_moves_an_answer_on_the_page() -> None:
    for number in range(10):
        prompt = make_prompt(f"Question {number}?")
        assert TASK.records(make_set(prompt, (1.0, 5.0))) == TASK.records(make_set(prompt, (5.0, 1.0)))
