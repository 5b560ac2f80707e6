"""The store as data frames: which sets, records and dropped prompts there are, and what is counted of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.derive.parallel import running
from curation.derive.tables import (
    SetTables,
    prompts_never_asked,
    read_records,
    read_set_files,
    set_of_records,
    set_tables,
)
from curation.errors import DataError
from curation.store import Snapshot
from curation.types import CandidateSet, DroppedPrompt, Failure
from tests.derive.stores import make_record, make_response, make_snapshot
from tests.rows import make_prompt, make_set

EXTRAS = ("tools", "category")


def sets_of(count: int) -> list[CandidateSet]:
    return [make_set(make_prompt(f"Question {number}?")) for number in range(count)]


def tables_of(snapshot: Snapshot, *, settings: str = "now", min_candidates: int = 2) -> SetTables:
    with running() as run:
        files = read_set_files(snapshot, run, extras=EXTRAS, sketch=False)
        return set_tables(
            files, snapshot, extras=EXTRAS, settings=settings, min_candidates=min_candidates, too_few="too_few"
        )


def test_prompts_are_numbered_as_they_came_first_and_sets_in_the_order_of_the_store(tmp_path: Path) -> None:
    one, other, third = sets_of(3)
    again = make_set(one.prompt, (1.0, 2.0), settings="again")
    tables = tables_of(make_snapshot(tmp_path, [[one, other], [again, third]]))
    assert tables.prompts["prompt_id"].to_list() == [one.prompt.id, other.prompt.id, third.prompt.id]
    assert tables.sets.select("set_id", "prompt_no", "file_no", "row").rows() == [
        (one.id, 0, 0, 0),
        (other.id, 1, 0, 1),
        (again.id, 0, 1, 0),
        (third.id, 2, 1, 1),
    ]
    # The same answers with ratings stand in the place of those without.
    assert tables.sets["heir_no"].to_list() == [2, 1, 2, 3]


def test_a_record_belongs_to_the_heir_of_the_set_that_it_shows(tmp_path: Path) -> None:
    one, other = sets_of(2)
    again = make_set(one.prompt, (1.0, 2.0), settings="again")
    records = [make_record(other), make_record(one)]
    snapshot = make_snapshot(tmp_path, [[one, other, again]], [records])
    joined = set_of_records(read_records(snapshot), tables_of(snapshot), snapshot)
    assert joined.select("record_id", "set_no", "prompt_no").rows() == [(records[0].id, 1, 1), (records[1].id, 2, 0)]


def test_a_record_of_a_set_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    one, other, third = sets_of(3)
    records = [make_record(one), make_record(other), make_record(third)]
    snapshot = make_snapshot(tmp_path, [[one]], [records])
    with pytest.raises(DataError, match="acme/demo-store shows 2 candidate sets that it does not hold"):
        set_of_records(read_records(snapshot), tables_of(snapshot), snapshot)
    snapshot = make_snapshot(tmp_path / "none", [], [records[:1]])
    with pytest.raises(DataError, match="shows 1 candidate sets"):
        set_of_records(read_records(snapshot), tables_of(snapshot), snapshot)


def test_retired_records_are_left_out_but_for_those_with_an_answer(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [make_response(records[0], "a")]
    snapshot = make_snapshot(tmp_path, [sets], [records], responses, retired=records[:2])
    frame = read_records(snapshot)
    assert frame.select("record_no", "record_id", "task").rows() == [
        (0, records[0].id, "pairwise"),
        (1, records[2].id, "pairwise"),
    ]
    assert [tuple(shown) for shown in frame["shown"]] == [records[0].candidates, records[2].candidates]


@pytest.mark.parametrize("files", [[], [[]], [[], []]])
def test_an_empty_store_has_nothing_to_count(tmp_path: Path, files: list[list[CandidateSet]]) -> None:
    tables = tables_of(make_snapshot(tmp_path, files))
    assert (tables.prompts.height, tables.sets.height, tables.answered) == (0, 0, 0)
    assert (tables.failures, tables.sources, tables.decisions) == ({}, {}, {})
    assert tables.extras == {"tools": set(), "category": set()}


def failed(text: str, answers: int, *reasons: str) -> CandidateSet:
    failures = tuple(Failure(stage="generate", generator="g", reason=reason, attempts=1) for reason in reasons)
    candidate_set = make_set(make_prompt(text), [None] * answers, settings="".join(reasons) or "s")
    return candidate_set.model_copy(update={"failures": failures})


FAILED = [
    [failed("One?", 1, "timeout"), failed("Two?", 0, "timeout", "refused"), failed("Three?", 2)],
    [failed("One?", 2), failed("Three?", 3, "timeout"), failed("Four?", 1, "refused")],
]


def test_prompts_are_counted_once_and_failures_of_those_that_never_got_enough_answers(tmp_path: Path) -> None:
    tables = tables_of(make_snapshot(tmp_path, FAILED))
    assert (tables.prompts.height, tables.answered) == (4, 2)
    assert tables.failures == {"generate timeout": 1, "generate refused": 1}


@pytest.mark.parametrize(("least", "answered"), [(1, 3), (3, 1), (4, 0)])
def test_how_many_answers_are_enough_is_what_the_review_task_says(tmp_path: Path, least: int, answered: int) -> None:
    assert tables_of(make_snapshot(tmp_path, FAILED), min_candidates=least).answered == answered


def test_extras_are_the_distinct_values_with_null_where_a_prompt_has_none(tmp_path: Path) -> None:
    sets = [
        candidate_set.model_copy(
            update={"prompt": candidate_set.prompt.model_copy(update={"tools": tools, "category": "science"})}
        )
        for candidate_set, tools in zip(sets_of(3), ("[1]", None, "[2]"), strict=True)
    ]
    tables = tables_of(make_snapshot(tmp_path, [sets[:1], sets[1:]]))
    assert tables.extras == {"tools": {"[1]", "[2]", None}, "category": {"science"}}


def test_dropped_prompts_that_were_asked_about_since_are_not_dropped(tmp_path: Path) -> None:
    [candidate_set] = sets_of(1)
    prompts = [candidate_set.prompt, make_prompt("Never asked?")]
    dropped = [DroppedPrompt(id=prompt.id, prompt=prompt, reason="pii") for prompt in prompts]
    snapshot = make_snapshot(tmp_path, [[candidate_set]], dropped=dropped)
    asked = tables_of(snapshot).prompts["prompt_id"]
    assert [unasked.id for unasked in prompts_never_asked(snapshot.dropped_prompts, asked)] == [prompts[1].id]
    assert prompts_never_asked({}, asked) == []
