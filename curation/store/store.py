"""Reads and writes the store of a curation (see `snapshot.py` for its files)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from curation.errors import DataError, MissingError, RefusedError
from curation.store.ledger import new_versions, present, without
from curation.store.manifest import MANIFEST, SCHEMA_VERSION, Manifest, PromptsRead, ReviewedDataset, Settings
from curation.store.parquet import (
    content_name,
    joined_parquet,
    write_parquet,
)
from curation.store.repo import Change, HubRepo
from curation.store.set_index import SetIndex
from curation.store.snapshot import (
    CANDIDATE_SETS,
    DROPPED_PROMPTS,
    ESCALATED_RECORDS,
    GOLD,
    LEFT_TO_JUDGE,
    NOT_SHOWN,
    QUESTION_SETS,
    RECORDS,
    RESPONSES,
    RETIRED_RECORDS,
    ROW_TYPES,
    Snapshot,
)
from curation.types import (
    CandidateSet,
    DroppedPrompt,
    EscalatedRecord,
    GoldRecord,
    NotShown,
    Response,
    RetiredRecord,
    ReviewRecord,
    Row,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi


SMALL_BYTES = 1 << 21
"""A file with fewer bytes is small: it has a few thousand candidate sets. If the small files at the end of a table have
twice as many bytes together, they are joined into one file, which is then not small any more."""
SMALL_FILES = 64
"""If a table ends with so many small files, they are joined whatever their size."""


class Reviews(NamedTuple):
    """What a sync read.

    - `responses`: all responses by (record id, reviewer), without those of the accounts `forgotten`
    - `renamed`: the present username of each reviewer who was renamed, by the former one
    - `dataset`: the Argilla dataset that they came from, and `synced_at`, when the reading began
    """

    responses: Mapping[tuple[str, str], Response]
    renamed: Mapping[str, str]
    dataset: ReviewedDataset
    forgotten: tuple[str, ...]
    synced_at: datetime


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

    def snapshot_or_none(self) -> Snapshot | None:
        """Return the store as it is now, null if there is none yet; errors as in `snapshot`."""
        try:
            return self.snapshot()
        except MissingError:
            return None

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

    def add_question_sets(self, sets: Iterable[CandidateSet], *, settings: Mapping[str, Settings]) -> str | None:
        """Append replies to requests for prompts that the store lacks; return the commit, None if nothing is new.

        The manifest gets `settings`, as from `add_candidate_sets`. A request that was paid for again is new.
        """
        sets = tuple(sets)

        def edit(snapshot: Snapshot) -> Change | None:
            known = {
                (set_id, request)
                for _, table in snapshot.tables(QUESTION_SETS, ("id", "usage.list.element.request"))
                for set_id, usage in zip(table["id"].to_pylist(), table["usage"].to_pylist(), strict=True)
                for request in (None, *(entry["request"] for entry in usage or ()))
            }
            new = [row for row in sets if {(row.id, None), *((row.id, usage.request) for usage in row.usage)} - known]
            manifest = snapshot.manifest
            manifest = manifest.model_copy(update={"settings": {**manifest.settings, **settings}})
            if not new:
                return None
            return _append(snapshot, manifest, {QUESTION_SETS: new}, message=f"Add {len(new)} replies with questions")

        return self._update(edit)

    def set_shown(
        self,
        records: Iterable[ReviewRecord],
        not_shown: Mapping[str, str],
        left_to_judge: Sequence[ReviewRecord] = (),
        *,
        gold: Sequence[GoldRecord] | None = None,
    ) -> str | None:
        """Append the records that the store lacks, and replace the reasons why sets are not shown to reviewers.

        `not_shown` has a reason by set id: {"0123...": "identical_candidates"}, and `left_to_judge` the records of sets
        of which the judge is sure; they take the place of those before. `gold` takes the place of all gold
        records; None leaves them. Return the commit, None if nothing changes.
        """
        records = tuple(records)

        def edit(snapshot: Snapshot) -> Change | None:
            new = [row for row in records if row.id not in snapshot.records]
            new_gold = gold is not None and list(gold) != list(snapshot.gold.values())
            new_left = list(left_to_judge) != list(snapshot.left_to_judge.values())
            if not (new or new_gold or new_left) and not_shown == snapshot.not_shown:
                return None
            rows = [NotShown(id=set_id, reason=reason) for set_id, reason in not_shown.items()]
            manifest, files, outdated = _replaced(snapshot, snapshot.manifest, NOT_SHOWN, rows)
            if new_gold:
                manifest, gold_files, gold_outdated = _replaced(snapshot, manifest, GOLD, gold or ())
                files, outdated = {**files, **gold_files}, (*outdated, *gold_outdated)
            if new_left:
                manifest, left_files, left_outdated = _replaced(snapshot, manifest, LEFT_TO_JUDGE, left_to_judge)
                files, outdated = {**files, **left_files}, (*outdated, *left_outdated)
            change = _append(snapshot, manifest, {RECORDS: new}, message=f"Add {len(new)} review records")
            return replace(change, files={**files, **change.files}, delete=(*outdated, *change.delete))

        return self._update(edit)

    def escalate_records(self, records: Iterable[EscalatedRecord]) -> str | None:
        """Append the records that were not escalated before; return the commit, None if there is none."""
        records = tuple(records)

        def edit(snapshot: Snapshot) -> Change | None:
            new = [row for row in records if row.record_id not in snapshot.escalated]
            if not new:
                return None
            tables = {ESCALATED_RECORDS: new}
            return _append(snapshot, snapshot.manifest, tables, message=f"Escalate {len(new)} review records")

        return self._update(edit)

    def retire_records(self, record_ids: Collection[str], *, shown: Collection[str]) -> str | None:
        """Mark `record_ids` as retired, and `shown` as not retired; return the commit, None if nothing changes."""

        def edit(snapshot: Snapshot) -> Change | None:
            retired = (snapshot.retired | set(record_ids)) - set(shown)
            if retired == snapshot.retired:
                return None
            rows = [RetiredRecord(id=record_id) for record_id in sorted(retired)]
            message = f"Retire {len(retired - snapshot.retired)} review records"
            return _replace(snapshot, snapshot.manifest, RETIRED_RECORDS, rows, message=message)

        return self._update(edit)

    def set_reviews(self, read: Callable[[Snapshot], Reviews]) -> str | None:
        """Append a version of each response that `read(snapshot)` returns and the store has otherwise or not.

        A stored response that is not among them gets a version that says so. All versions of forgotten accounts are
        removed. Return the commit, None if nothing changes.

        `snapshot` is the store at its head. If somebody else commits in between, `read` is called again with the new
        head. It must then also read Argilla again: otherwise answers that are older than the head would be written.
        """

        def edit(snapshot: Snapshot) -> Change | None:
            reviews = read(snapshot)
            update = {"review": reviews.dataset, "forgotten": reviews.forgotten}
            manifest = snapshot.manifest.model_copy(update=update)
            known = without(snapshot.response_versions, reviews.forgotten)
            new = new_versions(present(known), reviews.responses, renamed=reviews.renamed, synced_at=reviews.synced_at)
            message = f"Sync {len(reviews.responses)} responses"
            if len(known) < len(snapshot.response_versions):
                rows = [*known, *new]
                return _replace(snapshot, manifest, RESPONSES, rows, message=message)
            if not new and manifest == snapshot.manifest:
                return None
            return _append(snapshot, manifest, {RESPONSES: new}, message=message)

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


def _replace(snapshot: Snapshot, manifest: Manifest, table: str, rows: Sequence[Row], *, message: str) -> Change:
    """Return the change that replaces all rows of a table."""
    manifest, files, outdated = _replaced(snapshot, manifest, table, rows)
    return Change(message=message, files={**files, MANIFEST: _manifest_bytes(manifest)}, delete=outdated)


def _replaced(
    snapshot: Snapshot, manifest: Manifest, table: str, rows: Sequence[Row]
) -> tuple[Manifest, dict[str, bytes], tuple[str, ...]]:
    """Return what is needed to replace all rows of a table: the new manifest, the files to write, those to delete."""
    files: dict[str, bytes] = {}
    if rows:
        content = write_parquet(rows, ROW_TYPES[table])
        files[content_name(table, content)] = content
    old_files = snapshot.manifest.files
    manifest = manifest.model_copy(update={"files": {**old_files, table: tuple(files)}})
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
        small = _small_files(snapshot, table)
        size = len(content) + sum(snapshot.sizes[path] for path in small)
        if small and (size >= 2 * SMALL_BYTES or len(small) >= SMALL_FILES):
            local = [snapshot.download(path) for path in small]
            joined = joined_parquet([*(path.read_bytes() for path in local), content])
            # Files that an older version wrote with other columns are not joined.
            if joined is not None:
                content, paths = joined, paths[: -len(small)]
                replaced += small
        path = content_name(table, content)
        files[path] = content
        manifest = manifest.model_copy(update={"files": {**manifest.files, table: (*paths, path)}})
    return Change(message=message, files={**files, MANIFEST: _manifest_bytes(manifest)}, delete=tuple(replaced))


def _small_files(snapshot: Snapshot, table: str) -> tuple[str, ...]:
    """Return the paths of the small files at the end of a table, oldest first."""
    paths = snapshot.manifest.files.get(table, ())
    small = takewhile(lambda path: snapshot.sizes.get(path, SMALL_BYTES) < SMALL_BYTES, reversed(paths))
    return tuple(small)[::-1]


def _manifest_bytes(manifest: Manifest) -> bytes:
    return (manifest.model_dump_json(indent=2) + "\n").encode()
