"""Which records show what the judge would answer."""

from __future__ import annotations

import pytest

from curation.review import BinaryTask, PairwiseTask, RankingTask, RatingTask, ReviewTask, SafetyTask
from curation.types import CandidateSet, ReviewRecord
from tests.rows import make_prompt, make_set

TASKS = (PairwiseTask, BinaryTask, RatingTask, RankingTask, SafetyTask)
SETS = [make_set(make_prompt(f"Question {number}"), (5.0, 1.0)) for number in range(400)]


def records(task: ReviewTask, *sets: CandidateSet) -> list[ReviewRecord]:
    made = [task.records(candidate_set) for candidate_set in sets]
    return [record for of_set in made if isinstance(of_set, tuple) for record in of_set]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_share_of_the_records_shows_it_and_always_the_same(task: type[PairwiseTask]) -> None:
    some = records(task(show_suggestions=0.2), *SETS)
    shares = sum(record.suggested for record in some) / len(some)
    # Of 400 or more draws with a chance of 0.2 the share is this far off once in 10,000 times.
    assert 0.12 < shares < 0.28
    again = {record.id: record.suggested for record in records(task(show_suggestions=0.2), *SETS[::-1])}
    assert again == {record.id: record.suggested for record in some}
    more = {record.id for record in records(task(show_suggestions=0.5), *SETS) if record.suggested}
    assert {record.id for record in some if record.suggested} < more


@pytest.mark.parametrize("task", TASKS)
def test_never_by_default_and_always_if_told(task: type[PairwiseTask]) -> None:
    assert not any(record.suggested for record in records(task(), *SETS[:20]))
    assert not any(record.suggested for record in records(task(show_suggestions=0.0), *SETS[:20]))
    assert all(record.suggested for record in records(task(show_suggestions=True), *SETS[:20]))
    assert all(record.suggested for record in records(task(show_suggestions=1.0), *SETS[:20]))


def test_a_page_shows_what_its_record_says_whatever_the_setting_is_now() -> None:
    [record] = records(PairwiseTask(show_suggestions=True), SETS[0])
    assert PairwiseTask().spec(SETS[0], record).suggestions
    assert (
        not PairwiseTask(show_suggestions=True)
        .spec(SETS[0], record.model_copy(update={"suggested": False}))
        .suggestions
    )


def test_where_the_judge_has_nothing_to_say_nothing_counts_as_shown() -> None:
    assert not records(PairwiseTask(show_suggestions=True), make_set(ratings=(3.0, 3.0)))[0].suggested
    assert not records(PairwiseTask(show_suggestions=True), make_set())[0].suggested
