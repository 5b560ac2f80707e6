"""Segments: every set once, what is there stays where it is, and with each set the records and answers that are its."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import pytest

from curation.errors import DataError
from curation.stages import segments
from curation.stages.segments import LARGEST_SEGMENT, SMALLEST_SEGMENT, Segment, StoreTables, segment_bounds
from curation.store.parquet import read_table
from curation.types import CandidateSet, DroppedPrompt, Failure, ReviewRecord
from tests.rows import make_prompt, make_set
from tests.stages.stores import make_record, make_response, make_snapshot

SIZES = [*range(40), *range(1000, 4200, 97), 10_000, 32_768, 32_769, 70_000, 1_000_000]
EXTRAS = ("tools", "category")


def sizes(sets: int) -> list[int]:
    return [stop - start for start, stop in segment_bounds(sets)]


def test_no_sets_have_no_segments() -> None:
    assert segment_bounds(0) == []


@pytest.mark.parametrize("sets", SIZES)
def test_every_set_is_in_one_segment_in_the_order_of_the_store(sets: int) -> None:
    bounds = segment_bounds(sets)
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])][: len(bounds)]
    assert sum(sizes(sets)) == sets
    assert all(start < stop for start, stop in bounds)


def test_segments_are_the_largest_then_halves_then_the_rest() -> None:
    assert (LARGEST_SEGMENT, SMALLEST_SEGMENT) == (16_384, 1_024)
    assert sizes(1) == [1]
    assert sizes(1_024) == [1_024]
    assert sizes(1_025) == [1_024, 1]
    assert sizes(5_000) == [4_096, 904]
    assert sizes(3 * 16_384 + 8_192 + 2_048 + 7) == [16_384] * 3 + [8_192, 2_048, 7]


@pytest.mark.parametrize("sets", SIZES)
def test_all_but_the_last_are_of_powers_of_two_that_fall(sets: int) -> None:
    *whole, last = sizes(sets) or [1]
    assert all(SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT and size & (size - 1) == 0 for size in whole)
    assert whole == sorted(whole, reverse=True)
    below = [size for size in whole if size < LARGEST_SEGMENT]
    assert len(below) == len(set(below))
    assert last <= LARGEST_SEGMENT


def test_appending_leaves_what_is_whole_or_joins_it() -> None:
    for before, after in itertools.pairwise(range(0, 200_000, 700)):
        new = segment_bounds(after)
        for start, stop in segment_bounds(before)[:-1]:
            assert any(first <= start and stop <= last for first, last in new), (before, after)
        largest = [bound for bound in segment_bounds(before) if bound[1] - bound[0] == LARGEST_SEGMENT]
        assert new[: len(largest)] == largest


def test_growing_one_by_one_writes_each_set_again_a_few_times_only() -> None:
    written, step, before = 0, 256, set[tuple[int, int]]()
    for sets in range(step, 100_000, step):
        bounds = set(segment_bounds(sets))
        written += sum(stop - start for start, stop in bounds - before)
        before = bounds
    # The rest is written at most four times (1,024 / 256), then once for each size up to the largest.
    assert written / 100_000 < 4 + 5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of four, two and one."""
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 4)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)


def sets_of(count: int) -> list[CandidateSet]:
    return [make_set(make_prompt(f"Question {number}?")) for number in range(count)]


def set_ids(segment: Segment) -> list[str]:
    """Return the ids that the stretches of a segment name, read from the files."""
    return [
        one
        for path, start, stop in segment.stretches
        for one in read_table(path, ["id"]).slice(start, stop - start)["id"].to_pylist()
    ]


def plain(table: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.usefixtures("small")
def test_a_segment_reads_its_sets_across_files_and_no_others(tmp_path: Path) -> None:
    made = sets_of(11)
    files = [made[:3], made[3:4], made[4:9], made[9:]]
    tables = StoreTables(make_snapshot(tmp_path, files), EXTRAS)
    assert tables.bounds == [(0, 4), (4, 8), (8, 10), (10, 11)]
    found = [set_ids(segment) for segment in tables.segments()]
    assert found == [[one.id for one in made[start:stop]] for start, stop in tables.bounds]
    assert [len(segment.stretches) for segment in tables.segments()] == [2, 1, 2, 1]


@pytest.mark.usefixtures("small")
def test_records_and_responses_go_with_their_set_whatever_the_order_they_were_written_in(tmp_path: Path) -> None:
    made = sets_of(10)
    records = [make_record(one) for one in made if one is not made[5]]
    second = make_record(made[2], 1, 0).model_copy(update={"id": "second-record-of-set-2"})
    responses = [make_response(record, "a", f"reviewer-{record.set_id}") for record in reversed(records)]
    responses += [make_response(second, "b", "eva"), make_response(records[0], "b", "eva")]
    written = [*reversed(records), second]
    tables = StoreTables(make_snapshot(tmp_path, [made[:7], made[7:]], [written[:4], written[4:]], responses), EXTRAS)
    assert tables.records.num_rows == 10
    for segment, (start, stop) in zip(tables.segments(), tables.bounds, strict=True):
        shown = [
            (row["id"], made[start + row["row"]].id, tuple(row["candidates"])) for row in segment.records.to_pylist()
        ]
        wanted = [record for one in made[start:stop] for record in written if record.set_id == one.id]
        assert shown == [(record.id, record.set_id, record.candidates) for record in wanted]
        at = segment.responses["record"].to_pylist()
        assert at == sorted(at)
        answered = [(shown[row["record"]][0], row["reviewer"]) for row in segment.responses.to_pylist()]
        here = {record.id for record in wanted}
        assert sorted(answered) == sorted((one.record_id, one.reviewer) for one in responses if one.record_id in here)


@pytest.mark.usefixtures("small")
def test_a_segment_without_records_and_one_without_responses_are_empty_tables(tmp_path: Path) -> None:
    made = sets_of(9)
    tables = StoreTables(make_snapshot(tmp_path, [made], [[make_record(made[4])]]), EXTRAS)
    assert [segment.records.num_rows for segment in tables.segments()] == [0, 1, 0]
    assert [segment.responses.num_rows for segment in tables.segments()] == [0, 0, 0]
    assert tables.reviewers == {}


@pytest.mark.usefixtures("small")
def test_a_set_that_was_completed_later_counts_where_it_came_last(tmp_path: Path) -> None:
    made = sets_of(6)
    judged = make_set(made[1].prompt, (5.0, 1.0))
    assert judged.id == made[1].id
    record = make_record(made[1])
    snapshot = make_snapshot(tmp_path, [made[:4], [*made[4:], judged]], [[record]], [make_response(record, "a")])
    first, second, third = StoreTables(snapshot, EXTRAS).segments()
    assert list(first.current) == [True, False, True, True]
    assert [*second.current, *third.current] == [True, True, True]
    assert [plain(one.records) for one in (first, second, third)] == [[], [], [(record.id, 0, list(record.candidates))]]
    assert [one.responses.num_rows for one in (first, second, third)] == [0, 0, 1]


def test_three_states_of_a_set_count_as_the_last(tmp_path: Path) -> None:
    one, other = sets_of(2)
    snapshot = make_snapshot(tmp_path, [[one, other], [one], [one]], [[make_record(one)]])
    [segment] = StoreTables(snapshot, EXTRAS).segments()
    assert list(segment.current) == [False, True, False, True]
    assert segment.records["row"].to_pylist() == [3]


def test_responses_to_records_that_are_not_there_count_for_nothing(tmp_path: Path) -> None:
    [one] = sets_of(1)
    record = make_record(one)
    stray = ReviewRecord(id="stray", task="pairwise", prompt_id="p", set_id="s", candidates=("a", "b"))
    said = [make_response(stray, "a", "eva"), make_response(record, "a", "ann"), make_response(stray, "b", "bob")]
    tables = StoreTables(make_snapshot(tmp_path, [[one]], [[record]], said), EXTRAS)
    [segment] = tables.segments()
    assert plain(segment.responses) == [(0, "ann", "submitted", '{"preference": "a"}')]
    assert tables.reviewers == {"ann": 1}


def test_reviewers_are_everybody_who_answered_with_what_they_submitted(tmp_path: Path) -> None:
    made = sets_of(3)
    records = [make_record(one) for one in made]
    said = [
        make_response(records[0], "a", "eva"),
        make_response(records[1], "a", "eva"),
        make_response(records[2], "a", "eva", status="draft"),
        make_response(records[0], "a", "bob", status="discarded"),
        make_response(records[0], "a", "ann"),
    ]
    tables = StoreTables(make_snapshot(tmp_path, [made], [records], said), EXTRAS)
    assert list(tables.reviewers.items()) == [("ann", 1), ("bob", 0), ("eva", 2)]


def test_a_record_of_a_set_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    one, other, third = sets_of(3)
    snapshot = make_snapshot(tmp_path, [[one]], [[make_record(one), make_record(other), make_record(third)]])
    with pytest.raises(DataError, match="acme/demo-store shows 2 candidate sets that it does not hold"):
        StoreTables(snapshot, EXTRAS)
    with pytest.raises(DataError, match="shows 1 candidate sets"):
        StoreTables(make_snapshot(tmp_path / "none", [], [[make_record(one)]]), EXTRAS)


@pytest.mark.parametrize("files", [[], [[]], [[], []]])
def test_an_empty_store_has_no_segments_and_nothing_to_count(tmp_path: Path, files: list[list[CandidateSet]]) -> None:
    tables = StoreTables(make_snapshot(tmp_path, files, [[]] if files else []), EXTRAS)
    assert (tables.sets, tables.bounds, list(tables.segments())) == (0, [], [])
    assert (tables.asked, tables.answered, tables.failures, tables.reviewers) == (0, 0, {}, {})


def test_an_empty_file_among_others_changes_nothing(tmp_path: Path) -> None:
    made = sets_of(2)
    [segment] = StoreTables(
        make_snapshot(tmp_path, [[], made[:1], [], made[1:]], [[], [make_record(made[1])]]), EXTRAS
    ).segments()
    assert set_ids(segment) == [one.id for one in made]
    assert segment.records["row"].to_pylist() == [1]


def failed(text: str, answers: int, *reasons: str) -> CandidateSet:
    failures = tuple(Failure(stage="generate", generator="g", reason=reason, attempts=1) for reason in reasons)
    return make_set(make_prompt(text), [None] * answers, settings="".join(reasons) or "s").model_copy(
        update={"failures": failures}
    )


def test_prompts_are_counted_once_and_failures_of_those_that_never_got_two_answers(tmp_path: Path) -> None:
    files = [
        [failed("One?", 1, "timeout"), failed("Two?", 0, "timeout", "refused"), failed("Three?", 2)],
        [failed("One?", 2), failed("Three?", 3, "timeout"), failed("Four?", 1, "refused")],
    ]
    tables = StoreTables(make_snapshot(tmp_path, files), EXTRAS)
    assert (tables.asked, tables.answered) == (4, 2)
    assert tables.failures == {"generate timeout": 1, "generate refused": 1}


def test_extras_are_the_distinct_values_with_null_where_a_prompt_has_none(tmp_path: Path) -> None:
    made = [
        one.model_copy(update={"prompt": one.prompt.model_copy(update={"tools": tools, "category": "science"})})
        for one, tools in zip(sets_of(3), ("[1]", None, "[2]"), strict=True)
    ]
    tables = StoreTables(make_snapshot(tmp_path, [made[:1], made[1:]]), EXTRAS)
    assert tables.extras == {"tools": {"[1]", "[2]", None}, "category": {"science"}}


def test_dropped_prompts_that_were_asked_about_since_are_not_dropped(tmp_path: Path) -> None:
    [one] = sets_of(1)
    prompts = [one.prompt, make_prompt("Never asked?")]
    dropped = [DroppedPrompt(id=prompt.id, prompt=prompt, reason="pii") for prompt in prompts]
    snapshot = make_snapshot(tmp_path, [[one]], dropped=dropped)
    tables = StoreTables(snapshot, EXTRAS)
    assert [found.id for found in tables.not_asked(snapshot.dropped_prompts)] == [prompts[1].id]
    assert tables.not_asked({}) == []


@pytest.mark.usefixtures("small")
def test_a_segment_that_is_sent_to_another_process_takes_nothing_of_the_others_along(tmp_path: Path) -> None:
    made = sets_of(400)
    records = [make_record(one) for one in made]
    said = [make_response(record, "a", "reviewer " * 100) for record in records]
    [*found] = StoreTables(make_snapshot(tmp_path, [made], [records], said), EXTRAS).segments()
    assert len(found) == 100
    assert max(len(pickle.dumps(segment)) for segment in found) < 20_000
