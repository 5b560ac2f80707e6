"""push: candidate sets -> records in Argilla."""

from __future__ import annotations

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.generation import settings_id
from curation.stages.report import Report, counted
from curation.stages.services import open_review, open_store


class PushReport(Report):
    """What `push` did."""

    dataset: str
    workspace: str
    url: str
    records: int
    added: int
    skipped: int

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts and where to review."""
        lines = [
            f"{counted(self.records, 'record')} in {self.workspace}/{self.dataset}: {self.added:,} new, "
            f"{self.records - self.added:,} there already. Review: {self.url}"
        ]
        if self.skipped:
            lines.append(f"{counted(self.skipped, 'candidate set')} with fewer than two answers left out.")
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """Sync once people have answered."""
        return "sync"


def push(config: Config, *, services: Services | None = None) -> PushReport:
    """Create the Argilla dataset if needed and add a record per candidate set; a second push changes nothing.

    What is shown is written to the store first: answers to a record that the store does not know would have no
    meaning. Raises MissingError without a store, RefusedError if there is nothing to review, ServiceError if any
    record does not arrive.
    """
    services = services or Services.from_environment()
    review = open_review(config, services)
    store = open_store(config, services)
    snapshot = store.snapshot()
    sets = snapshot.current_sets(settings_id(config.generators, config.judge)).values()
    reviewable = [candidate_set for candidate_set in sets if candidate_set.reviewable]
    if not reviewable:
        raise RefusedError(
            f"{config.store.repo_id} holds no candidate set of the current settings with two answers.",
            remedy="Run `curation generate` first.",
        )
    task = config.review
    # A stored record wins: what "a" means was settled when it was first shown.
    records = {candidate_set.id: task.record(candidate_set) for candidate_set in reviewable}
    shown = {key: snapshot.records.get(record.id, record) for key, record in records.items()}
    store.add_records(shown.values())
    dataset_id = review.create(task.settings())
    by_id = {candidate_set.id: candidate_set for candidate_set in reviewable}
    specs = {record.id: task.spec(by_id[key], record) for key, record in shown.items()}
    added = review.push(list(specs.values()))
    return PushReport(
        dataset=config.review_dataset,
        workspace=task.workspace,
        url=review.url(dataset_id),
        records=len(specs),
        added=added,
        skipped=len(sets) - len(reviewable),
    )
