"""publish: makes datasets of the responses in the store, and writes them to the Hub with a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from curation.card import card_files
from curation.card.derived_facts import card_facts
from curation.config import Config, Services
from curation.derive import Derived, Watch, derive
from curation.derive.basis import current_basis, published_basis, row_counts
from curation.derive.shards import paths_by_split
from curation.errors import RefusedError
from curation.report import Report
from curation.scratch import scratch_folder
from curation.services import open_published, open_store
from curation.store import MANIFEST, Snapshot
from curation.types import Measure
from curation.wording import counted, measured, reasons


class PublishReport(Report):
    """What `publish` did. records = verdicts + unresolved.

    `agreement` is the share of pairs of answers to the same record that are equal, `alpha` Krippendorff's, both of
    people if any answered; `omitted` says why a column that prompts bring along is not published. `decisions` says
    whose ratings count where several judges were asked about the same answers. `row_counts` says how the numbers of
    rows changed since the last publish and why there are fewer, null if none did.
    """

    repo: str
    url: str
    records: int
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
    dropped: dict[str, dict[str, int]]
    agreement: Measure
    alpha: Measure
    marked: dict[str, tuple[str, ...]]
    kto_weights: tuple[float, float] | None
    checks: str
    omitted: dict[str, str]
    decisions: tuple[str, ...]
    row_counts: str | None
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, every reason for a row that is not there, then how far reviewers agree."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        done = f"Published {rows} rows to {self.url}" if self.commit else f"Nothing new: {rows} rows at {self.url}"
        lines = [f"{done} from {counted(self.verdicts, 'verdict')} on {counted(self.records, 'record')}."]
        if self.row_counts is not None:
            lines.append(f"Since the last publish: {self.row_counts}")
        if self.unresolved:
            lines.append(f"Records without a verdict: {reasons(self.unresolved)}.")
        lines += [f"No {name} row: {reasons(dropped)}." for name, dropped in self.dropped.items() if dropped]
        lines += [f"No column {name!r}: {why}." for name, why in self.omitted.items()]
        lines += self.decisions
        if self.agreement.value is not None:
            lines.append(f"Equal pairs of answers: {measured(self.agreement)}.")
        lines.append(f"Krippendorff's alpha: {measured(self.alpha)}.")
        lines += [f"{reviewer} stands out: {', '.join(marks)}." for reviewer, marks in self.marked.items()]
        if self.kto_weights is not None:
            lines.append("KTO: desirable_weight={}, undesirable_weight={}.".format(*self.kto_weights))
        return (*lines, self.checks)


def publish(
    config: Config, *, services: Services | None = None, watch: Watch = lambda done, total: None
) -> PublishReport:
    """Resolve, export and commit the configs with their card in one commit; nothing new: no commit.

    `watch` is told how far it is. Raises MissingError without a store, RefusedError if no record gives a row or a row
    would not train as it is meant.
    """
    import pyarrow as pa

    services = services or Services.from_environment()
    # Before the store is read: what is published after that may be of a newer one.
    published = open_published(config, services)
    head = published.head()
    before = published_basis(published.manifest(head))
    snapshot = open_store(config, services).snapshot()
    with scratch_folder() as folder:
        derived = derive_rows(config, snapshot, services, folder=folder, watch=watch)
        facts = card_facts(config, snapshot, derived)
        paths = paths_by_split(derived.tally.shards)
        # Arrow keeps a third of what was read, to use it again; the upload needs that memory.
        pa.default_memory_pool().release_unused()
        commit = published.publish(
            {shard.path: folder / shard.path for shard in derived.tally.shards},
            lambda present: {
                **card_files(facts, paths, present=present),
                MANIFEST: _manifest(config, derived, paths),
            },
            rows=sum(derived.tally.rows.values()),
            private=config.publish.private,
            head=head,
        )
    return PublishReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        records=derived.records,
        verdicts=derived.tally.verdicts,
        unresolved=dict(derived.tally.unresolved),
        rows={name: derived.rows(name) for name in config.publish.formats},
        dropped={name: dict(derived.tally.dropped[name]) for name in config.publish.formats},
        agreement=facts.agreement.percent,
        alpha=facts.agreement.alpha,
        marked={one.reviewer: one.marks for one in facts.agreement.reviewers if one.marks},
        kto_weights=facts.kto_weights,
        checks=config.quality.summary(config.filters),
        omitted=dict(derived.omitted),
        decisions=tuple(one.line(counted(count, "prompt")) for one, count in sorted(derived.decisions.items())),
        row_counts=row_counts(before, current_basis(config, derived))
        if before is not None and commit is not None
        else None,
        commit=commit,
    )


def derive_rows(config: Config, snapshot: Snapshot, services: Services, *, folder: Path, watch: Watch) -> Derived:
    """Write the shards to publish into `folder`, and return what they hold; RefusedError if no record gives a row."""
    derived = derive(config, snapshot, services, folder=folder, watch=watch)
    # Prompts that nobody decided on have rows of `raw`: those are nothing to train on.
    if not any(map(derived.rows, set(config.publish.formats) - {"raw"} or {"raw"})):
        raise RefusedError(
            f"No row to publish from {counted(derived.records, 'record')} "
            f"({reasons(derived.tally.unresolved) or 'none decided'}).",
            remedy=f"Review in Argilla, then run `curation sync`. {config.publish.repo_id} stays as it is.",
        )
    return derived


def _manifest(config: Config, derived: Derived, paths: Mapping[str, list[str]]) -> bytes:
    """What a program wants to know of the published dataset; the store is private and not named."""
    manifest = {
        "schema_version": 1,
        "name": config.name,
        "sources": list(derived.sources),
        "resolver": config.labels.resolver,
        "min_gap": config.publish.min_gap,
        "files": dict(paths),
        "basis": current_basis(config, derived).model_dump(mode="json"),
        "rows": {f"{name}/{split}": count for (name, split), count in sorted(derived.tally.rows.items())},
    }
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
