"""What is pushed where a later judge said nothing of answers that people were shown already."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.config import Config
from curation.stages.push import records_to_show
from curation.types import CandidateSet, Failure, ReviewRecord
from tests.derive.stores import SERVICES, make_config, make_record, make_snapshot
from tests.rows import make_prompt, make_set


def record_of(config: Config, candidate_set: CandidateSet) -> ReviewRecord:
    records = config.review.records(candidate_set)
    assert isinstance(records, tuple)
    [record] = records
    return record


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["0" * 16, "f" * 16])
def test_a_set_without_ratings_makes_no_second_record_of_answers_that_were_shown(tmp_path: Path, settings: str) -> None:
    config = make_config()
    for number in range(8):
        prompt = make_prompt(f"Question {number}?")
        rated = make_set(prompt, (1.0, 3.0, 5.0))
        shown = record_of(config, rated)
        silent = make_set(prompt, (None, None, None), settings=settings)
        assert silent.id != rated.id
        folder = tmp_path / str(number)
        snapshot = make_snapshot(folder, [[rated], [silent]], [[shown]])
        records, not_shown, _ = records_to_show(config, SERVICES, snapshot, [silent])
        assert records == [shown]
        assert not not_shown


def test_the_reason_why_a_set_is_not_shown_is_returned_by_its_id(tmp_path: Path) -> None:
    alone = make_set(make_prompt("Alone?"), (None,))
    waiting = make_set(make_prompt("Waiting?"), (None, None)).model_copy(
        update={"failures": (Failure(stage="judge", generator="judge", reason="timeout", attempts=6),)}
    )
    same = make_set(make_prompt("Same?"), (None, None))
    twice = same.candidates[0].model_copy(update={"id": "f" * 16})
    same = same.model_copy(update={"candidates": (same.candidates[0], twice)})
    fine = make_set(make_prompt("Fine?"), (None, None))
    sets = [alone, waiting, same, fine]
    records, not_shown, _ = records_to_show(make_config(), SERVICES, make_snapshot(tmp_path, [sets]), sets)
    assert [record.set_id for record in records] == [fine.id]
    assert not_shown == {
        alone.id: "fewer_than_two_answers",
        waiting.id: "judge_did_not_answer_yet",
        same.id: "identical",
    }


def test_a_set_keeps_its_record_of_another_task_and_gets_one_of_this(tmp_path: Path) -> None:
    config, shown = make_config(), make_set(ratings=(1.0, 3.0, 5.0))
    other = record_of(config, shown).model_copy(update={"id": "f" * 16, "task": "binary"})
    records, _, _ = records_to_show(config, SERVICES, make_snapshot(tmp_path, [[shown]], [[other]]), [shown])
    assert [record.task for record in records] == ["pairwise"]


def test_a_set_that_another_judge_rated_shows_the_answers_that_this_judge_rated_differently(tmp_path: Path) -> None:
    config = make_config()
    rated = make_set(ratings=(1.0, 3.0, 5.0))
    other = make_set(ratings=(5.0, 1.0, 3.0), settings="f" * 16)
    snapshot = make_snapshot(tmp_path, [[rated], [other]], [[record_of(config, rated)]])
    [record], _, _ = records_to_show(config, SERVICES, snapshot, [other])
    assert {*record.candidates} == {other.candidates[0].id, other.candidates[1].id}


JUDGED = {"judge": {"type": "ultrafeedback", "model_id": "acme/judge"}}


def rated_sets(count: int) -> list[CandidateSet]:
    """Return sets of as many prompts, each second of which the judge is sure of."""
    return [make_set(make_prompt(f"Question {number}"), (5.0, 1.0 if number % 2 else 4.0)) for number in range(count)]


def test_what_the_judge_is_sure_of_is_left_to_it_but_for_a_sample(tmp_path: Path) -> None:
    sets = rated_sets(400)
    config = make_config(review={"skip_if": {"judge_gap": 2.0}}, **JUDGED)
    records, not_shown, left = records_to_show(config, SERVICES, make_snapshot(tmp_path, [sets]), sets)
    sure = {candidate_set.id for candidate_set in sets[1::2]}
    assert set(not_shown.values()) == {"judge_sure"}
    assert [record.set_id for record in left] == list(not_shown)
    sampled = {record.set_id for record in records if record.sampled}
    assert sampled == sure - not_shown.keys()
    # Of 200 draws with a chance of 0.05.
    assert 2 <= len(sampled) <= 22
    assert {record.set_id for record in records} == {candidate_set.id for candidate_set in sets} - not_shown.keys()


def test_a_set_that_people_were_shown_stays_shown_whatever_the_judge_says(tmp_path: Path) -> None:
    sets = rated_sets(2)
    config = make_config(review={"skip_if": {"judge_gap": 2.0}}, **JUDGED)
    shown = [make_record(candidate_set) for candidate_set in sets]
    records, not_shown, left = records_to_show(config, SERVICES, make_snapshot(tmp_path, [sets], [shown]), sets)
    assert (records, not_shown, left) == (shown, {}, [])


def test_without_skip_if_nothing_is_left_to_the_judge(tmp_path: Path) -> None:
    sets = rated_sets(40)
    records, not_shown, left = records_to_show(make_config(**JUDGED), SERVICES, make_snapshot(tmp_path, [sets]), sets)
    assert (len(records), not_shown, left) == (40, {}, [])
    assert not any(record.sampled for record in records)


def test_what_the_judge_is_least_sure_of_is_pushed_first(tmp_path: Path) -> None:
    sets = rated_sets(40)
    config = make_config(review={"priority": "uncertain"}, **JUDGED)
    records = records_to_show(config, SERVICES, make_snapshot(tmp_path, [sets]), sets).records
    sure = {candidate_set.id for candidate_set in sets[1::2]}
    assert [record.set_id in sure for record in records] == [False] * 20 + [True] * 20


def test_what_is_left_to_the_judge_is_stored_and_given_back(tmp_path: Path) -> None:
    sets = rated_sets(6)
    config = make_config(review={"skip_if": {"judge_gap": 2.0}}, **JUDGED)
    snapshot = make_snapshot(tmp_path, [sets])
    to_show = records_to_show(config, SERVICES, snapshot, sets)
    folder = tmp_path / "planned"
    folder.mkdir()
    planned = snapshot.as_if_shown(*to_show, folder=folder)
    assert list(planned.left_to_judge.values()) == to_show.left_to_judge
    assert planned.not_shown == to_show.not_shown
    assert list(planned.records.values()) == sorted(to_show.records, key=to_show.records.index)
