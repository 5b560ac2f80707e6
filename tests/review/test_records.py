"""In which order records are pushed: those of one prompt far apart."""

from __future__ import annotations

import pytest

from curation.review import BinaryTask, PairwiseTask, spread_records
from curation.types import ReviewRecord
from tests.rows import make_prompt, make_set


def binary(number: int, answers: int) -> tuple[ReviewRecord, ...]:
    records = BinaryTask().records(make_set(make_prompt(f"Question {number}?"), [None] * answers))
    assert isinstance(records, tuple)
    return records


def distances(records: list[ReviewRecord]) -> dict[str, int]:
    """Return the least distance of two records of each prompt that has several."""
    last: dict[str, int] = {}
    least: dict[str, int] = {}
    for place, record in enumerate(records):
        if record.prompt_id in last:
            distance = place - last[record.prompt_id]
            least[record.prompt_id] = min(least.get(record.prompt_id, distance), distance)
        last[record.prompt_id] = place
    return least


@pytest.mark.parametrize(("prompts", "answers"), [(2, 2), (10, 3), (100, 5)])
def test_answers_to_one_prompt_are_as_far_apart_as_there_are_prompts(prompts: int, answers: int) -> None:
    sets = [binary(number, answers) for number in range(prompts)]
    records = spread_records(sets)
    assert sorted(records, key=lambda record: record.id) == sorted(
        (record for of_set in sets for record in of_set), key=lambda record: record.id
    )
    assert set(distances(records).values()) == {prompts}
    assert spread_records(sets) == records


def test_a_prompt_of_many_answers_is_spread_over_the_whole_among_prompts_of_few() -> None:
    records = spread_records([binary(number, 10 if number == 4 else 2) for number in range(30)])
    assert len(records) == 68
    assert min(distances(records).values()) >= 5


def test_where_every_set_has_one_record_they_keep_the_order_of_the_sets() -> None:
    sets = [PairwiseTask().records(make_set(make_prompt(f"Question {number}?"))) for number in range(20)]
    of_sets = [records for records in sets if isinstance(records, tuple)]
    assert spread_records(of_sets) == [record for [record] in of_sets]


def test_without_sets_there_are_no_records() -> None:
    assert spread_records([]) == []
