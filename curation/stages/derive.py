"""From a snapshot of the store to verdicts and rows: what people said is kept raw, what it means is computed here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from curation.config import Config
from curation.export import kto_order, preference_row, split_of, unpaired_rows
from curation.export.splits import SPLITS
from curation.labels import judge_verdict
from curation.labels.ballot import Ballot
from curation.store import Snapshot
from curation.types import Annotation, Drop, PreferenceRow, Row, UnpairedPreferenceRow, Verdict

Tables = dict[tuple[str, str], list[Row]]


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything that follows from a snapshot: verdicts, the records that got none, rows by (config, split), drops."""

    verdicts: tuple[Verdict, ...]
    unresolved: dict[str, int]
    tables: Tables
    dropped: dict[str, dict[str, int]]

    @property
    def agreements(self) -> list[float]:
        """The agreement of each verdict that has one."""
        return [verdict.agreement for verdict in self.verdicts if verdict.agreement is not None]

    @property
    def agreement(self) -> float | None:
        """The mean agreement, null if no record has two reviewers."""
        return fmean(self.agreements) if self.agreements else None

    def rows(self, config: str) -> int:
        """How many rows a config has in all splits."""
        return sum(len(rows) for (name, _), rows in self.tables.items() if name == config)


def derive(config: Config, snapshot: Snapshot) -> Derived:
    """Return the verdicts and rows that the responses in the store give under this config."""
    verdicts: list[Verdict] = []
    unresolved: Counter[str] = Counter()
    for ballot in _ballots(config, snapshot):
        found = config.labels.resolve(ballot)
        if isinstance(found, Drop) and found.reason == "unreviewed" and config.labels.judge_fallback:
            found = judge_verdict(ballot)
        if isinstance(found, Drop):
            unresolved[found.reason] += 1
        else:
            verdicts.append(found)
    tables: Tables = {(name, split): [] for name in config.publish.formats for split in SPLITS}
    dropped: dict[str, Counter[str]] = {name: Counter() for name in config.publish.formats}
    for verdict in verdicts:
        split = split_of(verdict.prompt.id, config.publish.test_size)
        for name, row in _rows(config, snapshot, verdict):
            if isinstance(row, Drop):
                dropped[name][row.reason] += 1
            else:
                tables[name, split].append(row)
    return Derived(
        verdicts=tuple(verdicts),
        unresolved=dict(unresolved),
        tables={key: _ordered(rows) for key, rows in tables.items()},
        dropped={name: dict(counts) for name, counts in dropped.items()},
    )


def _ballots(config: Config, snapshot: Snapshot) -> Iterator[Ballot]:
    annotations: defaultdict[str, list[Annotation]] = defaultdict(list)
    for response in snapshot.responses.values():
        annotations[response.record_id].append(config.review.annotation(response))
    for record in snapshot.records.values():
        yield Ballot(
            record=record,
            candidate_set=snapshot.candidate_sets[record.set_id],
            annotations=tuple(sorted(annotations[record.id], key=lambda annotation: annotation.reviewer)),
        )


def _rows(
    config: Config, snapshot: Snapshot, verdict: Verdict
) -> Iterator[tuple[str, PreferenceRow | UnpairedPreferenceRow | Drop]]:
    if "dpo" in config.publish.formats:
        yield "dpo", preference_row(verdict, min_gap=config.publish.min_gap, pseudonym=snapshot.pseudonym)
    if "kto" in config.publish.formats:
        for row in unpaired_rows(verdict, pseudonym=snapshot.pseudonym):
            yield "kto", row


def _ordered(rows: list[Row]) -> list[Row]:
    unpaired = [row for row in rows if isinstance(row, UnpairedPreferenceRow)]
    if unpaired:
        return list(kto_order(unpaired))
    return sorted(rows, key=lambda row: row.id if isinstance(row, PreferenceRow) else "")
