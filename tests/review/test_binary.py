"""The binary task: one answer a record, and what good and bad mean."""

from __future__ import annotations

import pytest

from curation import ids
from curation.review import BinaryTask
from curation.types import Annotation, Response, ReviewRecord
from tests.rows import make_prompt, make_set

TASK = BinaryTask()


def annotation(quality: str) -> Annotation:
    record = ReviewRecord(id="r", task="binary", prompt_id="p", set_id="s", candidates=("c",))
    response = Response(
        record_id="r",
        reviewer="ann",
        status="submitted",
        values={"quality": quality},
        dataset_id="d",
        server_record_id="s",
        server_user_id="u",
    )
    return TASK.annotation(response, record)


@pytest.mark.parametrize(("quality", "score", "name"), [("good", 1.0, "Good"), ("bad", 0.0, "Bad")])
def test_good_scores_1_and_bad_0(quality: str, score: float, name: str) -> None:
    assert annotation(quality) == Annotation(reviewer="ann", status="submitted", scores=(score,))
    assert TASK.answer_name((score,)) == name


def test_every_candidate_has_a_record_of_its_own() -> None:
    made = make_set(ratings=(1.0, 5.0, None, 2.0))
    records = TASK.records(made)
    assert isinstance(records, tuple)
    assert {record.candidates for record in records} == {(candidate.id,) for candidate in made.candidates}
    assert {record.id for record in records} == {
        ids.record_id("binary", made.prompt.id, [candidate.id]) for candidate in made.candidates
    }


def test_which_answer_to_a_prompt_comes_first_depends_on_the_prompt_and_on_no_rating() -> None:
    first = set()
    for number in range(40):
        prompt = make_prompt(f"Question {number}?")
        rated, unrated = TASK.records(make_set(prompt, (1.0, 5.0))), TASK.records(make_set(prompt))
        assert isinstance(rated, tuple)
        assert isinstance(unrated, tuple)
        assert [record.id for record in rated] == [record.id for record in unrated]
        first.add(make_set(prompt).candidate(rated[0].candidates[0]).generator)
    assert first == {"g0", "g1"}


@pytest.mark.parametrize(
    ("rating", "scores"),
    [(5.0, (1.0,)), (3.5, (1.0,)), (3.0, None), (2.5, (0.0,)), (1.0, (0.0,)), (None, None)],
)
def test_the_judge_calls_good_what_it_rates_above_the_middle(
    rating: float | None, scores: tuple[float, ...] | None
) -> None:
    assert TASK.judge_scores((rating,)) == scores
