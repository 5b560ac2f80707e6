"""sync: what people answered in Argilla -> responses in the store."""

from __future__ import annotations

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.review.merge import Merged, Responses, merge_responses
from curation.stages.report import Report, counted
from curation.stages.services import open_review, open_store
from curation.store import ReviewedDataset, Snapshot


class SyncReport(Report):
    """What `sync` found. `missing_records` were pushed but are gone from Argilla; their answers are kept."""

    dataset: str
    records: int
    responses: int
    submitted: int
    added: int
    changed: int
    withdrawn: int
    foreign: int
    missing_records: int
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, and what is odd."""
        lines = [
            f"{counted(self.responses, 'response')} ({self.submitted:,} submitted) "
            f"to {counted(self.records, 'record')}: {self.added:,} new, {self.changed:,} changed, "
            f"{self.withdrawn:,} withdrawn." + ("" if self.commit else " Nothing new to store.")
        ]
        if self.foreign:
            lines.append(f"{counted(self.foreign, 'response')} to records that are not of this curation left out.")
        if self.missing_records:
            lines.append(f"{counted(self.missing_records, 'record')} missing in Argilla; answers to them are kept.")
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """Publish what was decided."""
        return "publish" if self.submitted else None


def sync(config: Config, *, services: Services | None = None) -> SyncReport:
    """Bring the store's responses in step with Argilla, in one commit; nothing changed: no commit.

    Edited, withdrawn and deleted responses propagate. Raises RefusedError if the Argilla dataset is gone or empty: that
    is never read as "all answers withdrawn".
    """
    services = services or Services.from_environment()
    review = open_review(config, services)
    store = open_store(config, services)
    first = store.snapshot()
    if not first.records:
        raise RefusedError(f"{config.store.repo_id} has no review records.", remedy="Run `curation push` first.")
    pulled = review.pull()
    outcome: list[Merged] = []

    def merge(snapshot: Snapshot) -> Responses:
        merged = merge_responses(
            snapshot.responses,
            pulled.responses,
            dataset_id=pulled.dataset_id,
            present=pulled.record_ids,
            known=snapshot.records,
        )
        outcome[:] = [merged]
        return merged.responses

    commit = store.set_responses(
        merge,
        review=ReviewedDataset(
            workspace=config.review.workspace,
            dataset=config.review_dataset,
            dataset_id=pulled.dataset_id,
            guidelines=pulled.guidelines,
        ),
    )
    [merged] = outcome
    return SyncReport(
        dataset=config.review_dataset,
        records=len(first.records),
        responses=len(merged.responses),
        submitted=sum(response.status == "submitted" for response in merged.responses.values()),
        added=merged.added,
        changed=merged.changed,
        withdrawn=merged.withdrawn,
        foreign=merged.foreign,
        missing_records=len(first.records.keys() - pulled.record_ids),
        commit=commit,
    )
