"""The store: a private dataset repo with candidate sets, review records, raw responses and a manifest.

A store has these files; `manifest.json` lists the Parquet files of each table, oldest first:

    manifest.json
    candidate_sets/<hash>.parquet      one row per CandidateSet; `generate` appends
    dropped_prompts/<hash>.parquet     one row per prompt that did not pass a check
    records/<hash>.parquet             one row per ReviewRecord; `push` appends
    retired_records/<hash>.parquet     the ids of records that need no answer any more; one file
    responses/<hash>.parquet           one row per Response; one file, which `sync` replaces
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from curation import ids
from curation.errors import DataError, MissingError, RefusedError
from curation.schema import arrow_schema
from curation.store.manifest import MANIFEST, SCHEMA_VERSION, Manifest, PromptsRead, ReviewedDataset, Settings
from curation.store.parquet import (
    content_name,
    joined_parquet,
    read_batches,
    read_parquet,
    read_table,
    write_parquet,
)
from curation.store.repo import Change, HubRepo
from curation.store.set_index import SetEntry, SetIndex
from curation.types import CandidateSet, DroppedPrompt, NotShown, Response, RetiredRecord, ReviewRecord, Row

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SMALL_BYTES = 1 << 21
"""A file with fewer bytes (a few thousand candidate sets) is small. When the last small files of a table have twice as
many bytes together, they are joined into one file, which is then not small any more."""
SMALL_FILES = 64
"""When a table ends with so many small files, they are joined whatever their size."""

RowT = TypeVar("RowT", bound=Row)
CANDIDATE_SETS, RECORDS, RESPONSES = "candidate_sets", "records", "responses"
DROPPED_PROMPTS, RETIRED_RECORDS, NOT_SHOWN = "dropped_prompts", "retired_records", "not_shown"
ROW_TYPES: dict[str, type[Row]] = {
    CANDIDATE_SETS: CandidateSet,
    RECORDS: ReviewRecord,
    RESPONSES: Response,
    DROPPED_PROMPTS: DroppedPrompt,
    RETIRED_RECORDS: RetiredRecord,
    NOT_SHOWN: NotShown,
}


class Reviews(NamedTuple):
    """All responses by (record id, reviewer), the Argilla dataset they came from, and the ids of forgotten accounts."""

    responses: Mapping[tuple[str, str], Response]
    dataset: ReviewedDataset
    forgotten: tuple[str, ...]


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
    ) -> None:
        self.repo = repo
        self.revision = revision
        self.manifest = manifest
        self.min_candidates = min_candidates
        self.sizes = sizes
        self._index = SetIndex(min_candidates) if index is None else index

    @cached_property
    def candidate_sets(self) -> dict[str, CandidateSet]:
        """Every candidate set by id, oldest first."""
        return {row.id: row for row in self._read(CANDIDATE_SETS, CandidateSet)}

    @cached_property
    def set_index(self) -> dict[str, SetEntry]:
        """A short entry for every candidate set by id, oldest first. It needs far less memory than `candidate_sets`."""
        return self._index.entries(self.manifest.files.get(CANDIDATE_SETS, ()), self._download)

    def set_entries(self, set_ids: Collection[str]) -> dict[str, SetEntry]:
        """The entries that `set_index` has for these sets. Of all other sets only the ids are kept in memory."""
        return self._index.entries_of(set_ids, self.manifest.files.get(CANDIDATE_SETS, ()), self._download)

    def each_candidate_set(self) -> Iterator[CandidateSet]:
        """Yield the candidate sets one at a time, oldest first, without keeping them in memory.

        A set that was completed later comes twice: as it was first, and as it is now.
        """
        yield from self._read(CANDIDATE_SETS, CandidateSet)

    @cached_property
    def records(self) -> dict[str, ReviewRecord]:
        """Every review record by id."""
        return {row.id: row for row in self._read(RECORDS, ReviewRecord)}

    @cached_property
    def responses(self) -> dict[tuple[str, str], Response]:
        """Every response by (record id, reviewer)."""
        return {(row.record_id, row.reviewer): row for row in self._read(RESPONSES, Response)}

    @cached_property
    def retired(self) -> frozenset[str]:
        """The ids of the retired records that nobody answered. If a retired record has an answer, the answer counts."""
        retired = {row.id for row in self._read(RETIRED_RECORDS, RetiredRecord)}
        return frozenset(retired.difference(record_id for record_id, _ in self.responses) if retired else ())

    @cached_property
    def not_shown(self) -> dict[str, str]:
        """Why the last push made no record of the sets that were current then, by set id, in the order of the sets."""
        return {row.id: row.reason for row in self._read(NOT_SHOWN, NotShown)}

    @cached_property
    def dropped_prompts(self) -> dict[str, DroppedPrompt]:
        """Every prompt that did not pass a check, by id."""
        return {row.id: row for row in self._read(DROPPED_PROMPTS, DroppedPrompt)}

    def tables(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Path, Any]]:
        """Yield each file of a table, oldest first: its local path and a pyarrow.Table of the named columns.

        The column "prompt.id" names the field `id` of the struct `prompt`.
        """
        for path in self.manifest.files.get(table, ()):
            local = self.repo.download(path, self.revision)
            yield local, read_table(local, columns)

    def paths(self, table: str) -> list[Path]:
        """Return where the files of a table are on this machine, in the order of the store."""
        return [self.repo.download(path, self.revision) for path in self.manifest.files.get(table, ())]

    def batches(self, table: str) -> Iterator[Any]:
        """Yield the rows of a table, in the order of the store, as pyarrow.Tables of a moderate size."""
        for path in self.paths(table):
            yield from read_batches(path, ROW_TYPES[table])

    def small_files(self, table: str) -> tuple[str, ...]:
        """Return the paths of the small files (see SMALL_BYTES) at the end of a table, oldest first."""
        paths = self.manifest.files.get(table, ())
        small = takewhile(lambda path: self.sizes.get(path, SMALL_BYTES) < SMALL_BYTES, reversed(paths))
        return tuple(small)[::-1]

    def whole(self, table: str, columns: Sequence[str]) -> Any:
        """Return the named columns of all rows of a table as one pyarrow.Table."""
        import pyarrow as pa

        schema = pa.schema([arrow_schema(ROW_TYPES[table]).field(column) for column in columns])
        parts = [part.select(schema.names).cast(schema) for _, part in self.tables(table, columns)]
        # Unlike `Schema.empty_table`, the last does not import pandas.
        return pa.concat_tables(parts) if parts else pa.Table.from_batches([], schema)

    def current_entries(self, settings: str) -> dict[str, SetEntry]:
        """Return the entry of each prompt's current set, by prompt id.

        A prompt may have several sets. Its current set is a complete one if there is one; among several, one that was
        made with `settings`; among those, the newest. So a prompt that was not asked again after the settings changed
        keeps its older answers.
        """
        return {entry.prompt_id: entry for _, entry in self._current(settings)}

    def current_set_ids(self, settings: str) -> list[str]:
        """Return the id of each prompt's current set (see `current_entries`)."""
        return [set_id for set_id, _ in self._current(settings)]

    def current_sets(self, settings: str) -> dict[str, CandidateSet]:
        """Return each prompt's current set (see `current_entries`), by prompt id."""
        return {entry.prompt_id: self.candidate_sets[set_id] for set_id, entry in self._current(settings)}

    def _current(self, settings: str) -> Iterable[tuple[str, SetEntry]]:
        current: dict[str, tuple[str, SetEntry]] = {}
        for set_id, entry in self.set_index.items():
            known = current.get(entry.prompt_id)
            if known is None or _precedence(entry, settings) >= _precedence(known[1], settings):
                current[entry.prompt_id] = set_id, entry
        return current.values()

    def pseudonym(self, reviewer: str) -> str:
        """Return the published name of a reviewer."""
        return ids.pseudonym(self.manifest.pseudonym_key, reviewer)

    def _download(self, path: str) -> Path:
        return self.repo.download(path, self.revision)

    def _read(self, table: str, row_type: type[RowT]) -> Iterable[RowT]:
        for path in self.manifest.files.get(table, ()):
            yield from read_parquet(self.repo.download(path, self.revision), row_type)


class Store:
    """Reads and writes the store of one curation. Every write is one commit; writing the same again makes no commit.

    A candidate set has come through if it has at least `min_candidates`, as the review task needs.
    """

    def __init__(self, api: HfApi, repo_id: str, *, name: str, min_candidates: int) -> None:
        self.repo = HubRepo(api, repo_id)
        self.name = name
        self.min_candidates = min_candidates
        self._index = SetIndex(min_candidates)

    def create(self) -> None:
        """Create the private repo unless it exists. Raises RefusedError if it exists and is public."""
        self.repo.create(private=True, must_be_private=True)

    def require_private(self) -> None:
        """Raise RefusedError if the repo is public. The repo must exist."""
        self.repo.require_private()

    def snapshot(self) -> Snapshot:
        """Return the store as it is now.

        Raises MissingError if there is no store yet, RefusedError if it belongs to another curation or was written by a
        newer version of this package.
        """
        return self._snapshot_at(self.repo.head())

    def add_candidate_sets(
        self,
        sets: Iterable[CandidateSet],
        *,
        prompts: PromptsRead,
        settings: Mapping[str, Settings],
        dropped: Iterable[DroppedPrompt] = (),
    ) -> str | None:
        """Append the sets and dropped prompts that the store lacks; return the commit, None if nothing is new.

        The manifest gets `prompts`, what was read, and `settings`, the options that the sets were made with, by their
        hash. A set that is in the store but was completed since, or paid for again, is appended once more; the later
        row counts.
        """
        sets, dropped = tuple(sets), tuple(dropped)

        def edit(snapshot: Snapshot) -> Change | None:
            known = snapshot.set_entries([row.id for row in sets])
            new = [row for row in sets if row.id not in known or known[row.id].lacks(row, self.min_candidates)]
            manifest = snapshot.manifest
            manifest = manifest.model_copy(
                update={
                    "prompts": {**manifest.prompts, prompts.name: prompts},
                    "settings": {**manifest.settings, **settings},
                }
            )
            new_drops = [row for row in dropped if row.id not in snapshot.dropped_prompts]
            if not new and not new_drops and manifest == snapshot.manifest:
                return None
            message = f"Add {len(new)} candidate sets"
            return _append(snapshot, manifest, {CANDIDATE_SETS: new, DROPPED_PROMPTS: new_drops}, message=message)

        return self._update(edit)

    def set_shown(self, records: Iterable[ReviewRecord], not_shown: Mapping[str, str]) -> str | None:
        """Append the records that the store lacks, and replace the reasons why sets are not shown to reviewers.

        `not_shown` has a reason by set id: {"0123...": "identical_candidates"}. Return the commit, None if nothing
        changes.
        """
        records = tuple(records)

        def edit(snapshot: Snapshot) -> Change | None:
            new = [row for row in records if row.id not in snapshot.records]
            if not new and not_shown == snapshot.not_shown:
                return None
            rows = [NotShown(id=set_id, reason=reason) for set_id, reason in not_shown.items()]
            manifest, files, outdated = _replaced(snapshot, NOT_SHOWN, rows)
            change = _append(snapshot, manifest, {RECORDS: new}, message=f"Add {len(new)} review records")
            return replace(change, files={**files, **change.files}, delete=(*outdated, *change.delete))

        return self._update(edit)

    def retire_records(self, record_ids: Collection[str], *, shown: Collection[str]) -> str | None:
        """Mark `record_ids` as retired, and `shown` as not retired; return the commit, None if nothing changes."""

        def edit(snapshot: Snapshot) -> Change | None:
            retired = (snapshot.retired | set(record_ids)) - set(shown)
            if retired == snapshot.retired:
                return None
            rows = [RetiredRecord(id=record_id) for record_id in sorted(retired)]
            manifest, files, outdated = _replaced(snapshot, RETIRED_RECORDS, rows)
            return Change(
                message=f"Retire {len(retired - snapshot.retired)} review records",
                files={**files, MANIFEST: _manifest_bytes(manifest)},
                delete=outdated,
            )

        return self._update(edit)

    def set_reviews(self, read: Callable[[Snapshot], Reviews]) -> str | None:
        """Replace all responses by those that `read(snapshot)` returns; return the commit, None if nothing changes.

        `snapshot` is the store at its head. If somebody else commits in between, `read` is called again with the new
        head. It must then also read Argilla again: otherwise answers that are older than the head would be written.
        """

        def edit(snapshot: Snapshot) -> Change | None:
            reviews = read(snapshot)
            update: dict[str, Any] = {"review": reviews.dataset, "forgotten": reviews.forgotten}
            files: dict[str, bytes] = {}
            old = snapshot.manifest.files.get(RESPONSES, ())
            if reviews.responses != snapshot.responses:
                content = write_parquet((reviews.responses[key] for key in sorted(reviews.responses)), Response)
                path = content_name(RESPONSES, content)
                files[path] = content
                update["files"] = {**snapshot.manifest.files, RESPONSES: (path,)}
            manifest = snapshot.manifest.model_copy(update=update)
            if manifest == snapshot.manifest:
                return None
            return Change(
                message=f"Sync {len(reviews.responses)} responses",
                files={**files, MANIFEST: _manifest_bytes(manifest)},
                delete=tuple(name for name in old if files and name not in files),
            )

        return self._update(edit)

    def _update(self, edit: Callable[[Snapshot], Change | None]) -> str | None:
        return self.repo.update(lambda revision: edit(self._snapshot_at(revision, create=True)))

    def _snapshot_at(self, revision: str, *, create: bool = False) -> Snapshot:
        """Return the store at a commit. If there is no manifest, return an empty store (`create`) or raise."""
        sizes = self.repo.sizes(revision)
        if MANIFEST not in sizes:
            if not create:
                raise MissingError(f"{self.repo.repo_id} holds no store yet.", remedy="Run `curation generate` first.")
            manifest = Manifest(name=self.name, pseudonym_key=secrets.token_hex(32))
            return self._snapshot(revision, manifest, sizes)
        try:
            manifest = Manifest.model_validate_json(self.repo.read(MANIFEST, revision))
        except ValidationError as error:
            # The cause is left out: it may show the pseudonym key, which must not reach a traceback.
            raise DataError(
                f"The manifest of {self.repo.repo_id} at {revision[:7]} cannot be read "
                f"({error.error_count()} faults, the first at {'.'.join(map(str, error.errors()[0]['loc']))}).",
                remedy="A newer version of curation may have written it: upgrade.",
            ) from None
        if manifest.schema_version != SCHEMA_VERSION:
            raise RefusedError(
                f"{self.repo.repo_id} has schema version {manifest.schema_version}; this version of curation reads "
                f"version {SCHEMA_VERSION}.",
                remedy="Upgrade curation.",
            )
        if manifest.name != self.name:
            raise RefusedError(
                f"{self.repo.repo_id} is the store of {manifest.name!r}, not of {self.name!r}.",
                remedy="Give this curation a store of its own, or correct `name`.",
            )
        return self._snapshot(revision, manifest, sizes)

    def _snapshot(self, revision: str, manifest: Manifest, sizes: Mapping[str, int]) -> Snapshot:
        return Snapshot(
            self.repo,
            revision,
            manifest,
            min_candidates=self.min_candidates,
            sizes=sizes,
            index=self._index,
        )


def _replaced(
    snapshot: Snapshot, table: str, rows: Sequence[Row]
) -> tuple[Manifest, dict[str, bytes], tuple[str, ...]]:
    """Return what is needed to replace all rows of a table: the new manifest, the files to write, those to delete."""
    files: dict[str, bytes] = {}
    if rows:
        content = write_parquet(rows, ROW_TYPES[table])
        files[content_name(table, content)] = content
    old_files = snapshot.manifest.files
    manifest = snapshot.manifest.model_copy(update={"files": {**old_files, table: tuple(files)}})
    return manifest, files, tuple(path for path in old_files.get(table, ()) if path not in files)


def _append(snapshot: Snapshot, manifest: Manifest, tables: Mapping[str, Sequence[Row]], *, message: str) -> Change:
    """Return the change that appends rows to tables: one new file for each table that gets rows.

    If a table ends with many small files, the new file also takes their rows and replaces them. Otherwise a store that
    grows by a few hundred rows at a time would soon have thousands of files, and each is downloaded by itself.
    """
    files: dict[str, bytes] = {}
    replaced: list[str] = []
    for table, rows in tables.items():
        if not rows:
            continue
        content = write_parquet(rows, ROW_TYPES[table])
        paths = manifest.files.get(table, ())
        small = snapshot.small_files(table)
        size = len(content) + sum(snapshot.sizes[path] for path in small)
        if small and (size >= 2 * SMALL_BYTES or len(small) >= SMALL_FILES):
            local = [snapshot.repo.download(path, snapshot.revision) for path in small]
            joined = joined_parquet([*(path.read_bytes() for path in local), content])
            # Files that an older version wrote with other columns are not joined.
            if joined is not None:
                content, paths = joined, paths[: -len(small)]
                replaced += small
        path = content_name(table, content)
        files[path] = content
        manifest = manifest.model_copy(update={"files": {**manifest.files, table: (*paths, path)}})
    return Change(message=message, files={**files, MANIFEST: _manifest_bytes(manifest)}, delete=tuple(replaced))


def _manifest_bytes(manifest: Manifest) -> bytes:
    return (manifest.model_dump_json(indent=2) + "\n").encode()


def _precedence(entry: SetEntry, settings: str) -> tuple[bool, bool]:
    return entry.came_through, entry.settings == settings
