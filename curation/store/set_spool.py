"""Candidate sets in a temporary file, to be read back one by one in any order: a store may have more than memory holds.

sets    {"id":"s0",...}{"id":"s1",...}       places    s0 -> (0, 812), s1 -> (812, 790)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

from curation.types import CandidateSet


class SetsById(Protocol):
    """Candidate sets by id, in memory or not."""

    def __getitem__(self, set_id: str, /) -> CandidateSet:
        """Return a set. Raises KeyError for one that is not there."""
        ...


class SetSpool:
    """Candidate sets by id, in a file of `folder`. A set that is added again takes the place of the earlier one."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "sets").open("w+b")
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> SetSpool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, set_id: str) -> bool:
        return set_id in self._places

    def __getitem__(self, set_id: str, /) -> CandidateSet:
        start, size = self._places[set_id]
        self._file.seek(start)
        return CandidateSet.model_validate_json(self._file.read(size))

    def add(self, candidate_set: CandidateSet) -> None:
        """Write a set to the end of the file."""
        content = candidate_set.model_dump_json().encode()
        start = self._file.seek(0, 2)
        self._file.write(content)
        self._places[candidate_set.id] = start, len(content)

    def adding(self, sets: Iterable[CandidateSet]) -> Iterator[CandidateSet]:
        """Yield the sets, and add each of them."""
        for candidate_set in sets:
            self.add(candidate_set)
            yield candidate_set
