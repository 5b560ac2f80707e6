"""publish: responses in the store -> DPO and KTO datasets on the Hub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.export import suggested_weights
from curation.generation import JudgeTally
from curation.stages.derive import Derived, derive
from curation.stages.report import Report, counted, dollars, judge_line, reasons
from curation.stages.services import open_published, open_store
from curation.stages.spending import spending
from curation.store import CardFacts, Snapshot, render_card
from curation.store.card import FunnelStep
from curation.types import CandidateSet, UnpairedPreferenceRow


class PublishReport(Report):
    """What `publish` did. records = verdicts + unresolved."""

    repo: str
    url: str
    records: int
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
    dropped: dict[str, dict[str, int]]
    agreement: float | None
    kto_weights: tuple[float, float] | None
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, then every reason for a row that is not there."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        done = f"Published {rows} rows to {self.url}" if self.commit else f"Nothing new: {rows} rows at {self.url}"
        lines = [f"{done} from {counted(self.verdicts, 'verdict')} on {counted(self.records, 'record')}."]
        if self.unresolved:
            lines.append(f"Records without a verdict: {reasons(self.unresolved)}.")
        for name, dropped in self.dropped.items():
            if dropped:
                lines.append(f"No {name} row: {reasons(dropped)}.")
        if self.agreement is not None:
            lines.append(f"Mean agreement: {self.agreement:.2f}.")
        if self.kto_weights is not None:
            lines.append("KTO: desirable_weight={}, undesirable_weight={}.".format(*self.kto_weights))
        return tuple(lines)


def publish(config: Config, *, services: Services | None = None) -> PublishReport:
    """Resolve, export and commit the configs with their card in one commit; no new rows: no commit.

    Raises MissingError without a store, RefusedError if no record gives a row.
    """
    services = services or Services.from_environment()
    snapshot = open_store(config, services).snapshot()
    derived = derive(config, snapshot)
    if not any(derived.tables.values()):
        raise RefusedError(
            f"No row to publish from {counted(len(snapshot.records), 'record')} "
            f"({reasons(derived.unresolved) or 'none decided'}).",
            remedy=f"Review in Argilla, then run `curation sync`. {config.publish.repo_id} stays as it is.",
        )
    weights = _weights(derived)
    commit = open_published(config, services).publish(
        derived.tables,
        private=config.publish.private,
        card=lambda paths: render_card(_facts(config, snapshot, derived), paths),
        manifest=lambda paths: _manifest(config, snapshot, derived, paths),
    )
    return PublishReport(
        repo=config.publish.repo_id,
        url=f"{services.hub_endpoint}/datasets/{config.publish.repo_id}",
        records=len(snapshot.records),
        verdicts=len(derived.verdicts),
        unresolved=derived.unresolved,
        rows={name: derived.rows(name) for name in config.publish.formats},
        dropped=derived.dropped,
        agreement=derived.agreement,
        kto_weights=weights,
        commit=commit,
    )


def _labels(derived: Derived) -> Counter[bool]:
    rows = derived.tables.get(("kto", "train"), [])
    return Counter(row.label for row in rows if isinstance(row, UnpairedPreferenceRow))


def _weights(derived: Derived) -> tuple[float, float] | None:
    labels = _labels(derived)
    weights = suggested_weights(labels[True], labels[False])
    if weights.desirable is None or weights.undesirable is None:
        return None
    return weights.desirable, weights.undesirable


def _facts(config: Config, snapshot: Snapshot, derived: Derived) -> CardFacts:
    sets = snapshot.candidate_sets.values()
    candidates = Counter((c.generator, c.model) for candidate_set in sets for c in candidate_set.candidates)
    submitted = Counter(
        snapshot.pseudonym(response.reviewer)
        for response in snapshot.responses.values()
        if response.status == "submitted"
    )
    read = snapshot.manifest.prompts
    review = snapshot.manifest.review
    labels = _labels(derived)
    tally = JudgeTally()
    for candidate_set in sets:
        tally.add(candidate_set)
    return CardFacts(
        name=config.name,
        repo_id=config.publish.repo_id,
        source=read.source if read else "unknown",
        prompts=read.read if read else 0,
        cost=_cost(sets, derived),
        models=tuple((generator, model, count) for (generator, model), count in sorted(candidates.items())),
        judge_lines=tuple(judge_line(judge) for judge in tally.statistics()),
        judges=tuple(f"{judge.model_id} ({', '.join(judge.all_aspects)})" for judge in config.models.judges),
        guidelines=review.guidelines if review else config.review.guidelines,
        rows={key: len(rows) for key, rows in derived.tables.items() if rows},
        funnel=_funnel(snapshot, derived),
        reviewers=dict(sorted(submitted.items())),
        agreement=derived.agreement,
        agreed_records=len(derived.agreements),
        label_sources=frozenset(verdict.label_source for verdict in derived.verdicts),
        kto_true=labels[True],
        kto_false=labels[False],
        kto_weights=_weights(derived),
    )


def _cost(sets: Iterable[CandidateSet], derived: Derived) -> str:
    spent = spending(sets)
    said = f"{counted(spent.requests, 'answered request')}, {spent.tokens:,} tokens: {dollars(spent.cost)}"
    rows = (f"{dollars(each)} a {name} row" for name in derived.dropped if (each := spent.per_row(derived.rows(name))))
    return ", ".join((said, *rows))


def _funnel(snapshot: Snapshot, derived: Derived) -> tuple[FunnelStep, ...]:
    sets = list(snapshot.candidate_sets.values())
    prompts = {candidate_set.prompt.id for candidate_set in sets}
    answered = {candidate_set.prompt.id for candidate_set in sets if candidate_set.reviewable}
    failed = Counter(
        f"{failure.stage} {failure.reason}"
        for candidate_set in sets
        if candidate_set.prompt.id not in answered
        for failure in candidate_set.failures
    )
    read = snapshot.manifest.prompts
    return (
        FunnelStep("prompts read", read.read if read else 0, {}),
        FunnelStep("prompts asked", len(prompts), read.dropped if read else {}),
        FunnelStep("prompts with at least two answers", len(answered), dict(failed)),
        FunnelStep("records shown to reviewers", len(snapshot.records), {}),
        FunnelStep("verdicts", len(derived.verdicts), derived.unresolved),
        *(FunnelStep(f"{name} rows", derived.rows(name), dropped) for name, dropped in derived.dropped.items()),
    )


def _manifest(config: Config, snapshot: Snapshot, derived: Derived, paths: Mapping[str, str]) -> str:
    """What a program wants to know of the published dataset; the store is private and not named."""
    read = snapshot.manifest.prompts
    manifest = {
        "schema_version": 1,
        "name": config.name,
        "source": read.source if read else None,
        "resolver": config.labels.resolver,
        "min_gap": config.publish.min_gap,
        "files": dict(paths),
        "rows": {f"{name}/{split}": len(rows) for (name, split), rows in derived.tables.items() if rows},
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
