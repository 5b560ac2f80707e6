"""sync: copies the responses of reviewers from Argilla into the store."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.report import Report
from curation.review.merge import merge_responses
from curation.review.pulled import Pulled
from curation.review.shown import written
from curation.services import open_review, open_store
from curation.store import ReviewedDataset, Reviews, Snapshot
from curation.wording import counted


class SyncReport(Report):
    """What `sync` did.

    - `responses` are in the store now; `submitted` of them count. `added`, `changed` and `withdrawn` say what is
      different from before. `commit` is null if nothing is.
    - `foreign_records` in Argilla do not belong to this curation; `foreign` is the number of their responses.
    - `missing_records` are the ids of records of the present task that were pushed and not retired, but are not in
      Argilla any more. Responses to them are kept.
    - `gone` has the number of responses of each reviewer who is no longer in the workspace, `renamed` the present
      username by the former one.
    - `forgotten` responses were removed from the store, and `ignored` ones were not copied, because their authors are
      to be forgotten.
    """

    dataset: str
    records: int
    responses: int
    submitted: int
    added: int
    changed: int
    withdrawn: int
    foreign_records: int
    foreign: int
    missing_records: tuple[str, ...]
    renamed: dict[str, str]
    gone: dict[str, int]
    forgotten: int
    ignored: int
    commit: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is in the store now, and what is unusual."""
        lines = [
            f"{counted(self.responses, 'response')} ({self.submitted:,} submitted) "
            f"to {counted(self.records, 'record')}: {self.added:,} new, {self.changed:,} changed, "
            f"{self.withdrawn:,} withdrawn." + ("" if self.commit else " Nothing new to store.")
        ]
        lines += [f"The reviewer {former} is now called {present}." for former, present in self.renamed.items()]
        if self.gone:
            gone = ", ".join(f"{reviewer} ({counted(count, 'response')})" for reviewer, count in self.gone.items())
            lines.append(f"No longer in the workspace: {gone}. Their answers are kept; `--forget NAME` removes them.")
        if self.forgotten:
            lines.append(f"{counted(self.forgotten, 'response')} removed from the store, and ignored from now on.")
        if self.ignored:
            lines.append(f"{counted(self.ignored, 'response')} of forgotten reviewers ignored.")
        if self.foreign_records:
            lines.append(
                f"{counted(self.foreign_records, 'record')} in Argilla from elsewhere ignored, with "
                f"{counted(self.foreign, 'response')}."
            )
        if self.missing_records:
            some = ", ".join(self.missing_records[:3])
            lines.append(
                f"{counted(len(self.missing_records), 'record')} missing in Argilla ({some}"
                f"{', ...' if len(self.missing_records) > 3 else ''}); answers to them are kept."
            )
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """`publish`, if anybody submitted a response."""
        return "publish" if self.submitted else None


def sync(config: Config, *, services: Services | None = None, forget: Collection[str] = ()) -> SyncReport:
    """Update the responses in the store from Argilla, in one commit. If nothing changed, there is no commit.

    Responses that were edited, withdrawn or deleted in Argilla change in the store too. The responses of the reviewers
    named in `forget` are removed, and later responses of their accounts are ignored.

    Raises RefusedError if the Argilla dataset is missing or empty (that never means that all answers were withdrawn),
    if its settings are not those of the task, or if no reviewer has a name in `forget`.
    """
    services = services or Services.from_environment()
    store = open_store(config, services)
    first = store.snapshot()
    if not first.records:
        raise RefusedError(f"{config.store.repo_id} has no review records.", remedy="Run `curation push` first.")
    to_forget = _accounts(first, forget)
    reports: list[SyncReport] = []
    with closing(open_review(config, services)) as review:

        def read(snapshot: Snapshot) -> Reviews:
            review.check(config.review.settings())
            reviews, report = _merged(config, snapshot, review.pull(), to_forget)
            reports.append(report)
            return reviews

        commit = store.set_reviews(read)
    return reports[-1].model_copy(update={"commit": commit})


def _merged(
    config: Config, snapshot: Snapshot, pulled: Pulled, to_forget: Collection[str]
) -> tuple[Reviews, SyncReport]:
    """Return what the store should hold after a pull, and the report on it, still without the commit."""
    forgotten = tuple(sorted({*snapshot.manifest.forgotten, *to_forget}))
    merged = merge_responses(snapshot.responses, pulled, known=snapshot.records, forgotten=forgotten)
    pulled_records = set(pulled.records.values())
    # Records of another task are in another Argilla dataset, so they are not missing in this one.
    pushed = {record.id for record in snapshot.records.values() if record.task == config.review.task} - snapshot.retired
    dataset = ReviewedDataset(
        workspace=config.review.workspace,
        dataset=config.review_dataset,
        dataset_id=pulled.dataset_id,
        guidelines=written(pulled.guidelines),
    )
    report = SyncReport(
        dataset=config.review_dataset,
        records=len(snapshot.records) - len(snapshot.retired),
        responses=len(merged.responses),
        submitted=sum(response.status == "submitted" for response in merged.responses.values()),
        added=merged.added,
        changed=merged.changed,
        withdrawn=merged.withdrawn,
        foreign_records=sum(record_id not in snapshot.records for record_id in pulled.records.values()),
        foreign=merged.foreign,
        missing_records=tuple(record_id for record_id in snapshot.records if record_id in pushed - pulled_records),
        renamed=merged.renamed,
        gone=merged.gone,
        forgotten=merged.forgotten,
        ignored=merged.ignored,
        commit=None,
    )
    reviews = Reviews(
        responses=merged.responses,
        renamed=merged.renamed,
        dataset=dataset,
        forgotten=forgotten,
        synced_at=pulled.began_at,
    )
    return reviews, report


def _accounts(snapshot: Snapshot, names: Collection[str]) -> set[str]:
    """Return the ids of all accounts from which the named reviewers ever answered."""
    reviewers = {version.reviewer for version in snapshot.response_versions}
    unknown = sorted(set(names) - reviewers)
    if unknown:
        raise RefusedError(
            f"{snapshot.repo.repo_id} holds no answers of {', '.join(map(repr, unknown))}, so there is nothing to "
            f"forget; it holds those of {', '.join(sorted(reviewers)) or 'nobody'}.",
            remedy="Correct the name after `--forget`.",
        )
    return {version.server_user_id for version in snapshot.response_versions if version.reviewer in names}
