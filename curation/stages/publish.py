"""publish: makes datasets of the responses in the store, and commits them to the Hub with a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.card import card_files
from curation.card.derived_facts import card_facts
from curation.card.facts import CardFacts
from curation.config import Config, Services
from curation.derive import Derived, Shard, Watch, Wrote, derive
from curation.derive.basis import Basis, current_basis, published_basis, row_counts
from curation.derive.row_differences import row_differences
from curation.derive.shards import only_in, paths_by_split
from curation.errors import NoRowsError, RefusedError
from curation.gates import failed_gates, gate_facts, judge_kappa_note
from curation.linting.report import LintFinding
from curation.proposal_text import proposal_text
from curation.report import Report
from curation.review_statistics import GoldAccuracy, Measure
from curation.scratch import scratch_folder
from curation.services import open_published, open_store
from curation.shrinking import exceeds, shrinkage
from curation.stages.lint import lint
from curation.stages.push import with_records
from curation.store import MANIFEST, PublishedDataset, Snapshot
from curation.store.published import Draft, Proposed
from curation.store.versions import Version
from curation.wording import counted, counts_by_name, measured, percent, reasons


class PublishReport(Report):
    """What `publish` did. records = verdicts + unresolved.

    - `rows` counts the rows of each config, `dropped` what gave no row, by config and reason.
    - `row_counts` says how the numbers of rows changed since the last publish and why there are fewer, null if no
      number changed. `commit` is null if there was nothing new to publish.
    - `agreement` is the share of pairs of answers to the same record that are equal; `alpha` is Krippendorff's. Both
      are about people if any answered. `marked` has the marks of reviewers who stand out.
    - `judge_note` says why the judge that decides could not be held to `min_judge_kappa`, null if it was.
    - `decisions` says whose ratings count where several judges rated the same answers. `omitted` says, by column, why a
      column that the prompts have is not published.
    - With `mode = "pull-request"`, `proposal` is the address of the open pull request, null if what is published is
      right already; `proposed_now` is whether this run opened or changed it. `failed_gates` has what it says of gates.
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
    judge_note: str | None = None
    omitted: dict[str, str]
    decisions: tuple[str, ...]
    row_counts: str | None
    commit: str | None
    proposal: str | None = None
    proposed_now: bool = False
    failed_gates: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The numbers of rows, the reasons for missing ones, and how far reviewers agree."""
        rows = counts_by_name(self.rows)
        if self.proposal is not None:
            start = f"Proposed {rows} rows" if self.proposed_now else f"Nothing new: {rows} rows are proposed"
            start = f"{start} for {self.url}, to be merged at {self.proposal},"
        else:
            start = f"Published {rows} rows to {self.url}" if self.commit else f"Nothing new: {rows} rows at {self.url}"
        lines = [f"{start} from {counted(self.verdicts, 'verdict')} on {counted(self.records, 'record')}."]
        lines += [f"A gate failed: {sentence}" for sentence in self.failed_gates]
        if self.row_counts is not None:
            lines.append(f"Since the last publish: {self.row_counts}")
        if self.unresolved:
            lines.append(f"Records without a verdict: {reasons(self.unresolved)}.")
        lines += [f"Left out of {name}: {reasons(dropped)}." for name, dropped in self.dropped.items() if dropped]
        lines += [f"No column {name!r}: {why}." for name, why in self.omitted.items()]
        lines += self.decisions
        lines += [self.judge_note] if self.judge_note is not None else []
        if self.agreement.value is not None:
            lines.append(f"Pairs of answers to a record that are equal: {measured(self.agreement, percent)}.")
        lines.append(f"Krippendorff's alpha: {measured(self.alpha)}.")
        lines += [f"{reviewer} stands out: {', '.join(marks)}." for reviewer, marks in self.marked.items()]
        if self.kto_weights is not None:
            lines.append("KTO: desirable_weight={}, undesirable_weight={}.".format(*self.kto_weights))
        return (*lines, self.checks)


def publish(
    config: Config,
    *,
    services: Services | None = None,
    watch: Watch = lambda done, total: None,
    allow_shrink: bool = False,
) -> PublishReport:
    """Make rows of the responses in the store, and publish them with a card in one commit; none if nothing is new.

    With `mode = "pull-request"` the commit is proposed in a pull request, also if a gate fails or many rows would go.

    If no person needs to decide, sets that were never pushed get their records first. `watch` is called with the number
    of segments of the store that are done, and of all. Raises MissingError without a store, NoRowsError without a row,
    RefusedError if TRL would misread rows, if a gate fails, or, without `allow_shrink`, if more goes than `max_shrink`.
    """
    services = services or Services.from_environment()
    # The head is read before the store. If somebody publishes a newer state of the store after that, ours is refused.
    published = open_published(config, services)
    head = published.head()
    manifest = published.manifest(head)
    before = published_basis(manifest)
    snapshot = with_records(config, services, open_store(config, services))
    proposes = config.publish.mode == "pull-request"
    commit: str | None = None
    proposed: Proposed | None = None
    with scratch_folder() as folder:
        upload = partial(_upload, config, published, head, folder)
        derived = derive_rows(config, snapshot, services, folder=folder, watch=watch, wrote=upload)
        shrinks = None if allow_shrink else shrunk(config, published, head, derived, folder=folder)
        if not proposes:
            _refuse(shrinks)
        facts = card_facts(config, snapshot, derived)
        failed = gates_of(
            config, derived, folder=folder, alpha=facts.agreement.alpha, gold=facts.gold, services=services
        )
        # Arrow keeps a third of what was read in order to use it again, but the upload needs that memory.
        pa.default_memory_pool().release_unused()
        draft = _draft(config, derived, facts, folder)
        if proposes:
            failed = (*([shrinks] if shrinks else []), *failed)
            proposed = published.propose(
                draft,
                lambda: _description(published, head, manifest or {}, derived, facts, failed=failed, folder=folder),
                head=head,
            )
        else:
            _refuse_failed(failed)
            commit = published.publish(draft, head=head)
    return _report(config, services, derived, facts, before=before, commit=commit, proposed=proposed, failed=failed)


def _report(
    config: Config,
    services: Services,
    derived: Derived,
    facts: CardFacts,
    *,
    before: Basis | None,
    commit: str | None,
    proposed: Proposed | None,
    failed: tuple[str, ...],
) -> PublishReport:
    """Return what was published or proposed. `before` is what the rows of the last publish were made from."""
    return PublishReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        records=derived.records,
        verdicts=derived.tally.verdicts,
        unresolved=dict(derived.tally.unresolved),
        rows=derived.row_counts,
        dropped=derived.dropped_rows,
        agreement=facts.agreement.percent,
        alpha=facts.agreement.alpha,
        marked=facts.marked,
        kto_weights=facts.kto_weights,
        checks=config.quality.summary(config.filters),
        judge_note=judge_kappa_note(config.publish, facts.judge_check.kappa if facts.judge_check else None),
        omitted=dict(derived.omitted),
        decisions=tuple(
            decision.line(counted(count, "prompt")) for decision, count in sorted(derived.decisions.items())
        ),
        row_counts=row_counts(before, current_basis(config, derived))
        if before is not None and (commit is not None or (proposed is not None and proposed.is_new))
        else None,
        commit=commit,
        proposal=proposed.url if proposed else None,
        proposed_now=proposed is not None and proposed.is_new,
        failed_gates=failed if proposed else (),
    )


def _upload(
    config: Config, published: PublishedDataset, head: str | None, folder: Path, shards: Sequence[Shard]
) -> None:
    """Upload shards of a new dataset while others are still made, unless the publish may be refused later.

    Rows of `raw` alone are not published, so those shards wait.
    """
    shards = [shard for shard in shards if shard.config != "raw"]
    if shards and head is None and config.publish.mode == "commit" and not config.publish.has_gates:
        published.upload({shard.path: folder / shard.path for shard in shards}, private=config.publish.private)


def _draft(config: Config, derived: Derived, facts: CardFacts, folder: Path) -> Draft:
    """Return what is to be published; `folder` has the files of rows."""
    paths = paths_by_split(derived.tally.shards)

    def texts(present: Collection[str], version: Version) -> dict[str, bytes]:
        of_version = replace(facts, published_as=version.name, previous=version.previous)
        return {
            **card_files(of_version, paths, present=present),
            MANIFEST: _manifest(config, derived, paths, alpha=facts.agreement.alpha.value, version=version),
        }

    return Draft(
        shards={shard.path: folder / shard.path for shard in derived.tally.shards},
        make_texts=texts,
        rows=sum(derived.tally.rows.values()),
        private=config.publish.private,
    )


def _description(
    published: PublishedDataset,
    head: str | None,
    manifest: Mapping[str, Any],
    derived: Derived,
    facts: CardFacts,
    *,
    failed: Sequence[str],
    folder: Path,
) -> str:
    """Return the description of a proposal: how its rows differ from the published ones, and which gates failed."""
    changes, examples = row_differences(
        *(manifest.get("files", {}), paths_by_split(derived.tally.shards)),
        old=lambda path: published.repo.download(path, str(head)),
        new=lambda path: folder / path,
    )
    before = manifest.get("alpha")
    return proposal_text(
        *(changes, examples),
        alpha=facts.agreement.alpha,
        alpha_before=before if isinstance(before, float) else None,
        failed=failed,
    )


def derive_rows(
    config: Config,
    snapshot: Snapshot,
    services: Services,
    *,
    folder: Path,
    watch: Watch,
    wrote: Wrote = lambda shards: None,
) -> Derived:
    """Write the files of rows into `folder`, and return what was derived. Raises NoRowsError if there is no row.

    `wrote` is called as `derive` calls it.
    """
    derived = derive(config, snapshot, services, folder=folder, watch=watch, wrote=wrote)
    if derived.is_empty:
        raise NoRowsError(
            f"No row to publish from {counted(derived.records, 'record')} "
            f"({reasons(derived.tally.unresolved) or 'none decided'}).",
            remedy=f"Review in Argilla, then run `curation sync`. {config.publish.repo_id} stays as it is.",
        )
    return derived


def shrunk(
    config: Config, published: PublishedDataset, head: str | None, derived: Derived, *, folder: Path
) -> str | None:
    """Return a sentence about the rows that a publish would remove, if they are more than `max_shrink` allows.

    Otherwise None. `folder` has the files of `derived`. Only the prompts are read, of files that are published or would
    be and are not in both. Raises the errors of `PublishedDataset.check`, because rows that somebody else published
    cannot be compared with ours.
    """
    if published.check(private=config.publish.private) is None:
        return None
    manifest = published.manifest(head) or {}
    basis = published_basis(manifest)
    before, now = manifest.get("files", {}), paths_by_split(derived.tally.shards)
    parts = []
    for name in dict.fromkeys(split.partition("/")[0] for split in before):
        published_prompts = list(
            _prompts(only_in(before, now, name), lambda path: published.repo.download(path, str(head)))
        )
        lost = shrinkage(before=published_prompts, now=_prompts(only_in(now, before, name), lambda path: folder / path))
        rows = max(basis.rows.get(name, 0) if basis else 0, len(published_prompts))
        if exceeds(lost.removed, rows, max_shrink=config.publish.max_shrink, things=lost.prompts):
            parts.append(f"{lost.removed:,} of {counted(rows, 'row')} of {name} ({percent(lost.removed / rows)})")
    if not parts:
        return None
    changes = basis and row_counts(basis, current_basis(config, derived))
    return (
        f"{config.publish.repo_id} would lose {' and '.join(parts)}, more than the "
        f"{percent(config.publish.max_shrink)} of max_shrink under [publish]{f': {changes}' if changes else '.'}"
    )


def gates_of(
    config: Config,
    derived: Derived,
    *,
    folder: Path,
    alpha: Measure,
    services: Services,
    gold: Sequence[GoldAccuracy] = (),
) -> tuple[str, ...]:
    """Return a sentence for each gate of `[publish]` that the rows in `folder` do not pass (see `curation.gates`)."""
    findings: tuple[LintFinding, ...] = ()
    # A config without rows has no files. Rows of `raw` and `sft` are no preferences.
    if config.publish.lint is not None and any((folder / name).exists() for name in ("dpo", "kto", "reward")):
        findings = lint(str(folder), services=services).findings
    facts = gate_facts(derived, config.publish, alpha=alpha, findings=findings, gold=gold)
    return failed_gates(config.publish, facts)


def _refuse_failed(sentences: Sequence[str]) -> None:
    """Raise RefusedError if a gate failed."""
    if sentences:
        raise RefusedError(
            f"{' '.join(sentences)} Nothing was published.",
            remedy="Change that, or the limit under [publish], and run `curation publish` again.",
        )


def _refuse(shrunk: str | None) -> None:
    """Raise RefusedError if a publish would remove too many rows."""
    if shrunk is not None:
        raise RefusedError(
            f"{shrunk} Nothing was published.",
            remedy="`curation publish` with `--dry-run` shows which rows, and with `--allow-shrink` removes them.",
        )


def _prompts(shards: Mapping[str, list[str]], local_path: Callable[[str], Path]) -> Iterator[str]:
    """Yield the prompt of each row of these shards."""
    for path in chain.from_iterable(shards.values()):
        yield from pq.read_table(local_path(path), columns=["prompt_id"])["prompt_id"].to_pylist()


def _manifest(
    config: Config, derived: Derived, paths: Mapping[str, list[str]], *, alpha: float | None, version: Version
) -> bytes:
    """Return curation.json, which describes the published dataset for programs. It does not name the private store."""
    manifest = {
        "schema_version": 1,
        "name": config.name,
        "version": version.name,
        "previous": version.previous,
        "sources": list(derived.sources),
        "resolver": config.labels.resolver,
        "min_gap": config.publish.min_gap,
        "files": dict(paths),
        "alpha": alpha,
        "basis": current_basis(config, derived).model_dump(mode="json"),
        "rows": {f"{name}/{split}": count for (name, split), count in sorted(derived.tally.rows.items())},
    }
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
