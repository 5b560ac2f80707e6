"""The store at one commit: its tables as rows, and as Arrow tables of some columns.

A store is a private dataset repo. `manifest.json` lists the Parquet files of each table, oldest first:

    manifest.json
    question_sets/<hash>.parquet       one row per request for questions or variations, as a CandidateSet
    candidate_sets/<hash>.parquet      one row per CandidateSet; `generate` appends
    dropped_prompts/<hash>.parquet     one row per prompt that did not pass a check
    records/<hash>.parquet             one row per ReviewRecord; `push` appends
    not_shown/<hash>.parquet           the sets that the last `push` made no record of, and why; one file
    gold/<hash>.parquet                one row per GoldRecord, with the set that it shows; `push` replaces it
    left_to_judge/<hash>.parquet       the records of sets that the last `push` left to the judge; one file
    retired_records/<hash>.parquet     the ids of records that need no answer any more; one file
    escalated_records/<hash>.parquet   one row per record that adjudicators decide (EscalatedRecord); `sync` appends
    responses/<hash>.parquet           one row per version of a response (ResponseVersion); `sync` appends
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from curation import ids
from curation.frames import pl
from curation.schema import arrow_schema
from curation.store import current_sets
from curation.store.ledger import present
from curation.store.manifest import Manifest
from curation.store.parquet import read_batches, read_parquet, read_table, write_parquet
from curation.store.repo import HubRepo
from curation.store.set_index import SetEntry, SetIndex
from curation.types import (
    CandidateSet,
    DroppedPrompt,
    EscalatedRecord,
    GoldRecord,
    NotShown,
    Response,
    ResponseVersion,
    RetiredRecord,
    ReviewRecord,
    Row,
)

RowT = TypeVar("RowT", bound=Row)
CANDIDATE_SETS, RECORDS, RESPONSES = "candidate_sets", "records", "responses"
QUESTION_SETS, ESCALATED_RECORDS = "question_sets", "escalated_records"
LEFT_TO_JUDGE = "left_to_judge"
DROPPED_PROMPTS, RETIRED_RECORDS, NOT_SHOWN, GOLD = "dropped_prompts", "retired_records", "not_shown", "gold"
ROW_TYPES: dict[str, type[Row]] = {
    CANDIDATE_SETS: CandidateSet,
    QUESTION_SETS: CandidateSet,
    RECORDS: ReviewRecord,
    LEFT_TO_JUDGE: ReviewRecord,
    ESCALATED_RECORDS: EscalatedRecord,
    RESPONSES: ResponseVersion,
    DROPPED_PROMPTS: DroppedPrompt,
    RETIRED_RECORDS: RetiredRecord,
    NOT_SHOWN: NotShown,
    GOLD: GoldRecord,
}
SETS_AT_ONCE = 1_000


class Snapshot:
    """The store at one commit. A table is downloaded and read when it is first used."""

    def __init__(
        self,
        repo: HubRepo,
        revision: str,
        manifest: Manifest,
        *,
        min_candidates: int,
        sizes: Mapping[str, int] = MappingProxyType({}),
        index: SetIndex | None = None,
        local: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        self.repo = repo
        self.revision = revision
        self.manifest = manifest
        self.min_candidates = min_candidates
        self.sizes = sizes
        self._index = SetIndex(min_candidates) if index is None else index
        self._local = local

    @cached_property
    def candidate_sets(self) -> dict[str, CandidateSet]:
        """Every candidate set by id, oldest first."""
        return {row.id: row for row in self._read(CANDIDATE_SETS, CandidateSet)}

    @cached_property
    def set_index(self) -> dict[str, SetEntry]:
        """A short entry for every candidate set by id, oldest first. It needs far less memory than `candidate_sets`."""
        return self._index.entries(self.manifest.files.get(CANDIDATE_SETS, ()), self.download)

    def set_entries(self, set_ids: Collection[str]) -> dict[str, SetEntry]:
        """The entries that `set_index` has for these sets. Of all other sets only the ids are kept in memory."""
        return self._index.entries_of(set_ids, self.manifest.files.get(CANDIDATE_SETS, ()), self.download)

    def each_candidate_set(self) -> Iterator[CandidateSet]:
        """Yield the candidate sets one at a time, oldest first, without keeping them in memory.

        A set that was completed later comes twice: as it was first, and as it is now.
        """
        yield from self._read(CANDIDATE_SETS, CandidateSet)

    def each_set(self, set_ids: Collection[str]) -> Iterator[CandidateSet]:
        """Yield these candidate sets one at a time, each once in its latest state, in the order of the store.

        A thousand of them are in memory at a time. Files that have none of them are not read whole.
        """
        names = pa.array(set_ids, pa.string())
        tables = list(self.tables(CANDIDATE_SETS, ("id",))) if len(names) else []
        # A set that was completed later stands twice.
        times = pl.concat([pl.Series("id", [], pl.String), *(pl.Series("id", table["id"]) for _, table in tables)])
        earlier = dict(times.value_counts().filter(pl.col("count") > 1).iter_rows())
        for path, table in tables:
            wanted = pc.is_in(table["id"], value_set=names)
            if not pc.any(wanted).as_py():
                continue
            start = 0
            for batch in read_batches(path, CandidateSet, rows=SETS_AT_ONCE):
                for row in batch.filter(wanted.slice(start, batch.num_rows)).to_pylist():
                    if row["id"] in earlier:
                        earlier[row["id"]] -= 1
                        if earlier[row["id"]]:
                            continue
                    yield CandidateSet.model_validate(row)
                start += batch.num_rows

    def sets_by_id(self, set_ids: Collection[str]) -> dict[str, CandidateSet]:
        """Return these candidate sets by id, each in its latest state."""
        return {candidate_set.id: candidate_set for candidate_set in self.each_set(set_ids)}

    def each_question_set(self) -> Iterator[CandidateSet]:
        """Yield what models replied to each request for questions about documents or variations, oldest first.

        A request that failed at first may come twice.
        """
        yield from self._read(QUESTION_SETS, CandidateSet)

    @cached_property
    def records(self) -> dict[str, ReviewRecord]:
        """Every review record by id."""
        return {row.id: row for row in self._read(RECORDS, ReviewRecord)}

    @cached_property
    def left_to_judge(self) -> dict[str, ReviewRecord]:
        """What people are not shown because the judge was sure, by id; none of them is in `records`."""
        left = {row.id: row for row in self._read(LEFT_TO_JUDGE, ReviewRecord)}
        return {record_id: row for record_id, row in left.items() if record_id not in self.records}

    @cached_property
    def escalated(self) -> dict[str, EscalatedRecord]:
        """Every record that was escalated, by its id. A record that was escalated once stays so."""
        return {row.record_id: row for row in self._read(ESCALATED_RECORDS, EscalatedRecord)}

    @cached_property
    def adjudications(self) -> dict[str, ReviewRecord]:
        """What adjudicators are shown: each escalated record once more, by the id that it has there."""
        first = self.records_by_id(self.escalated)
        return {
            row.id: first[record_id].model_copy(update={"id": row.id, "suggested": False})
            for record_id, row in self.escalated.items()
        }

    def records_by_id(self, record_ids: Collection[str]) -> dict[str, ReviewRecord]:
        """Return the review records that have these ids, by id. The others are not read as values: a store has many."""
        names = pa.array(record_ids, pa.string())
        rows = (
            ReviewRecord.model_validate(row)
            for batch in (self.batches(RECORDS) if len(names) else ())
            for row in batch.filter(pc.is_in(batch["id"], value_set=names)).to_pylist()
        )
        return {row.id: row for row in rows}

    def shown_by_id(self, record_ids: Collection[str]) -> dict[str, ReviewRecord]:
        """Return those of `shown` that have these ids, by id. The others are not read as values."""
        named = set(record_ids)
        beside: dict[str, ReviewRecord] = {**self.gold, **self.adjudications}
        return {
            **self.records_by_id(named - beside.keys()),
            **{record_id: record for record_id, record in beside.items() if record_id in named},
        }

    @cached_property
    def adjudicated(self) -> dict[str, bool]:
        """The adjudications that have an answer, a draft or a discard, by id: whether any answer was submitted.

        Only these responses are read as rows: a store has many others.
        """
        names = pa.array([row.id for row in self.escalated.values()], pa.string())
        if not len(names):
            return {}
        versions = self.whole(RESPONSES, ("record_id", "reviewer", "status", "ended"))
        versions = versions.filter(pc.is_in(versions["record_id"], names))
        latest = {(row["record_id"], row["reviewer"]): row for row in versions.to_pylist()}
        present = [row for row in latest.values() if row["ended"] is None]
        submitted = {row["record_id"] for row in present if row["status"] == "submitted"}
        return {row["record_id"]: row["record_id"] in submitted for row in present}

    @cached_property
    def shown(self) -> dict[str, ReviewRecord]:
        """All that people are shown, by id: every review record, gold, and what adjudicators are shown."""
        return {**self.all_records, **self.adjudications}

    @cached_property
    def gold(self) -> dict[str, GoldRecord]:
        """Every gold record by id, those that count no more too. None of them is in `records`."""
        return {row.id: row for row in self._read(GOLD, GoldRecord)}

    @cached_property
    def all_records(self) -> dict[str, ReviewRecord]:
        """Every record that reviewers were ever shown, by id: gold records too."""
        return {**self.records, **self.gold}

    @cached_property
    def responses(self) -> dict[tuple[str, str], Response]:
        """Every response by (record id, reviewer), as the last sync saw it; those of adjudicators are among them."""
        return present(self.response_versions)

    @cached_property
    def gold_responses(self) -> tuple[Response, ...]:
        """Every response to a gold record, as the last sync saw it. The others are not read as values."""
        gold = pa.array(self.gold, pa.string())
        versions = (
            ResponseVersion.model_validate({**row, "values": json.loads(row["values"])})
            for batch in (self.batches(RESPONSES) if len(gold) else ())
            for row in batch.filter(pc.is_in(batch["record_id"], value_set=gold)).to_pylist()
        )
        return tuple(present(versions).values())

    @cached_property
    def response_versions(self) -> tuple[ResponseVersion, ...]:
        """Every version of every response, oldest first: what was changed and withdrawn too."""
        return tuple(self._read(RESPONSES, ResponseVersion))

    @cached_property
    def retired(self) -> frozenset[str]:
        """The ids of the retired records that nobody answered and that were never escalated.

        If a retired record has an answer, the answer counts.
        """
        retired = {row.id for row in self._read(RETIRED_RECORDS, RetiredRecord)}
        if not retired:
            return frozenset()
        return frozenset(retired - self._answered(retired) - self.escalated.keys())

    def _answered(self, record_ids: Collection[str]) -> set[str]:
        """Return those of these ids of records that have a response."""
        versions = self.whole(RESPONSES, ("record_id", "reviewer", "ended"))
        versions = versions.filter(pc.is_in(versions["record_id"], pa.array(record_ids, pa.string())))
        latest = {(row["record_id"], row["reviewer"]): row["ended"] for row in versions.to_pylist()}
        return {record_id for (record_id, _), ended in latest.items() if ended is None}

    @cached_property
    def not_shown(self) -> dict[str, str]:
        """Why the last push made no record of the sets that were current then, by set id, in the order of the sets."""
        return {row.id: row.reason for row in self._read(NOT_SHOWN, NotShown)}

    @cached_property
    def dropped_prompts(self) -> dict[str, DroppedPrompt]:
        """Every prompt that did not pass a check, by id."""
        return {row.id: row for row in self._read(DROPPED_PROMPTS, DroppedPrompt)}

    def tables(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Path, pa.Table]]:
        """Yield each file of a table, oldest first: its local path and a pyarrow.Table of the named columns.

        The column "prompt.id" names the field `id` of the struct `prompt`.
        """
        for path in self.manifest.files.get(table, ()):
            local = self.download(path)
            yield local, read_table(local, columns)

    def paths(self, table: str) -> list[Path]:
        """Return where the files of a table are on this machine, in the order of the store."""
        return [self.download(path) for path in self.manifest.files.get(table, ())]

    def batches(self, table: str) -> Iterator[pa.Table]:
        """Yield the rows of a table, in the order of the store, as pyarrow.Tables of a moderate size."""
        for path in self.paths(table):
            yield from read_batches(path, ROW_TYPES[table])

    def whole(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Return the named columns of all rows of a table as one pyarrow.Table."""
        schema = pa.schema([arrow_schema(ROW_TYPES[table]).field(column) for column in columns])
        parts = [part.select(schema.names).cast(schema) for _, part in self.tables(table, columns)]
        # `Schema.empty_table` would import pandas.
        return pa.concat_tables(parts) if parts else pa.Table.from_batches([], schema)

    def current_states(self, settings: str) -> pl.DataFrame:
        """Return the id, the settings and the prompt of each prompt's current set, and whether it came through.

        The columns are those of `set_states`; `current_sets.current_of` says which set of a prompt is the current one.
        """
        return current_sets.current_of(self._set_states, settings)

    def current_set_ids(self, settings: str) -> list[str]:
        """Return the id of each prompt's current set (see `current_states`)."""
        return self.current_states(settings)["set_id"].to_list()

    def current_sets(self, settings: str) -> Iterator[CandidateSet]:
        """Yield each prompt's current set (see `current_states`), one at a time, in the order of the store."""
        return self.each_set(self.current_set_ids(settings))

    @cached_property
    def _set_states(self) -> pl.DataFrame:
        tables = (table for _, table in self.tables(CANDIDATE_SETS, current_sets.COLUMNS))
        return current_sets.set_states(tables, min_candidates=self.min_candidates)

    def pseudonym(self, reviewer: str) -> str:
        """Return the published name of a reviewer."""
        return ids.pseudonym(self.manifest.pseudonym_key, reviewer)

    def each_with_path(self, table: str, row_type: type[RowT]) -> Iterator[tuple[str, RowT]]:
        """Yield the rows of a table one at a time, oldest first, each with the path of its file in the store."""
        for path in self.manifest.files.get(table, ()):
            yield from ((path, row) for row in read_parquet(self.download(path), row_type))

    def download(self, path: str) -> Path:
        """Return where a file of the store is on this machine."""
        return self._local.get(path) or self.repo.download(path, self.revision)

    def as_if_shown(
        self,
        records: Iterable[ReviewRecord],
        not_shown: Mapping[str, str],
        left_to_judge: Sequence[ReviewRecord] = (),
        *,
        folder: Path,
    ) -> Snapshot:
        """Return this state as it would be after `Store.set_shown`, which is not called: nothing is uploaded.

        The tables that differ are written to `folder`, which must stay while the snapshot is read.
        """
        new = [record for record in records if record.id not in self.records]
        reasons = [NotShown(id=set_id, reason=reason) for set_id, reason in not_shown.items()]
        files = {**self.manifest.files, NOT_SHOWN: (), LEFT_TO_JUDGE: ()}
        local: dict[str, Path] = {}
        tables: dict[str, Sequence[Row]] = {RECORDS: new, NOT_SHOWN: reasons, LEFT_TO_JUDGE: left_to_judge}
        for table, rows in tables.items():
            if rows:
                path = f"{table}/as_if_shown.parquet"
                local[path] = folder / f"{table}.parquet"
                local[path].write_bytes(write_parquet(rows, ROW_TYPES[table]))
                files[table] = (*files.get(table, ()), path)
        manifest = self.manifest.model_copy(update={"files": files})
        return Snapshot(
            self.repo, self.revision, manifest, min_candidates=self.min_candidates, index=self._index, local=local
        )

    def _read(self, table: str, row_type: type[RowT]) -> Iterable[RowT]:
        return (row for _, row in self.each_with_path(table, row_type))
