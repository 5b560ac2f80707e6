"""Makes the dashboard of a curation from its store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation import labels
from curation.agreement_over_time import agreement_over_time
from curation.card.derived_facts import card_facts
from curation.card.facts import FunnelStep
from curation.config import Config, Services
from curation.derive import Derived, derived_or_refused
from curation.progress.responses import stored_responses
from curation.progress.review import review_progress
from curation.review_statistics import Measure
from curation.scratch import scratch_folder
from curation.services import open_store
from curation.serving.dashboard import Dashboard, SampleRow, Step
from curation.store import Snapshot
from curation.wording import excerpt

SAMPLE = 10
PROMPT_LENGTH, ANSWER_LENGTH = 300, 600
"""The most characters of a text in the sample."""
ROLES = ("chosen", "rejected", "completion", "messages")
"""The columns of a row that hold answers; which of them there are depends on the config."""


def gather(config: Config, services: Services, *, known: str | None = None) -> Dashboard | None:
    """Return the dashboard of the newest state of the store; None if that is the commit `known`.

    Raises MissingError without a store, and what `derive` raises but for a resolver that refuses: then the dashboard
    says why, and has no rows.
    """
    snapshot = open_store(config, services).snapshot()
    if snapshot.revision == known:
        return None
    with scratch_folder() as folder:
        derived, refused = derived_or_refused(config, snapshot, services, folder=folder)
        sample_of, sample = _sample(config, derived, folder) if refused is None else ("", ())
    return dashboard_of(config, snapshot, derived, refused=refused, sample_of=sample_of, sample=sample)


def dashboard_of(
    config: Config,
    snapshot: Snapshot,
    derived: Derived,
    *,
    refused: str | None = None,
    sample_of: str = "",
    sample: tuple[SampleRow, ...] = (),
) -> Dashboard:
    """Return the dashboard of what was derived from a snapshot."""
    now = datetime.now(UTC)
    facts = card_facts(config, snapshot, derived)
    needed = {name: record for name, record in snapshot.records.items() if name not in snapshot.retired}
    responses = [response for response in snapshot.responses.values() if response.record_id in needed]
    progress = review_progress(
        snapshot,
        stored_responses(snapshot),
        facts.agreement,
        gold=facts.gold,
        min_submitted=config.review.min_submitted,
        today=now.date(),
    )
    judge = facts.judge_agreement
    return Dashboard(
        name=config.name,
        published=config.publish.repo_id,
        store=config.store.repo_id,
        revision=snapshot.revision,
        made_at=now,
        records=progress.records,
        completed=progress.completed,
        days=progress.days,
        reviewers=progress.reviewers,
        agreement=agreement_over_time(responses, needed, config.review),
        alpha=facts.agreement.alpha,
        judge=judge.accuracy if judge is not None else None,
        kappa=judge.kappa if judge is not None else None,
        win_rates=_win_rates(derived),
        decided_by=derived.measured,
        steps=tuple(map(_step, facts.funnel)) if refused is None else (),
        rows={name: 0 if refused else count for name, count in derived.row_counts.items()},
        sample=sample,
        sample_of=sample_of,
        refused=refused,
    )


def _win_rates(derived: Derived) -> dict[str, Measure]:
    """Return how often each model wins, by the answers that agreement is measured on. A draw is half a win for both."""
    wins: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (source, first, second, outcome), count in derived.tally.duels.items():
        if source == derived.measured:
            # 1, 0 or -1 is a whole win, half of one, or none for the first.
            wins[first, second] += count * (1 + outcome) / 2
            wins[second, first] += count * (1 - outcome) / 2
    return labels.win_rates(wins)


def _step(step: FunnelStep) -> Step:
    return Step(name=step.name, count=step.count, dropped=dict(step.dropped))


def _sample(config: Config, derived: Derived, folder: Path) -> tuple[str, tuple[SampleRow, ...]]:
    """Return the first rows of the first config that has any, and its name. `raw` comes last."""
    for name in sorted(config.publish.formats, key=lambda name: name == "raw"):
        paths = [folder / shard.path for shard in derived.tally.shards if shard.config == name]
        rows = tuple(_row(row) for _, row in zip(range(SAMPLE), _rows(paths), strict=False))
        if rows:
            return name, rows
    return "", ()


def _rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=SAMPLE):
                yield from batch.to_pylist()


def _row(row: Mapping[str, Any]) -> SampleRow:
    """Return a row with texts that a page can show. `label` is a column of kto."""
    prompt = row.get("prompt") or (row.get("messages") or [])[:-1]
    quality = {True: "good", False: "bad"}.get(row.get("label"))  # type: ignore[arg-type]
    texts = [(quality or role, _last(row[role])) for role in ROLES if row.get(role)]
    # A row of raw has all answers to its prompt.
    texts += [(candidate["model"], candidate["text"]) for candidate in row.get("candidates") or ()]
    return SampleRow(
        id=str(row.get("id")),
        prompt=excerpt(_last(prompt), PROMPT_LENGTH),
        answers=tuple((role, excerpt(text, ANSWER_LENGTH)) for role, text in texts),
        decided_by=str(row.get("label_source") or ""),
        reviewers=int(row.get("reviewers") or 0),
        agreement=row.get("agreement"),
    )


def _last(turns: Any) -> str:
    """Return a text, or of a conversation the last turn."""
    if isinstance(turns, list):
        return str(turns[-1]["content"]) if turns else ""
    return str(turns or "")
