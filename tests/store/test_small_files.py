"""A store that grows by few rows at a time stays few files, and holds every row once and in its order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.hub import connect
from curation.local.hub import HubServer
from curation.store import CANDIDATE_SETS, RECORDS, PromptsRead, Store
from curation.store import store as store_module
from curation.store.parquet import joined_parquet, write_parquet
from curation.store.repo import MovedError
from curation.store.snapshot import DROPPED_PROMPTS, NOT_SHOWN
from curation.types import CandidateSet, DroppedPrompt, ReviewRecord
from tests.derive.stores import make_record
from tests.rows import make_prompt, make_set

READ = PromptsRead(source="acme/prompts@abc", read=1, dropped={})
# Texts that do not compress, so that a file is about as large as its rows.
SETS = [make_set(make_prompt(f"{number}: {random.Random(number).randbytes(3000).hex()}")) for number in range(200)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store on a local Hub, which remembers nothing of what it wrote."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with HubServer(tmp_path / "hub") as hub:
        new_store = Store(connect(hub.url, hub.token), "admin/demo-store", name="demo", min_candidates=2)
        new_store.create()
        yield new_store


def add(store: Store, sets: Sequence[CandidateSet], *, dropped: Sequence[DroppedPrompt] = ()) -> None:
    store.add_candidate_sets(sets, prompts=READ, settings={}, dropped=dropped)


def files(store: Store, table: str = CANDIDATE_SETS) -> list[int]:
    """Return how many rows each file of a table has; the repo holds no other files of it."""
    snapshot = store.snapshot()
    paths = snapshot.manifest.files[table]
    assert sorted(paths) == sorted(path for path in snapshot.sizes if path.startswith(f"{table}/"))
    return [table.num_rows for _, table in snapshot.tables(table, ())]


@pytest.mark.slow
def test_small_files_are_joined_once_they_are_large_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two files of ten are small, and less than twice that; three are more.
    monkeypatch.setattr(store_module, "SMALL_BYTES", int(1.25 * len(write_parquet(SETS[:10], CandidateSet))))
    file_counts = []
    for start in range(0, 70, 10):
        add(store, SETS[start : start + 10])
        file_counts.append(files(store))
        # Whoever reads all sets, and who reads what is to be known of them, finds each once.
        assert list(store.snapshot().candidate_sets.values()) == SETS[: start + 10]
        assert list(store.snapshot().set_index) == [candidate_set.id for candidate_set in SETS[: start + 10]]
    assert file_counts == [[10], [10, 10], [30], [30, 10], [30, 10, 10], [30, 30], [30, 30, 10]]
    add(store, SETS[60:170])
    assert files(store) == [30, 30, 110]
    assert store.add_candidate_sets(SETS[:170], prompts=READ, settings={}) is None
    assert list(store.snapshot().candidate_sets.values()) == SETS[:170]


@pytest.mark.slow
def test_many_small_files_are_joined_whatever_their_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SMALL_FILES", 4)
    file_counts = []
    for number, candidate_set in enumerate(SETS[:9]):
        prompt = SETS[100 + number].prompt
        add(store, [candidate_set], dropped=[DroppedPrompt(id=prompt.id, prompt=prompt, reason="pii")])
        store.set_shown([make_record(candidate_set)], {})
        file_counts.append(files(store))
        assert files(store, DROPPED_PROMPTS) == files(store, RECORDS) == file_counts[-1]
    assert file_counts[:6] == [[1], [1, 1], [1, 1, 1], [1, 1, 1, 1], [5], [5, 1]]
    assert file_counts[6:] == [[5, 1, 1], [5, 1, 1, 1], [9]]
    snapshot = store.snapshot()
    assert list(snapshot.candidate_sets.values()) == SETS[:9]
    assert list(snapshot.dropped_prompts) == [candidate_set.prompt.id for candidate_set in SETS[100:109]]
    assert list(snapshot.records.values()) == [make_record(candidate_set) for candidate_set in SETS[:9]]


@pytest.mark.slow
def test_why_sets_are_not_shown_is_replaced_in_the_commit_of_the_records(store: Store) -> None:
    add(store, SETS[:4])
    first, second, third, fourth = SETS[:4]
    commits = [store.set_shown([make_record(first)], {second.id: "refusal", third.id: "identical"})]
    assert store.snapshot().not_shown == {second.id: "refusal", third.id: "identical"}
    assert store.set_shown([make_record(first)], {second.id: "refusal", third.id: "identical"}) is None
    commits.append(store.set_shown([make_record(first), make_record(second)], {fourth.id: "pii"}))
    snapshot = store.snapshot()
    assert (list(snapshot.records), snapshot.not_shown) == (
        [make_record(candidate_set).id for candidate_set in (first, second)],
        {fourth.id: "pii"},
    )
    assert files(store, NOT_SHOWN) == [1]
    commits.append(store.set_shown([], {}))
    assert store.snapshot().not_shown == {}
    assert sorted(snapshot.records) == sorted(store.snapshot().records)
    assert not files(store, NOT_SHOWN)
    assert len({*commits} - {None}) == 3


@pytest.mark.slow
def test_files_with_different_columns_are_not_joined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    others = write_parquet([make_record(SETS[0])], ReviewRecord)
    assert joined_parquet([write_parquet(SETS[:1], CandidateSet), others]) is None
    monkeypatch.setattr(store_module, "SMALL_FILES", 1)
    monkeypatch.setattr(store_module, "joined_parquet", lambda content: None)
    add(store, [SETS[0]])
    add(store, [SETS[1]])
    assert files(store) == [1, 1]
    assert list(store.snapshot().candidate_sets.values()) == SETS[:2]


@pytest.mark.slow
def test_joining_files_while_somebody_else_commits_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SMALL_FILES", 2)
    add(store, [SETS[0]])
    add(store, [SETS[1]])
    commit = store.repo.api.create_commit
    raced: list[Any] = []

    def late(*arguments: Any, **options: Any) -> Any:
        if not raced:
            raced.append(True)
            add(store, [SETS[9]])
        return commit(*arguments, **options)

    monkeypatch.setattr(store.repo.api, "create_commit", late)
    add(store, [SETS[2]])
    assert list(store.snapshot().candidate_sets.values()) == [SETS[0], SETS[1], SETS[9], SETS[2]]
    assert sum(files(store)) == 4


@pytest.mark.slow
def test_after_a_conflict_files_are_joined_again_from_the_new_head(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SMALL_FILES", 2)
    add(store, SETS[:1])
    add(store, SETS[1:2])
    failed: list[int] = []

    def failing(content: Sequence[bytes]) -> bytes | None:
        if not failed:
            failed.append(len(content))
            raise MovedError("The Hub answered 412.")
        return joined_parquet(content)

    monkeypatch.setattr(store_module, "joined_parquet", failing)
    add(store, SETS[2:3])
    assert failed == [3]
    assert files(store) == [3]
    assert list(store.snapshot().candidate_sets.values()) == SETS[:3]


def test_a_joined_file_is_read_like_any_other(tmp_path: Path) -> None:
    content = joined_parquet([write_parquet(SETS[:3], CandidateSet), write_parquet(SETS[3:5], CandidateSet)])
    assert content is not None
    path = tmp_path / "joined.parquet"
    path.write_bytes(content)
    whole = tmp_path / "whole.parquet"
    whole.write_bytes(write_parquet(SETS[:5], CandidateSet))
    assert pq.read_table(path).equals(pq.read_table(whole))
    assert pq.ParquetFile(path).schema_arrow.equals(pq.ParquetFile(whole).schema_arrow)
