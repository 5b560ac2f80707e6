"""An index of the candidate sets in a store: a few facts about each set, or only its id."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from curation.store.current_sets import COLUMNS
from curation.store.parquet import read_columns, read_table
from curation.types import FOR_GOOD, CandidateSet

SET_COLUMNS = (*COLUMNS, "usage.list.element.request")

Download = Callable[[str], Path]
"""Takes the path of a file in the store, and returns the path of a copy on this machine."""


class SetEntry(NamedTuple):
    """The few facts about a candidate set that tell whether its prompt must be asked again.

    `requests` are the hashes of the paid requests of a set that is not complete. For a complete set it is empty.
    """

    settings: str
    prompt_id: str
    came_through: bool
    requests: tuple[str, ...] = ()

    def lacks(self, row: CandidateSet, min_candidates: int) -> bool:
        """Whether `row`, a later state of the same set, is new: complete now, or paid for again."""
        return not self.came_through and (
            row.came_through(min_candidates) or any(usage.request not in self.requests for usage in row.usage)
        )


class SetIndex:
    """Remembers facts about the files of candidate sets. A file is named by its content, so its facts never change.

    A run that appends to a store for hours looks up a few hundred sets before each commit. An entry takes 500 bytes of
    memory, an id in an Arrow column 20.
    """

    def __init__(self, min_candidates: int) -> None:
        """Make an index of no files; a set with fewer than `min_candidates` candidates is not complete."""
        self._min_candidates = min_candidates
        self._entries: dict[str, dict[str, SetEntry]] = {}
        self._ids: dict[str, pa.ChunkedArray] = {}

    def entries(self, paths: Sequence[str], download: Download) -> dict[str, SetEntry]:
        """Return an entry for every set in these files by set id. Of a set that is there twice the later row counts."""
        self._forget_others(paths)
        index: dict[str, SetEntry] = {}
        for path in paths:
            if path not in self._entries:
                self._entries[path] = read_set_entries(download(path), self._min_candidates)
            index.update(self._entries[path])
        return index

    def entries_of(self, set_ids: Collection[str], paths: Sequence[str], download: Download) -> dict[str, SetEntry]:
        """Return the entries of those sets in `set_ids` that are in these files, by set id."""
        self._forget_others(paths)
        result: dict[str, SetEntry] = {}
        for path in paths:
            if path in self._entries or self._has_any(path, set_ids, download):
                entries = self._entries.get(path) or read_set_entries(download(path), self._min_candidates)
                result.update({set_id: entries[set_id] for set_id in set_ids if set_id in entries})
        return result

    def _has_any(self, path: str, set_ids: Collection[str], download: Download) -> bool:
        if path not in self._ids:
            self._ids[path] = read_table(download(path), ("id",))["id"]
        is_wanted = pc.is_in(self._ids[path], value_set=pa.array(set_ids, pa.string()))
        return bool(pc.any(is_wanted).as_py())

    def _forget_others(self, paths: Sequence[str]) -> None:
        """Forget the facts about files that the store has replaced."""
        present = set(paths)
        for facts in (self._entries, self._ids):
            for path in facts.keys() - present:
                del facts[path]


def read_set_entries(path: Path, min_candidates: int) -> dict[str, SetEntry]:
    """Return an entry for every set in a file by set id. Raises DataError if the file lacks a column."""
    return {row["id"]: _set_entry(row, min_candidates) for row in read_columns(path, SET_COLUMNS)}


def _set_entry(row: dict[str, Any], min_candidates: int) -> SetEntry:
    came_through = _came_through(row, min_candidates)
    requests = () if came_through else tuple(usage["request"] for usage in row["usage"] or ())
    # Nearly all sets of a store have the same settings, so all entries share one string.
    return SetEntry(sys.intern(row["settings"]), row["prompt"]["id"], came_through, requests)


def _came_through(row: dict[str, Any], min_candidates: int) -> bool:
    """Return what CandidateSet.came_through gives, from the columns SET_COLUMNS alone."""
    failures = row["failures"] or ()
    waits_for_judge = any(failure["stage"] == "judge" and failure["reason"] not in FOR_GOOD for failure in failures)
    return len(row["candidates"]) >= min_candidates and not waits_for_judge
