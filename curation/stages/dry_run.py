"""publish --dry-run: which rows a publish would add, take away and change, and why; nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from curation.config import Config, Services
from curation.derive import Watch
from curation.derive.basis import current_basis, published_basis, row_counts
from curation.derive.row_changes import ConfigChange, RowChange, config_changes, mixed
from curation.derive.shards import paths_by_split
from curation.report import Report
from curation.scratch import scratch_folder
from curation.services import open_published, open_store
from curation.stages.publish import derive_rows
from curation.wording import counted

BATCH = 1000

Files = Mapping[str, Collection[str]]
"""Paths of shards by "config/split"."""


class DryRunReport(Report):
    """What `publish` would do. `row_counts` is null if no config would have another number of rows than now."""

    repo: str
    url: str
    published: bool
    rows: dict[str, int]
    row_counts: str | None
    changes: dict[str, ConfigChange]
    examples: tuple[RowChange, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts before and after, what changes in each config, and examples."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        first = "" if self.published else ", the first of this dataset"
        lines = [f"Dry run: nothing was written. A publish would leave {rows} rows at {self.url}{first}."]
        if self.row_counts is not None:
            lines.append(f"Against what is published: {self.row_counts}")
        lines += [
            f"{name}: {counted(change.comes, 'row')} would come, {change.goes:,} go, {change.changes:,} change."
            for name, change in self.changes.items()
        ]
        if self.examples:
            lines.append("Examples:")
            lines += [f"  {example.line}" for example in self.examples]
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """Publish, if that would change a row."""
        return "publish" if any(one.comes or one.goes or one.changes for one in self.changes.values()) else None


def dry_run(
    config: Config, *, services: Services | None = None, watch: Watch = lambda done, total: None
) -> DryRunReport:
    """Return what `publish` would change, with ten example rows; nothing is written anywhere.

    Raises what `publish` raises where it would not publish.
    """
    services = services or Services.from_environment()
    published = open_published(config, services)
    head = published.head()
    manifest = published.manifest(head) or {}
    snapshot = open_store(config, services).snapshot()
    changes: dict[str, ConfigChange] = {}
    groups: list[list[RowChange]] = []
    with scratch_folder() as folder:
        derived = derive_rows(config, snapshot, services, folder=folder, watch=watch)
        before, now = manifest.get("files", {}), paths_by_split(derived.tally.shards)
        for each in dict.fromkeys(key.partition("/")[0] for key in (*now, *before)):
            # Shards are named by their content: those on both sides hold the same rows.
            gone = _only(before, now, each)
            new = _only(now, before, each)

            def published_rows(gone: Files = gone) -> Iterator[dict[str, Any]]:
                return _rows(gone, lambda path: published.repo.download(path, str(head)))

            def made_rows(new: Files = new) -> Iterator[dict[str, Any]]:
                return _rows(new, lambda path: folder / path)

            changes[each], examples = config_changes(each, published_rows, made_rows)
            groups += examples
        now_basis, before_basis = current_basis(config, derived), published_basis(manifest)
    return DryRunReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        published=bool(manifest),
        rows=now_basis.rows,
        row_counts=row_counts(before_basis, now_basis) if before_basis is not None else None,
        changes=changes,
        examples=mixed(groups),
    )


def _only(files: Files, others: Files, config: str) -> Files:
    """The shards of a config that are in `files` and not in the same split of `others`."""
    return {
        split: [path for path in paths if path not in others.get(split, ())]
        for split, paths in files.items()
        if split.startswith(f"{config}/")
    }


def _rows(files: Files, local: Any) -> Iterator[dict[str, Any]]:
    """The rows of shards, each with the name of its split."""
    import pyarrow.parquet as pq

    for split, paths in files.items():
        for path in paths:
            with pq.ParquetFile(local(path)) as file:
                for batch in file.iter_batches(BATCH):
                    for row in batch.to_pylist():
                        yield {**row, "split": split.partition("/")[2]}
