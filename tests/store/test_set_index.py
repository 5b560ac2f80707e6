"""The index of candidate sets says what the sets say, from a few columns; files of before read like those of today."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import DataError
from curation.schema import arrow_schema
from curation.store.parquet import read_columns, read_parquet, write_parquet
from curation.store.set_index import SET_COLUMNS, SetEntry, SetIndex, read_set_entries
from curation.types import CandidateSet, Failure, Usage
from tests.derive.stores import make_snapshot
from tests.rows import make_judgement, make_prompt, make_set

Stage = Literal["generate", "evolve", "judge", "rating"]


def set_with(
    text: str, candidates: int, *stages: Stage, reason: str = "timeout", settings: str = "0123456789abcdef"
) -> CandidateSet:
    """Return a judged set with so many candidates and failures of these stages."""
    failures = tuple(Failure(stage=stage, generator="g9", reason=reason, attempts=1) for stage in stages)
    usage = Usage(request=text, stage="generate", generator="g0", input_tokens=3, output_tokens=None, cost=0.5)
    return make_set(make_prompt(text), [4.0] * candidates, settings=settings).model_copy(
        update={"failures": failures, "judgements": (make_judgement(*[4.0] * candidates),), "usage": (usage,)}
    )


def paid(text: str, *requests: str, came_through: bool) -> CandidateSet:
    """Return a set that was paid these requests."""
    candidate_set = set_with(text, 2) if came_through else set_with(text, 1, "generate")
    more = tuple(candidate_set.usage[0].model_copy(update={"request": request, "wasted": True}) for request in requests)
    return candidate_set.model_copy(update={"usage": (*candidate_set.usage, *more)})


SETS = [
    set_with("none", 0, "generate", "generate"),
    set_with("one", 1, "generate"),
    set_with("one, judge", 1, "judge"),
    set_with("two", 2),
    set_with("two, one answer failed", 2, "generate"),
    set_with("two, evolver failed", 2, "evolve"),
    set_with("two, ratings unread", 2, "rating", "rating"),
    set_with("two, judge failed", 2, "judge"),
    set_with("two, one of two judges failed", 2, "rating", "judge"),
    set_with("two, too long for the judge", 2, "judge", reason="context_too_long"),
    set_with("two, refused by the judge", 2, "judge", reason="content_filter"),
    set_with("one, too long for the other", 1, "generate", reason="context_too_long"),
    set_with("three", 3, settings="fedcba9876543210"),
    make_set(make_prompt("no judge"), (None, None)),
]


def write(path: Path, sets: list[CandidateSet]) -> Path:
    path.write_bytes(write_parquet(sets, CandidateSet))
    return path


def entry(candidate_set: CandidateSet) -> SetEntry:
    requests = () if candidate_set.came_through(2) else tuple(usage.request for usage in candidate_set.usage)
    return SetEntry(candidate_set.settings, candidate_set.prompt.id, candidate_set.came_through(2), requests)


def test_the_index_agrees_with_every_candidate_set(tmp_path: Path) -> None:
    assert len({candidate_set.id for candidate_set in SETS}) == len(SETS)
    assert {candidate_set.came_through(2) for candidate_set in SETS} == {True, False}
    path = write(tmp_path / "sets.parquet", SETS)
    assert read_set_entries(path, 2) == {candidate_set.id: entry(candidate_set) for candidate_set in SETS}
    assert [candidate_set.came_through(2) for candidate_set in read_parquet(path, CandidateSet)] == [
        candidate_set.came_through(2) for candidate_set in SETS
    ]


@pytest.mark.parametrize("candidate_set", SETS, ids=lambda candidate_set: candidate_set.prompt.messages[0].content)
def test_a_set_that_is_alone_in_its_file_is_indexed(tmp_path: Path, candidate_set: CandidateSet) -> None:
    assert read_set_entries(write(tmp_path / "sets.parquet", [candidate_set]), 2) == {
        candidate_set.id: entry(candidate_set)
    }


def test_an_empty_file_has_no_entries(tmp_path: Path) -> None:
    assert read_set_entries(write(tmp_path / "sets.parquet", []), 2) == {}


def test_if_a_set_is_stored_twice_the_later_state_counts(tmp_path: Path) -> None:
    first, second = set_with("two", 2, "judge"), set_with("two", 2)
    assert first.id == second.id
    assert read_set_entries(write(tmp_path / "sets.parquet", [first, second]), 2) == {second.id: entry(second)}
    assert entry(second).came_through


def test_the_index_does_not_read_the_texts(tmp_path: Path) -> None:
    [row] = read_columns(write(tmp_path / "sets.parquet", [set_with("two", 2, "rating")]), SET_COLUMNS)
    assert set(row) == {"id", "settings", "prompt", "candidates", "failures", "usage"}
    assert set(row["prompt"]) == {"id"}
    assert [set(candidate) for candidate in row["candidates"]] == [{"id"}] * 2
    assert row["failures"] == [{"stage": "rating", "reason": "timeout"}]
    assert row["usage"] == [{"request": "two"}]


@pytest.mark.parametrize(
    ("before", "now", "lacks"),
    [
        (set_with("one", 1, "generate"), set_with("one", 1, "generate"), False),
        (set_with("two", 2, "judge"), set_with("two", 2), True),
        (set_with("two", 2), set_with("two", 2, "judge"), False),
        (set_with("one", 1, "generate"), paid("one", "other", came_through=False), True),
        (set_with("two", 2), paid("two", "other", came_through=True), False),
    ],
    ids=["the same", "completed", "complete", "paid again", "complete and paid again"],
)
def test_a_set_is_stored_again_if_it_was_completed_or_paid_for_again(
    before: CandidateSet, now: CandidateSet, lacks: bool
) -> None:
    assert entry(before).lacks(now, 2) is lacks


def test_the_entries_of_some_sets_are_the_same_as_in_the_whole_index(tmp_path: Path) -> None:
    before, completed = set_with("two", 2, "judge"), set_with("two", 2)
    parts = {"a": [SETS[0], before], "b": SETS[1:3], "c": [completed, SETS[4]]}
    for name, sets in parts.items():
        write(tmp_path / name, sets)
    index, wanted = SetIndex(2), [before.id, SETS[1].id, "0000000000000000"]
    assert index.entries_of(wanted, ["a"], tmp_path.joinpath) == {before.id: entry(before)}
    expected = {completed.id: entry(completed), SETS[1].id: entry(SETS[1])}
    assert index.entries_of(wanted, [*parts], tmp_path.joinpath) == expected
    every = index.entries([*parts], tmp_path.joinpath)
    assert {set_id: every[set_id] for set_id in wanted if set_id in every} == expected
    assert index.entries_of(wanted, [*parts], tmp_path.joinpath) == expected


def test_of_a_file_without_any_requested_set_only_the_ids_are_read_and_only_once(tmp_path: Path) -> None:
    write(tmp_path / "a", SETS[:2])
    write(tmp_path / "b", SETS[2:4])
    read: list[str] = []

    def download(path: str) -> Path:
        read.append(path)
        return tmp_path / path

    index = SetIndex(2)
    assert index.entries_of([SETS[4].id], ["a", "b"], download) == {}
    assert index.entries_of([SETS[5].id], ["a", "b"], download) == {}
    assert read == ["a", "b"]
    assert index.entries_of([SETS[3].id], ["a", "b"], download) == {SETS[3].id: entry(SETS[3])}
    assert read == ["a", "b", "b"]


def test_the_index_forgets_files_that_were_replaced(tmp_path: Path) -> None:
    write(tmp_path / "a", SETS[:2])
    write(tmp_path / "b", SETS[:4])
    read: list[str] = []

    def download(path: str) -> Path:
        read.append(path)
        return tmp_path / path

    index = SetIndex(2)
    for paths in (["a"], ["b"], ["a"]):
        index.entries_of([SETS[9].id], paths, download)
        assert list(index.entries(paths, download)) == [
            candidate_set.id for candidate_set in SETS[: 2 if paths == ["a"] else 4]
        ]
    assert read == ["a", "a", "b", "b", "a", "a"]


def without(content: bytes, *columns: str) -> bytes:
    """Return a file as it was before there were these columns."""
    buffer = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(content)).drop_columns(list(columns)), buffer)
    return buffer.getvalue()


def test_a_file_that_was_written_before_there_were_judgements_is_read_and_indexed(tmp_path: Path) -> None:
    path = tmp_path / "sets.parquet"
    path.write_bytes(without(write_parquet(SETS, CandidateSet), "judgements"))
    assert "judgements" not in pq.read_schema(path).names
    old = [candidate_set.model_copy(update={"judgements": ()}) for candidate_set in SETS]
    assert list(read_parquet(path, CandidateSet)) == old
    assert read_set_entries(path, 2) == {candidate_set.id: entry(candidate_set) for candidate_set in SETS}


@pytest.mark.parametrize("column", ["candidates", "settings", "failures", "usage"])
def test_a_file_without_a_column_of_the_index_is_an_error_that_names_the_column(tmp_path: Path, column: str) -> None:
    path = tmp_path / "sets.parquet"
    path.write_bytes(without(write_parquet(SETS, CandidateSet), column))
    with pytest.raises(DataError, match=r"sets\.parquet"):
        read_set_entries(path, 2)


def test_judgements_and_usage_survive_parquet_with_their_nulls(tmp_path: Path) -> None:
    judgements = (
        make_judgement(4.5, None, order=(1, 0), rationales=("Good.", None)),
        make_judgement(None, None, aspect="honesty", judge="b"),
        make_judgement(),
    )
    candidate_set = SETS[3].model_copy(update={"judgements": judgements})
    assert list(read_parquet(write(tmp_path / "sets.parquet", [candidate_set]), CandidateSet)) == [candidate_set]


def test_the_columns_of_judgements_and_usage_have_the_types_of_their_rows() -> None:
    schema: Any = arrow_schema(CandidateSet)
    judgement, usage = schema.field("judgements").type.value_type, schema.field("usage").type.value_type
    assert judgement.field("order").type == pa.list_(pa.int64())
    assert judgement.field("ratings").type == pa.list_(pa.float64())
    assert (usage.field("cost").type, usage.field("cost").nullable) == (pa.float64(), True)
    assert (usage.field("stage").type, usage.field("stage").nullable) == (pa.string(), False)


NOW, OLD, OLDER = "0123456789abcdef", "fedcba9876543210", "00000000000000ff"


@pytest.mark.parametrize(
    ("sets", "current"),
    [
        ([set_with("q", 2, settings=OLD)], 0),
        ([set_with("q", 2, settings=OLD), set_with("q", 3, settings=NOW)], 1),
        # The settings returned to what they were.
        ([set_with("q", 2, settings=NOW), set_with("q", 3, settings=OLD)], 0),
        ([set_with("q", 2, settings=OLDER), set_with("q", 3, settings=OLD)], 1),
        # What lacks something takes the place of nothing that is complete.
        ([set_with("q", 2, settings=OLD), set_with("q", 1, "generate", settings=NOW)], 0),
        ([set_with("q", 2, settings=OLD), set_with("q", 2, "judge", settings=NOW)], 0),
        ([set_with("q", 1, "generate", settings=OLD), set_with("q", 0, "generate", settings=NOW)], 1),
    ],
)
def test_the_current_set_is_a_complete_one_then_one_of_these_settings_then_the_newest(
    tmp_path: Path, sets: list[CandidateSet], current: int
) -> None:
    parts = [[candidate_set.model_copy(update={"id": f"set{number}"})] for number, candidate_set in enumerate(sets)]
    snapshot = make_snapshot(tmp_path, parts)
    states = snapshot.current_states(NOW).rows(named=True)
    made_with, _, came_through, _ = entry(sets[current])
    wanted = {"set_id": f"set{current}", "settings": made_with, "prompt_id": sets[0].prompt.id}
    assert states == [{**wanted, "came_through": came_through}]
    assert [candidate_set.id for candidate_set in snapshot.current_sets(NOW)] == [f"set{current}"]
