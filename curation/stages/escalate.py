"""What `sync` does at its end: it shows adjudicators the records that the first reviewers did not agree on or flagged.

The store comes first, then Argilla. If the process ends in between, the next sync sees in the store what was escalated,
and in Argilla what is missing there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from curation.config import Config
from curation.derive.escalation import records_to_escalate
from curation.frames import pl
from curation.review import RecordSpec
from curation.review.adjudication import adjudication_settings, adjudication_spec
from curation.review_state import ReviewState
from curation.stages.push import specs_of
from curation.store import Snapshot, Store
from curation.types import Response, ReviewRecord, Row
from curation.wording import counted, reasons

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview


class Escalation(Row):
    """What adjudicators have to do.

    - `escalated` records of the present task were escalated since the beginning, `new` of them now, by the reason.
    - `waiting` of them have no submitted answer of an adjudicator yet.
    - `url` is where adjudicators answer, null if their dataset does not exist.
    - `refused` has Argilla's reason for each record that it did not accept, by the id of the record.
    """

    escalated: int
    new: dict[str, int]
    waiting: int
    url: str | None
    refused: dict[str, str]

    @property
    def lines(self) -> tuple[str, ...]:
        """How many records were escalated, and how many wait."""
        new = f" ({reasons(self.new)} new)" if self.new else ""
        where = f" Adjudicate: {self.url}" if self.url is not None else ""
        line = f"{counted(self.escalated, 'record')} escalated{new}, {self.waiting:,} waiting for adjudicators.{where}"
        refused = (f"  Argilla refused {record_id}: {reason}" for record_id, reason in self.refused.items())
        return line, *refused


def escalate(config: Config, store: Store, review: ArgillaReview) -> Escalation | None:
    """Escalate the records that need it, and show them to adjudicators; None if there is none.

    Records that adjudicators answered are not shown again if they are missing in Argilla: `restore` puts them back with
    the answers. Raises the errors of `ArgillaReview.create` and `push`.
    """
    before = store.snapshot()
    written = store.escalate_records(records_to_escalate(config, before))
    snapshot = store.snapshot() if written is not None else before
    escalated = [row.id for row in snapshot.escalated.values() if row.task == config.review.task]
    if not escalated:
        return None
    answers = snapshot.adjudicated
    dataset = review.beside(config.adjudication_dataset)
    refused = _show(config, snapshot, dataset, [name for name in escalated if name not in answers])
    new: defaultdict[str, int] = defaultdict(int)
    for record_id, row in snapshot.escalated.items():
        new[row.reason] += record_id not in before.escalated
    dataset_id = dataset.find()
    return Escalation(
        escalated=len(escalated),
        new={reason: count for reason, count in sorted(new.items()) if count},
        waiting=sum(not answers.get(name, False) for name in escalated),
        url=dataset.url(dataset_id) if dataset_id is not None else None,
        refused=refused,
    )


def adjudications_of(config: Config, snapshot: Snapshot) -> list[ReviewRecord]:
    """Return what adjudicators are shown of the present task, in the order in which it was escalated."""
    return [record for record in snapshot.adjudications.values() if record.task == config.review.task]


def adjudication_of(config: Config, snapshot: Snapshot, review: ReviewState) -> Escalation | None:
    """Return what adjudicators have to do, as far as it is known; None if nothing was escalated.

    What is not synced yet counts too. A draft or a discard is no answer.
    """
    records = adjudications_of(config, snapshot)
    if not records:
        return None
    submitted = review.responses.filter(pl.col("status") == "submitted")["record_id"]
    return Escalation(
        escalated=len(records),
        new={},
        waiting=len({record.id for record in records}.difference(submitted)),
        url=review.in_argilla.adjudication_url if review.in_argilla is not None else None,
        refused={},
    )


def adjudication_specs(config: Config, snapshot: Snapshot, records: Iterable[ReviewRecord]) -> list[RecordSpec]:
    """Return what Argilla shows adjudicators."""
    earlier: defaultdict[str, list[Response]] = defaultdict(list)
    for response in snapshot.responses.values():
        earlier[response.record_id].append(response)
    records = list(records)
    sets = snapshot.sets_by_id({record.set_id for record in records})
    first = {row.id: record_id for record_id, row in snapshot.escalated.items()}
    return [
        adjudication_spec(config.review, spec, earlier[first[spec.record.id]])
        for spec in specs_of(config, sets, records)
    ]


def _show(config: Config, snapshot: Snapshot, dataset: ArgillaReview, names: list[str]) -> dict[str, str]:
    """Add those adjudications that the dataset of the adjudicators lacks; create it if there is none."""
    if not names:
        return {}
    present = dataset.present() if dataset.find() is not None else frozenset()
    missing = [snapshot.adjudications[name] for name in names if name not in present]
    if not missing:
        return {}
    dataset.create(adjudication_settings(config.review))
    return dataset.push(adjudication_specs(config, snapshot, missing)).refused
