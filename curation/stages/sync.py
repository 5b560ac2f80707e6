"""sync: copies the responses of reviewers from Argilla into the store."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from curation.config import Config, Services
from curation.errors import RefusedError
from curation.report import Report
from curation.review.datasets import together
from curation.review.merge import merge_responses
from curation.review.pulled import Pulled
from curation.review.set_back import sign_of_an_older_copy
from curation.review.shown import original_text
from curation.services import open_review, open_store, review_datasets
from curation.shrinking import exceeds
from curation.stages.escalate import Escalation, escalate
from curation.store import RECORDS, LastSync, ReviewedDataset, Reviews, Snapshot
from curation.wording import counted, duration, percent

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview


class SyncReport(Report):
    """What `sync` did.

    - `read_all` is false if Argilla says that nothing changed since the last `sync`: then nothing was read.
      `read_records` is the number of records that were read if they were not all, null else.
    - `responses` are in the store now; `submitted` of them count. `added`, `changed` and `withdrawn` say what is
      different from before. `commit` is null if nothing is.
    - `foreign_records` in Argilla do not belong to this curation; `foreign` is the number of their responses.
    - `set_back` responses are older in Argilla than in the store: the server was set back to an older copy.
    - `absent` responses of the present task are not in Argilla, because their records were deleted, or created anew
      since then. They are kept.
    - `missing_records` are the ids of records of the present task that were pushed and not retired, but are not in
      Argilla any more. Responses to them are kept.
    - `gone` has the number of responses of each reviewer who is no longer in the workspace, `renamed` the present
      username by the former one.
    - `second_accounts` has the number of earlier responses of each reviewer who answers from another account now.
    - `adjudication` says what adjudicators have to do, null if no record was escalated.
    - `forgotten` responses were removed from the store, and `ignored` ones were not copied, because their authors are
      to be forgotten.
    """

    dataset: str
    read_all: bool
    records: int
    responses: int
    submitted: int
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    set_back: int = 0
    foreign_records: int = 0
    foreign: int = 0
    absent: int = 0
    missing_records: tuple[str, ...] = ()
    renamed: dict[str, str] = Field(default_factory=dict)
    gone: dict[str, int] = Field(default_factory=dict)
    second_accounts: dict[str, int] = Field(default_factory=dict)
    forgotten: int = 0
    ignored: int = 0
    read_records: int | None = None
    adjudication: Escalation | None = None
    seconds: float = 0.0
    commit: str | None = None

    @property
    def unusual(self) -> bool:
        """Whether something should be said at every `sync`, so that each has to read all answers."""
        return bool(self.missing_records or self.gone or self.foreign_records or self.ignored)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is in the store now, and what is unusual."""
        responses = f"{counted(self.responses, 'response')} ({self.submitted:,} submitted)"
        escalated = self.adjudication.lines if self.adjudication is not None else ()
        if not self.read_all:
            return (
                f"{responses} to {counted(self.records, 'record')}: nothing changed in Argilla since the last sync.",
                *escalated,
            )
        lines = [
            f"{responses} to {counted(self.records, 'record')}: {self.added:,} new, {self.changed:,} changed, "
            f"{self.withdrawn:,} withdrawn, "
            + (f"{counted(self.read_records, 'record')} " if self.read_records is not None else "")
            + f"read in {duration(self.seconds)}."
            + ("" if self.commit else " Nothing new to store.")
        ]
        lines += [f"The reviewer {former} is now called {present}." for former, present in self.renamed.items()]
        if self.second_accounts:
            names = ", ".join(f"{name} ({count:,} from before)" for name, count in self.second_accounts.items())
            lines.append(
                f"New accounts of known names: {names}. Each counts as the same person as before. Two people of one "
                "name need two names: see docs/reviewing.md."
            )
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
        if self.absent:
            lines.append(
                f"{counted(self.absent, 'response')} of the store are not in Argilla any more, because their records "
                "were deleted or created anew. They are kept and count; `curation restore` puts them back."
            )
        return (*lines, *escalated)

    @property
    def next_verb(self) -> str | None:
        """`publish`, if anybody submitted a response."""
        return "publish" if self.submitted else None


def sync(
    config: Config,
    *,
    services: Services | None = None,
    forget: Collection[str] = (),
    allow_shrink: bool = False,
    read_all: bool = False,
    changed: Collection[str] | None = None,
) -> SyncReport:
    """Update the responses in the store from Argilla, in one commit. If nothing changed, there is no commit.

    If Argilla says that nothing happened since the last `sync`, its answers are not read. If it lists responses (see
    `review.listing`), only the records whose answers changed are read. Both at most for the hours of
    `review.full_every`, and not with `read_all`. Responses that were edited, withdrawn or deleted in Argilla change in
    the store too. `changed` are the ids in Argilla of records of which a webhook told: if all were read within
    `review.full_every`, only these are read now. The next sync without it looks for what no webhook told of.
    The responses of the reviewers named in `forget` are removed, and later responses of their accounts
    are ignored.

    At last, records that the first reviewers did not agree on, or flagged, are shown to adjudicators (see `escalate`).
    Their answers are read with all others.

    Raises RefusedError if the Argilla dataset is missing or empty (that never means that all answers were withdrawn),
    if its settings are not those of the task, or if no reviewer has a name in `forget`; without `allow_shrink` also if
    more responses are gone in Argilla than `max_shrink` allows.
    """
    services = services or Services.from_environment()
    store = open_store(config, services)
    first = store.snapshot()
    if not first.manifest.files.get(RECORDS):
        raise RefusedError(f"{config.store.repo_id} has no review records.", remedy="Run `curation push` first.")
    to_forget = _accounts(first, forget) if forget else set()
    reports: list[SyncReport] = []
    with closing(open_review(config, services)) as review:
        only = _only(config, first, changed) if not (forget or read_all) else None
        if not (forget or read_all) and (unchanged := _unchanged(config, first, review)):
            return unchanged.model_copy(update={"adjudication": escalate(config, store, review)})

        def read(snapshot: Snapshot) -> Reviews:
            datasets = review_datasets(config, review, snapshot)
            datasets.check()
            # What happens while the answers are read is for the next sync, so the activity comes first.
            activity, began = datasets.activity(), time.monotonic()
            listed = not (forget or read_all) and _read_all_lately(config, snapshot)
            pulled = together(*datasets.pull(only, stored=snapshot.responses.values() if listed else ()))
            if not pulled.whole and not _is_synced(snapshot, pulled.dataset_id):
                pulled = together(*datasets.pull())
            reviews, report, sign = _merged(config, snapshot, pulled, to_forget, activity)
            report = report.model_copy(update={"seconds": time.monotonic() - began})
            if not allow_shrink:
                _refuse_to_shrink(config, snapshot, report)
                _refuse_an_older_copy(sign)
            reports.append(report)
            return reviews

        commit = store.set_reviews(read)
        return reports[-1].model_copy(update={"commit": commit, "adjudication": escalate(config, store, review)})


def _only(config: Config, snapshot: Snapshot, changed: Collection[str] | None) -> Collection[str] | None:
    """Return which records to read, None for all: so often that a webhook that was lost does not matter for long."""
    return changed if _last_sync(config, snapshot) is not None else None


def _last_sync(config: Config, snapshot: Snapshot) -> LastSync | None:
    """Return what the last sync left, None if all must be looked at again."""
    review = snapshot.manifest.review
    return review.last_sync if review is not None and _read_all_lately(config, snapshot) else None


def _read_all_lately(config: Config, snapshot: Snapshot) -> bool:
    """Whether all records were read within the hours of `review.full_every`."""
    read_all_at = snapshot.manifest.review.read_all_at if snapshot.manifest.review is not None else None
    return read_all_at is not None and datetime.now(UTC) - read_all_at < timedelta(hours=config.review.full_every)


def _is_synced(snapshot: Snapshot, dataset_id: str) -> bool:
    """Whether the store was last synced with this Argilla dataset, and not with one that it stands in place of."""
    return snapshot.manifest.review is not None and snapshot.manifest.review.dataset_id == dataset_id


def _unchanged(config: Config, snapshot: Snapshot, review: ArgillaReview) -> SyncReport | None:
    """Return the report that nothing happened since the last sync; None if that is not known."""
    last = _last_sync(config, snapshot)
    if last is None:
        return None
    datasets = review_datasets(config, review, snapshot)
    datasets.check()
    if datasets.activity() != last.activity:
        return None
    return SyncReport(
        dataset=config.review_dataset,
        read_all=False,
        records=last.records,
        responses=last.responses,
        submitted=last.submitted,
    )


def _merged(
    config: Config, snapshot: Snapshot, pulled: Pulled, to_forget: Collection[str], activity: str | None
) -> tuple[Reviews, SyncReport, str | None]:
    """Return what the store should hold after a pull, the report on it without the commit, and a sign of a server that
    was set back.
    """
    forgotten = tuple(sorted({*snapshot.manifest.forgotten, *to_forget}))
    known = snapshot.shown
    merged = merge_responses(snapshot.responses, pulled, known=known, forgotten=forgotten)
    # Records of another task are in another Argilla dataset, so they are not missing in this one.
    of_task = _of_task(config, snapshot)
    answered = {record_id for record_id, _ in merged.responses}
    # What adjudicators have not answered is shown to them again at the end of this sync.
    again = snapshot.adjudications.keys() - answered
    needed = of_task - snapshot.retired - again
    missing = needed.difference(pulled.records.values()) if pulled.whole else set()
    report = SyncReport(
        dataset=config.review_dataset,
        read_all=True,
        records=len(known) - len(snapshot.retired),
        responses=len(merged.responses),
        submitted=sum(response.status == "submitted" for response in merged.responses.values()),
        added=merged.added,
        changed=merged.changed,
        withdrawn=merged.withdrawn,
        set_back=merged.set_back,
        foreign_records=sum(record_id not in known for record_id in pulled.records.values()),
        foreign=merged.foreign,
        absent=sum(
            pulled.whole and record_id in of_task and response.server_record_id not in pulled.records
            for (record_id, _), response in merged.responses.items()
        ),
        missing_records=tuple(record_id for record_id in known if record_id in missing),
        renamed=merged.renamed,
        gone=merged.gone,
        second_accounts=merged.second_accounts,
        forgotten=merged.forgotten,
        ignored=merged.ignored,
        read_records=pulled.read,
    )
    reviews = Reviews(
        responses=merged.responses,
        renamed=merged.renamed,
        dataset=_reviewed_dataset(config, snapshot, pulled, _this_sync(report, activity)),
        forgotten=forgotten,
        synced_at=pulled.began_at,
    )
    seen = None
    if _is_synced(snapshot, pulled.dataset_id) and snapshot.manifest.review is not None:
        seen = snapshot.manifest.review.last_activity_at
    return reviews, report, sign_of_an_older_copy(snapshot.responses, merged, pulled, seen_activity=seen)


def _reviewed_dataset(
    config: Config, snapshot: Snapshot, pulled: Pulled, this_sync: LastSync | None
) -> ReviewedDataset:
    """Return what the store notes of the Argilla dataset. If only some records were read, an earlier sync counts."""
    before = snapshot.manifest.review
    return ReviewedDataset(
        workspace=config.review.workspace,
        dataset=config.review_dataset,
        dataset_id=pulled.dataset_id,
        guidelines=original_text(pulled.guidelines),
        last_sync=this_sync if pulled.whole else before and before.last_sync,
        read_all_at=pulled.began_at if pulled.read is None else before and before.read_all_at,
        last_activity_at=pulled.last_activity_at,
    )


def _of_task(config: Config, snapshot: Snapshot) -> set[str]:
    """Return the ids of what people are shown of the present task, adjudicators among them."""
    return {record.id for record in snapshot.shown.values() if record.task == config.review.task}


def _refuse_to_shrink(config: Config, snapshot: Snapshot, report: SyncReport) -> None:
    """Raise RefusedError if more of the task's responses are gone or set back than `max_shrink` allows."""
    of_task = _of_task(config, snapshot)
    stored = sum(record_id in of_task for record_id, _ in snapshot.responses)
    lost = report.withdrawn + report.set_back
    if not exceeds(lost, stored, max_shrink=config.publish.max_shrink, things=lost):
        return
    older = f", and has an older state of {report.set_back:,}" if report.set_back else ""
    raise RefusedError(
        f"Argilla lacks {report.withdrawn:,} of {counted(stored, 'response')} that the last sync saw, although their "
        f"records and their authors are there{older}: {percent(lost / stored)}, more than the "
        f"{percent(config.publish.max_shrink)} of max_shrink under [publish]. Nothing was written.",
        remedy="If the server lost them, run `curation restore`: it puts them back. If reviewers took them back, run "
        "`curation sync` with `--allow-shrink`.",
    )


def _refuse_an_older_copy(sign: str | None) -> None:
    """Raise RefusedError if a sign says that the server was set back: what it lost would be taken for withdrawn."""
    if sign is not None:
        raise RefusedError(
            f"Argilla was set back to an older copy of its data: {sign}. Nothing was written.",
            remedy="Run `curation restore`: it puts back what the last sync saw. If reviewers took the answers back, "
            "run `curation sync` with `--allow-shrink`.",
        )


def _this_sync(report: SyncReport, activity: str | None) -> LastSync | None:
    """Return what the next sync compares with; None if it has to read all answers."""
    if activity is None or report.unusual:
        return None
    return LastSync(
        activity=activity,
        records=report.records,
        responses=report.responses,
        submitted=report.submitted,
    )


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
