"""Segments: every prompt once with all its sets, records and ballots, and what is there stays where it is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.derive import Shard, segments
from curation.derive.ballots import read_ballots
from curation.derive.parallel import running
from curation.derive.segments import LARGEST_SEGMENT, SMALLEST_SEGMENT, Segment, cut, segment_bounds
from curation.derive.tables import live_sets, read_records, read_set_files, set_of_records, set_tables
from curation.labels import MajorityResolver
from curation.review import reading_task
from curation.store import Snapshot
from curation.types import CandidateSet, Verdict
from tests.derive.stores import Store, derived, make_config, make_record, make_response, make_snapshot
from tests.rows import make_prompt, make_set

SIZES = [*range(40), *range(1000, 4200, 97), 10_000, 32_768, 32_769, 70_000, 1_000_000]


def sizes(prompts: int) -> list[int]:
    return [stop - start for start, stop in segment_bounds(prompts)]


def test_no_prompts_have_no_segments() -> None:
    assert segment_bounds(0) == []


@pytest.mark.parametrize("prompts", SIZES)
def test_every_prompt_is_in_one_segment_in_order(prompts: int) -> None:
    bounds = segment_bounds(prompts)
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])][: len(bounds)]
    assert sum(sizes(prompts)) == prompts
    assert all(start < stop for start, stop in bounds)


def test_segments_are_the_largest_then_halves_then_the_rest() -> None:
    assert (LARGEST_SEGMENT, SMALLEST_SEGMENT) == (16_384, 1_024)
    assert sizes(1) == [1]
    assert sizes(1_024) == [1_024]
    assert sizes(1_025) == [1_024, 1]
    assert sizes(5_000) == [4_096, 904]
    assert sizes(3 * 16_384 + 8_192 + 2_048 + 7) == [16_384] * 3 + [8_192, 2_048, 7]


@pytest.mark.parametrize("prompts", SIZES)
def test_all_but_the_last_are_of_powers_of_two_that_fall(prompts: int) -> None:
    *whole, last = sizes(prompts) or [1]
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


def test_growing_one_by_one_writes_each_prompt_again_a_few_times_only() -> None:
    written, step, before = 0, 256, set[tuple[int, int]]()
    for prompts in range(step, 100_000, step):
        bounds = set(segment_bounds(prompts))
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


def later(candidate_set: CandidateSet) -> CandidateSet:
    """Return another set of the same prompt, with an answer of its own."""
    [first, *_] = candidate_set.candidates
    answer = first.model_copy(update={"id": f"later-{first.id}"})
    return candidate_set.model_copy(update={"id": f"later-{candidate_set.id}", "candidates": (first, answer)})


def segments_of(snapshot: Snapshot) -> list[Segment]:
    with running() as run:
        files = read_set_files(snapshot, run, extras=(), sketch=False)
        tables = set_tables(files, snapshot, extras=(), settings="now", min_candidates=2, too_few="few")
    ballots = read_ballots(
        snapshot,
        read_records(snapshot),
        lambda response, record: reading_task(record.task).annotation(response, record),
    )
    records = set_of_records(ballots.records, tables, snapshot)
    outcomes = ballots.resolved(MajorityResolver())
    sets = live_sets(tables, records, snapshot)
    return list(cut(tables, sets, records, ballots=ballots.annotations, outcomes=outcomes))


def set_ids(segment: Segment) -> list[str]:
    """Return the ids of a segment's sets, read from the files."""
    rows = [part.read(("id",)).join(segment.sets, on=["file_no", "row"]) for part in segment.slices]
    return pl.concat(rows).sort("set_no")["id"].to_list() if rows else []


@pytest.mark.usefixtures("small")
def test_a_segment_reads_its_sets_across_files_and_no_others(tmp_path: Path) -> None:
    sets = sets_of(11)
    of_store = segments_of(make_snapshot(tmp_path, [sets[:3], sets[3:4], sets[4:9], sets[9:]]))
    bounds = [(0, 4), (4, 8), (8, 10), (10, 11)]
    assert [set_ids(segment) for segment in of_store] == [
        [candidate_set.id for candidate_set in sets[start:stop]] for start, stop in bounds
    ]
    stretches = [[(part.file_no, part.start, part.stop) for part in segment.slices] for segment in of_store]
    assert stretches == [[(0, 0, 3), (1, 0, 1)], [(2, 0, 4)], [(2, 4, 5), (3, 0, 1)], [(3, 1, 2)]]


@pytest.mark.usefixtures("small")
def test_a_row_group_that_two_segments_share_is_read_once(tmp_path: Path) -> None:
    sets = sets_of(12)
    of_store = segments_of(make_snapshot(tmp_path, [sets[:6], sets[6:]]))
    assert [len(segment.slices) for segment in of_store] == [1, 2, 1]
    assert [set_id for segment in of_store for set_id in set_ids(segment)] == [each.id for each in sets]
    kept: Any = of_store[0].slices[0].read_group
    assert (kept.cache_info().misses, kept.cache_info().hits) == (2, 2)


@pytest.mark.usefixtures("small")
def test_all_sets_of_a_prompt_are_in_the_segment_in_which_the_prompt_came_first(tmp_path: Path) -> None:
    sets = sets_of(6)
    again = [later(sets[5]), later(sets[0])]
    of_store = segments_of(make_snapshot(tmp_path, [sets, again]))
    assert [set_ids(segment) for segment in of_store] == [
        [*(candidate_set.id for candidate_set in sets[:4]), again[1].id],
        [*(candidate_set.id for candidate_set in sets[4:]), again[0].id],
    ]
    prompts = [segment.sets["prompt_no"].to_list() for segment in of_store]
    assert prompts == [[0, 1, 2, 3, 0], [4, 5, 5]]


@pytest.mark.usefixtures("small")
def test_records_and_ballots_go_with_their_set_whatever_the_order_they_were_written_in(tmp_path: Path) -> None:
    sets = sets_of(10)
    records = [make_record(candidate_set) for candidate_set in sets if candidate_set is not sets[5]]
    second = make_record(sets[2], 1, 0).model_copy(update={"id": "second-record-of-set-2"})
    responses = [make_response(record, "a", f"reviewer-{record.set_id}") for record in reversed(records)]
    responses += [make_response(second, "b", "eva"), make_response(records[0], "b", "eva")]
    written = [*reversed(records), second]
    snapshot = make_snapshot(tmp_path, [sets[:7], sets[7:]], [written[:4], written[4:]], responses)
    of_store = segments_of(snapshot)
    assert len(of_store) == 3
    for segment, (start, stop) in zip(of_store, [(0, 4), (4, 8), (8, 10)], strict=True):
        wanted = {
            record.id: record
            for record in written
            if record.set_id in {candidate_set.id for candidate_set in sets[start:stop]}
        }
        rows = {row["record_id"]: row for row in segment.records.iter_rows(named=True)}
        assert rows.keys() == wanted.keys()
        for record_id, row in rows.items():
            assert sets[row["set_no"]].id == wanted[record_id].set_id
            assert tuple(row["shown"]) == wanted[record_id].candidates
            reviewers = [annotation.reviewer for annotation in segment.ballots[row["ballot_no"]]]
            assert reviewers == sorted(answer.reviewer for answer in responses if answer.record_id == record_id)


@pytest.mark.usefixtures("small")
def test_a_segment_holds_the_ballots_and_outcomes_of_its_own_records_alone(tmp_path: Path) -> None:
    sets = sets_of(12)
    records = [make_record(candidate_set) for candidate_set in sets]
    responses = [make_response(record, "a", f"reviewer-{number}") for number, record in enumerate(records)]
    of_store = segments_of(make_snapshot(tmp_path, [sets], [records], responses))
    for number, segment in enumerate(of_store):
        names = [annotation.reviewer for ballot in segment.ballots.values() for annotation in ballot]
        assert sorted(names) == sorted(f"reviewer-{4 * number + place}" for place in range(4))
        assert segment.outcomes.keys() == segment.ballots.keys()
        verdicts = [outcome for outcome in segment.outcomes.values() if isinstance(outcome, Verdict)]
        assert [verdict.scores for verdict in verdicts] == [(1.0, 0.0)] * 4


@pytest.mark.usefixtures("small")
def test_a_segment_may_have_no_records_or_none_that_was_answered(tmp_path: Path) -> None:
    sets = sets_of(9)
    of_store = segments_of(make_snapshot(tmp_path, [sets], [[make_record(sets[4])]]))
    assert [segment.records.height for segment in of_store] == [0, 1, 0]
    assert [list(segment.ballots.values()) for segment in of_store] == [[], [()], []]


@pytest.mark.usefixtures("small")
def test_a_set_that_was_completed_later_counts_where_it_came_last(tmp_path: Path) -> None:
    sets = sets_of(6)
    judged = make_set(sets[1].prompt, (5.0, 1.0))
    assert judged.id == sets[1].id
    record = make_record(sets[1])
    snapshot = make_snapshot(tmp_path, [sets[:4], [*sets[4:], judged]], [[record]], [make_response(record, "a")])
    first, second = segments_of(snapshot)
    assert first.sets["set_no"].to_list() == [0, 2, 3, 6]
    assert second.sets["set_no"].to_list() == [4, 5]
    assert first.records.select("record_id", "set_no").rows() == [(record.id, 6)]


def test_of_three_states_of_a_set_the_last_counts(tmp_path: Path) -> None:
    one, other = sets_of(2)
    [segment] = segments_of(make_snapshot(tmp_path, [[one, other], [one], [one]], [[make_record(one)]]))
    assert segment.sets["set_no"].to_list() == [1, 3]
    assert segment.records["set_no"].to_list() == [3]


def test_a_set_whose_records_were_all_retired_gives_way(tmp_path: Path) -> None:
    sets = sets_of(3)
    records = [make_record(candidate_set) for candidate_set in sets[:2]]
    more = make_record(sets[1], 1, 0).model_copy(update={"id": "another-record-of-set-1"})
    snapshot = make_snapshot(tmp_path, [sets], [[*records, more]], retired=records)
    [segment] = segments_of(snapshot)
    assert segment.sets["set_no"].to_list() == [1, 2]
    assert segment.records["record_id"].to_list() == [more.id]


@pytest.mark.parametrize("files", [[], [[]], [[], []]])
def test_an_empty_store_has_no_segments(tmp_path: Path, files: list[list[CandidateSet]]) -> None:
    assert segments_of(make_snapshot(tmp_path, files, [[]] if files else [])) == []


def test_an_empty_file_among_others_changes_nothing(tmp_path: Path) -> None:
    sets = sets_of(2)
    files: list[list[CandidateSet]] = [[], sets[:1], [], sets[1:]]
    [segment] = segments_of(make_snapshot(tmp_path, files, [[], [make_record(sets[1])]]))
    assert set_ids(segment) == [candidate_set.id for candidate_set in sets]
    assert segment.records["set_no"].to_list() == [1]


def test_the_shards_of_each_segment_are_told_as_soon_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 4)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 2)
    store = Store()
    for _ in range(10):
        store.add("a")
    told: list[list[str]] = []

    def wrote(shards: Sequence[Shard]) -> None:
        told.append([shard.path for shard in shards])
        assert all((tmp_path / "out" / path).exists() for path in told[-1])

    result = derived(store, tmp_path, make_config(publish={"formats": ["dpo", "kto"], "test_size": 0}), wrote=wrote)
    assert [[path.partition("/")[0] for path in paths] for paths in told] == [["dpo", "kto"]] * 3
    assert [path for paths in told for path in paths] == [shard.path for shard in result.tally.shards]
