"""The rows that the store gives and those that are published, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.config import Config, Services
from curation.derive import Watch, derive
from curation.derive.shards import paths_by_split
from curation.errors import CurationError
from curation.explaining.life import CommitOf
from curation.scratch import scratch_folder
from curation.services import open_published
from curation.store import HubRepo, Snapshot

BATCH = 1000


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of the published dataset: of which prompt it is, in which config and split, and the commit of its file."""

    prompt_id: str
    split: str
    commit: CommitOf


@dataclass(slots=True)
class KnownRows:
    """All rows of a curation, without their texts.

    `raw` are the files of the config `raw`, which say of each set its scores, verdict and rows, and why there are none.
    `derived` has the config and split ("dpo/train") of each row that the store gives, `published` the published rows,
    by id. `underived` says why nothing could be derived, null if it could.
    """

    raw: list[Path] = field(default_factory=list)
    derived: dict[str, str] = field(default_factory=dict)
    published: dict[str, PublishedRow] = field(default_factory=dict)
    underived: str | None = None

    def prompts_of(self, row_id: str) -> set[str]:
        """Return the ids of the prompts that a row of any config is of; there may be none."""
        prompts = {self.published[row_id].prompt_id} if row_id in self.published else set()
        for _, row in _each(map(str, self.raw), Path, ["id", "prompt_id", "rows"]):
            if row_id == row["id"] or row_id in row["rows"]:
                prompts.add(row["prompt_id"])
        return prompts

    def raw_of(self, set_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return the rows of `raw` of these sets, by the id of the set."""
        return {row["set_id"]: row for _, row in _each(map(str, self.raw), Path) if row["set_id"] in set_ids}


@contextmanager
def known_rows(config: Config, services: Services, snapshot: Snapshot, watch: Watch) -> Iterator[KnownRows]:
    """Derive all rows, read the ids of those that are published, and yield both; files of rows are removed afterwards.

    `watch` is called with the number of segments of the store that are done, and of all.
    """
    rows = KnownRows()
    formats = tuple(dict.fromkeys((*config.publish.formats, "raw")))
    with_raw = config.model_copy(update={"publish": config.publish.model_copy(update={"formats": formats})})
    with scratch_folder() as folder:
        try:
            derived = derive(with_raw, snapshot, services, folder=folder, watch=watch)
        except CurationError as error:
            rows.underived = str(error)
        else:
            for split, paths in paths_by_split(derived.tally.shards).items():
                if split.startswith("raw/"):
                    rows.raw += [folder / path for path in paths]
                ids = _each(paths, lambda path: folder / path, ["id"])
                rows.derived |= {row["id"]: split for _, row in ids}
        rows.published |= _published(config, services)
        yield rows


def _published(config: Config, services: Services) -> dict[str, PublishedRow]:
    published = open_published(config, services)
    head = published.head()
    files: Mapping[str, list[str]] = (published.manifest(head) or {}).get("files", {})
    commits = commits_of(published.repo, [path for paths in files.values() for path in paths], head)
    return {
        row["id"]: PublishedRow(row["prompt_id"], split, commits[path])
        for split, paths in files.items()
        for path, row in _each(paths, lambda path: published.repo.download(path, str(head)), ["id", "prompt_id"])
    }


def commits_of(repo: HubRepo, paths: list[str], revision: str | None) -> dict[str, CommitOf]:
    """Return the commit that wrote each file as it is at a revision."""
    if not paths or revision is None:
        return {}
    return {
        path: CommitOf(commit=commit.oid, title=commit.title, date=commit.date)
        for path, commit in repo.last_commits(paths, revision).items()
    }


def _each(
    paths: Iterable[str], local: Callable[[str], Path], columns: list[str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of files, each with the path of its file."""
    for path in paths:
        with pq.ParquetFile(local(path)) as file:
            for batch in file.iter_batches(BATCH, columns=columns):
                yield from ((path, row) for row in batch.to_pylist())
