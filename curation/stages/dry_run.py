"""publish --dry-run: shows which rows a publish would add, remove and change, and why. Nothing is written."""

from __future__ import annotations

from curation.card.derived_facts import card_facts
from curation.config import Config, Services
from curation.derive import Watch
from curation.derive.basis import current_basis, published_basis, row_counts
from curation.derive.row_changes import ConfigChange, RowChange
from curation.derive.row_differences import row_differences
from curation.derive.shards import paths_by_split
from curation.report import Report
from curation.scratch import scratch_folder
from curation.services import open_published, open_store
from curation.stages.publish import derive_rows, gates_of, shrunk
from curation.stages.push import as_if_with_records
from curation.wording import counted, counts_by_name


class DryRunReport(Report):
    """What `publish` would do.

    - `row_counts` says how the numbers of rows would change and why there are fewer, null if no number changes.
    - `refused` says why `publish` would refuse to remove so many rows without `--allow-shrink`, null if it would not.
    - `failed_gates` has a sentence for each gate of `[publish]` that the rows do not pass.
    - `proposes` is whether `publish` would open a pull request that says this, instead of refusing.
    - `changes` counts the rows of each config that come, go and change; `examples` has up to ten of them.
    """

    repo: str
    url: str
    published: bool
    rows: dict[str, int]
    row_counts: str | None
    refused: str | None
    failed_gates: tuple[str, ...] = ()
    proposes: bool = False
    changes: dict[str, ConfigChange]
    examples: tuple[RowChange, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts before and after, what changes in each config, and examples."""
        rows = counts_by_name(self.rows)
        first = "" if self.published else ", the first of this dataset"
        lines = [f"Dry run: nothing was written. A publish would leave {rows} rows at {self.url}{first}."]
        if self.row_counts is not None:
            lines.append(f"Against what is published: {self.row_counts}")
        if self.refused is not None:
            lines.append(
                f"A proposal would say: {self.refused}"
                if self.proposes
                else f"Without `--allow-shrink` it is refused: {self.refused}"
            )
        start = "A proposal would say" if self.proposes else "It is refused"
        lines += [f"{start}: {sentence}" for sentence in self.failed_gates]
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
        """`publish`, if that would change a row and not be refused."""
        changed = any(change.comes or change.goes or change.changes for change in self.changes.values())
        passes = self.proposes or (self.refused is None and not self.failed_gates)
        return "publish" if changed and passes else None


def dry_run(
    config: Config, *, services: Services | None = None, watch: Watch = lambda done, total: None
) -> DryRunReport:
    """Return what `publish` would change, with up to ten example rows. Nothing is written anywhere.

    Raises the errors that `publish` would raise.
    """
    services = services or Services.from_environment()
    published = open_published(config, services)
    head = published.head()
    manifest = published.manifest(head) or {}
    snapshot = open_store(config, services).snapshot()
    with scratch_folder() as folder, scratch_folder() as planned:
        snapshot = as_if_with_records(config, services, snapshot, folder=planned)
        derived = derive_rows(config, snapshot, services, folder=folder, watch=watch)
        changes, examples = row_differences(
            *(manifest.get("files", {}), paths_by_split(derived.tally.shards)),
            old=lambda path: published.repo.download(path, str(head)),
            new=lambda path: folder / path,
        )
        now_basis, before_basis = current_basis(config, derived), published_basis(manifest)
        refused = shrunk(config, published, head, derived, folder=folder)
        facts = card_facts(config, snapshot, derived)
        failed = gates_of(
            config, derived, folder=folder, alpha=facts.agreement.alpha, gold=facts.gold, services=services
        )
    return DryRunReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        published=bool(manifest),
        rows=now_basis.rows,
        row_counts=row_counts(before_basis, now_basis) if before_basis else None,
        refused=refused,
        failed_gates=failed,
        proposes=config.publish.mode == "pull-request",
        changes=changes,
        examples=examples,
    )
