"""What adjudicators are shown: the page of the first reviewers, blind unless the config says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import JsonValue

from curation.errors import ConfigError
from curation.review import BinaryTask, PairwiseTask, RankingTask, RatingTask
from curation.review.adjudication import EARLIER, Adjudicated, adjudication_settings, adjudication_spec
from curation.types import Response
from tests.derive.stores import make_config, make_record, make_response
from tests.rows import make_set

SET = make_set(ratings=(5.0, 1.0))
RECORD = make_record(SET)


def answered(values: dict[str, JsonValue], reviewer: str = "ann", **options: Any) -> Response:
    return make_response(RECORD, "a", reviewer, **options).model_copy(update={"values": values})


def earlier(task: Adjudicated, *responses: Response) -> object:
    spec = PairwiseTask().spec(SET, RECORD)
    return adjudication_spec(task, spec, responses).fields.get(EARLIER.name)


def test_adjudicators_see_the_page_of_the_first_reviewers_without_suggestions() -> None:
    task = PairwiseTask(show_suggestions=True, min_submitted=3, adjudicators=2)
    spec = task.spec(SET, RECORD.model_copy(update={"suggested": True}))
    assert spec.suggestions == {"preference": "a"}
    blind = adjudication_spec(task, spec, [answered({"preference": "b"})])
    assert blind == replace(spec, suggestions={})
    assert adjudication_settings(task) == replace(task.settings(), min_submitted=2)


def test_earlier_answers_are_shown_in_words_without_names_if_the_config_says_so() -> None:
    task = PairwiseTask(show_earlier_answers=True)
    assert adjudication_settings(task).fields[-1] == EARLIER
    assert task.settings().fields[-1] != EARLIER
    shown = earlier(
        task,
        answered(
            {"preference": "b", "edit": "Two\nlines, and <b>.", "flags": ["wrong_language"], "comment": "Hi."}, "ann"
        ),
        answered({"preference": "a"}, "bob"),
        answered({"preference": "a"}, "eve", status="draft"),
        answered({}, "leo", status="discarded"),
    )
    assert isinstance(shown, str)
    first, second, third = shown.splitlines()
    assert first == "1. Discarded."
    assert second == "2. Which response is better? A is better"
    assert third.startswith("3. Which response is better? B is better; A better answer: Two lines, and <")
    # A tag of a reviewer is text.
    assert "<b>" not in third
    assert third.endswith("Anything wrong with this record? Wrong language")
    # A comment is for the publisher.
    assert "Hi." not in shown
    assert not any(name in shown for name in ("ann", "bob", "eve", "leo"))
    assert earlier(task) == "None."


@pytest.mark.parametrize(
    ("task", "values", "words"),
    [
        (BinaryTask(show_earlier_answers=True), {"quality": "good"}, "Good"),
        (RatingTask(show_earlier_answers=True, candidates=2), {"rating_1": 4, "rating_2": 1}, "4"),
        (
            RankingTask(show_earlier_answers=True, candidates=2),
            {"ranking": [{"value": "response_1", "rank": 2}, {"value": "response_2", "rank": 1}]},
            "1: Response 2, 2: Response 1",
        ),
        # A value that is none of the question's stays as it is.
        (BinaryTask(show_earlier_answers=True), {"quality": "great"}, "great"),
    ],
)
def test_the_answers_of_every_task_can_be_read(task: Adjudicated, values: dict[str, JsonValue], words: str) -> None:
    shown = earlier(task, answered(values))
    assert isinstance(shown, str)
    assert words in shown


def test_the_name_of_a_second_dataset_must_fit_too() -> None:
    assert make_config(review={"escalate_below": 0.5}).adjudication_dataset == "demo-adjudication"
    make_config(review={"dataset": "x" * 200})
    with pytest.raises(ConfigError, match=r"give review\.dataset a shorter name"):
        make_config(review={"dataset": "x" * 188, "escalate_below": 0.5})
    for wrong in (0, 1.1, -1):
        with pytest.raises(ConfigError, match=r"review\.escalate_below"):
            make_config(review={"escalate_below": wrong})
