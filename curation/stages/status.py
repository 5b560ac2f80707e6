"""status: shows how far a curation is, from the store, Argilla and the published dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from curation import labels
from curation.card.derived_facts import document_coverage, refusal_coverage, reviewer_agreement
from curation.card.facts import DocumentCoverage
from curation.config import Config, Services
from curation.derive import Derived, derived_or_refused
from curation.derive.basis import current_basis, published_basis, row_counts
from curation.derive.shards import paths_by_split
from curation.derive.spending import Spending, spending
from curation.errors import MissingError
from curation.frames import pl
from curation.generation import JudgeStatistics, settings_id
from curation.generation.judge_report import judge_line, judges_line
from curation.gold import gold_accuracy, gold_line
from curation.labels.imported import imported_lines
from curation.linting.report import coverage_lines
from curation.linting.safety import MINIMUM, Coverage
from curation.progress.remarks import Comment, Flagged, comments_of, flagged_records, remarks_of
from curation.progress.responses import progress_of, values_of
from curation.progress.review import ReviewProgress, review_progress
from curation.report import Report
from curation.review.ahead import begin
from curation.review_state import ReviewState, read_review
from curation.review_statistics import GoldAccuracy, ImportedAgreement, JudgeCheck, JudgesAgreement
from curation.runs.settings_change import settings_line
from curation.scratch import scratch_folder
from curation.services import needs_review, open_published, open_store
from curation.stages.escalate import Escalation, adjudication_of
from curation.stages.push import as_if_with_records, records_to_push
from curation.store import Snapshot
from curation.wording import counted, counts_by_name, dollars, reasons

DIFFERING_SHOWN = 5
"""So many of the records on which people do not agree with the source are shown; `--format json` has all."""


class StatusReport(Report):
    """Counts of everything from prompts to rows.

    - Generation: `failed` of the `candidate_sets` have too few answers. `settings_changed` says how the config differs
      from the settings that prompts were asked with, null if it does not. `cost_per_row` is in US dollars by format,
      null if a price is unknown or there is no row.
    - Records: reviewers may answer `records`, and those that `publish` would make are among them. `retired` records
      gave way to later ones of the same prompts. `to_push` records are missing in Argilla.
    - Argilla: `review_url`, `completed`, `in_argilla` (the number of its records) and `waiting` (answers that are not
      synced) are null if Argilla cannot be read; `argilla` says why. `needs_review` is false if it need not be read,
      because something else may decide and no Argilla is named. If Argilla has none of the records, `lost` counts
      the responses of the store to records of the present task.
    - Responses: `responses` counts those in the store by status, `progress` all of each reviewer. `commented` responses
      have a comment; `comments` has them if they were asked for. `flagged` says which records reviewers flagged.
      `reviewers` has the pseudonym of each reviewer. `review` says how far reviewing is, by day and reviewer, when it
      will be done at the pace of the last week, how far reviewers agree, and who stands out; null without a store.
      `imported` says how far they agree with the labels that answers came with, and where they do not; null if none
      came with one. `judge_check` says how far the judge agrees with them, and what is left to it; null if nothing is
      known of that. `adjudication` says what adjudicators have to do, null if no record was escalated.
      `gold` says how often each reviewer is right on gold records.
    - Rows: `coverage` says of refusal data how the prompts with rows are spread over its categories, and how many each
      lacks in a dataset of 100 prompts or more; it is null for other data, and if nothing can be resolved.
      `documents` says how far questions about documents cover these, in the same way. `refused` says why the responses
      cannot be resolved; then there are no verdicts and no rows. `up_to_date` is whether the published rows are those
      that `publish` would give now; `row_counts` says how their numbers differ. With `mode = "pull-request"`,
      `proposal` is the address of the open one, and `proposed` whether it has the rows of now.
    - `schedules` has a line for each scheduled job, if whoever made the report asked for them; `schedules_unknown` says
      why they are not known.
    """

    store: str
    prompts: int
    candidate_sets: int
    failed: int
    spending: Spending
    judges: tuple[JudgeStatistics, ...]
    judge_pairs: tuple[JudgesAgreement, ...]
    disagreements: int
    records: int
    retired: int
    to_push: int
    responses: dict[str, int]
    lost: int
    waiting: int | None
    progress: dict[str, dict[str, int]]
    review: ReviewProgress | None = None
    commented: int
    comments: tuple[Comment, ...]
    flagged: tuple[Flagged, ...]
    imported: ImportedAgreement | None
    judge_check: JudgeCheck | None
    gold: tuple[GoldAccuracy, ...]
    settings_changed: str | None
    reviewers: dict[str, str]
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
    coverage: Coverage | None
    documents: DocumentCoverage | None
    refused: str | None
    cost_per_row: dict[str, float | None]
    published: bool
    up_to_date: bool
    proposal: str | None = None
    proposed: bool = False
    row_counts: str | None
    review_url: str | None
    completed: int | None
    in_argilla: int | None
    needs_review: bool = True
    argilla: str | None
    adjudication: Escalation | None = None
    schedules: tuple[str, ...] = ()
    schedules_unknown: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each step from prompts to rows."""
        retired = f" and {self.retired:,} retired" if self.retired else ""
        return (
            f"Store {self.store}: {counted(self.prompts, 'prompt')} read, "
            f"{counted(self.candidate_sets, 'candidate set')} ({self.failed:,} failed), "
            f"{counted(self.records, 'record')}{retired}.",
            self._cost,
            *map(judge_line, self.judges),
            *map(judges_line, self.judge_pairs),
            *([self.settings_changed] if self.settings_changed else []),
            self._review,
            *(self.adjudication.lines if self.adjudication is not None else ()),
            f"Responses synced: {reasons(self.responses) or 'none'}.",
            *(f"{reviewer} answered: {reasons(counts)}." for reviewer, counts in self.progress.items()),
            *(self.review.lines if self.review is not None else ()),
            *(flagged.line for flagged in self.flagged),
            *(labels.judge_check_lines(self.judge_check) if self.judge_check is not None else ()),
            *(imported_lines(self.imported, records=DIFFERING_SHOWN) if self.imported is not None else ()),
            *map(gold_line, self.gold),
            *(f"{reviewer} is published as {pseudonym}." for reviewer, pseudonym in self.reviewers.items()),
            *self._decisions,
            *(f"Scheduled: {line}." for line in self.schedules),
            *(
                [f"Whether refreshes are scheduled is not known: {self.schedules_unknown}"]
                if self.schedules_unknown
                else []
            ),
            *self._comments,
        )

    @property
    def _decisions(self) -> Iterator[str]:
        if self.refused:
            yield f"Nothing can be decided: {self.refused}"
            return
        yield f"Records with a verdict: {self.verdicts:,}; without: {reasons(self.unresolved) or 'none'}."
        rows = counts_by_name(self.rows)
        yield f"Rows: {rows or 'none'}; {self._state}."
        if self.proposal is not None:
            these = "These rows are proposed" if self.proposed else "Other rows are proposed"
            yield f"{these} at {self.proposal}: merge it there to publish them."
        yield from coverage_lines(self.coverage)
        if self.documents is not None:
            yield self.documents.line

    @property
    def _comments(self) -> Iterator[str]:
        if self.comments:
            yield "Comments:"
            yield from (f"  {comment.reviewer} on {comment.prompt}: {comment.comment}" for comment in self.comments)
        elif self.commented:
            yield f"{counted(self.commented, 'comment')} by reviewers: `--comments` shows them."

    @property
    def _review(self) -> str:
        if self.argilla is not None:
            return f"Argilla: {self.argilla}"
        if self.review_url is None:
            held = f" The store holds {counted(sum(self.responses.values()), 'answer')}." if self.responses else ""
            return f"Argilla: the dataset does not exist.{held}"
        parts = [f"{self.completed:,} of {counted(self.in_argilla or 0, 'record')} completed"]
        if self.to_push:
            parts.append(f"{counted(self.to_push, 'record')} not pushed")
        if self.waiting:
            parts.append(f"{counted(self.waiting, 'answer')} not synced")
        return f"Argilla: {', '.join(parts)}. Review: {self.review_url}"

    @property
    def _state(self) -> str:
        if not self.published:
            return "not published yet"
        if self.up_to_date:
            return "published"
        return f"published before: {self.row_counts or 'other rows of the same number.'}".rstrip(".")

    @property
    def _cost(self) -> str:
        paid = f"{counted(self.spending.requests, 'request')}, {self.spending.tokens:,} tokens"
        rows = (f"{dollars(cost)} a row of {name}" for name, cost in self.cost_per_row.items() if cost is not None)
        return f"Paid: {', '.join((paid, dollars(self.spending.cost), *rows))}."

    @property
    def next_verb(self) -> str | None:
        """The next step that has something to do."""
        if not self.records and not self.to_push:
            return "generate"
        if self.argilla is None:
            if self.lost:
                return "restore"
            if self.to_push:
                return "push"
            if self.waiting:
                return "sync"
        trained_on = any(count for name, count in self.rows.items() if name != "raw" or len(self.rows) == 1)
        if trained_on and not self.up_to_date and not self.proposed:
            return "publish"
        if self.argilla is not None and self.needs_review:
            return "check"
        return "generate" if self.settings_changed else None


def status(config: Config, *, services: Services | None = None, comments: bool = False) -> StatusReport:
    """Return how far the curation is. It does not matter if Argilla cannot be reached; without a store all is 0.

    With `comments` the report has the comments of reviewers too.
    """
    services = services or Services.from_environment()
    try:
        snapshot = open_store(config, services).snapshot()
    except MissingError:
        return _empty(config)
    published = open_published(config, services)
    head = published.head()
    manifest = published.manifest(head)
    proposals = published.proposals() if head is not None and config.publish.mode == "pull-request" else []
    proposed = published.manifest(published.repo.head(proposals[0].revision)) if proposals else None
    # Files are named by their content, so they are made to be compared with those that are there.
    to_compare = manifest is not None or proposed is not None
    # Argilla takes its time to answer.
    review = begin(partial(read_review, config, services, snapshot))
    derived, refused = _derived(config, snapshot, services, shards=to_compare)
    report = _report(
        *(config, services, snapshot, derived),
        refused=refused,
        review=review.result(),
        manifest=manifest,
        comments=comments,
    )
    if not proposals:
        return report
    same = proposed is not None and not refused and _same_files(proposed, derived)
    return report.model_copy(update={"proposal": proposals[0].url, "proposed": same})


def _report(
    config: Config,
    services: Services,
    snapshot: Snapshot,
    derived: Derived,
    *,
    refused: str | None,
    review: ReviewState,
    manifest: Mapping[str, Any] | None,
    comments: bool,
) -> StatusReport:
    """Return the report on a curation that has a store."""
    remarks = remarks_of(snapshot, review.responses)
    commented = [(response, remark.comment) for response, remark in remarks if remark.comment is not None]
    states = snapshot.current_states(settings_id(config.models))
    gold = gold_accuracy(config, snapshot, values_of(_to_gold(snapshot, review.responses)))
    inside = review.in_argilla
    rows = {name: 0 if refused else count for name, count in derived.row_counts.items()}
    return StatusReport(
        store=config.store.repo_id,
        prompts=sum(read.read for read in snapshot.manifest.prompts.values()),
        candidate_sets=states.height,
        failed=int((~states["came_through"]).sum()),
        spending=derived.spending,
        judges=derived.tally.judges.statistics(),
        judge_pairs=tuple(map(labels.judges_agreement, derived.tally.judges.pairs())),
        disagreements=derived.tally.disagreements,
        records=derived.records,
        retired=len(snapshot.retired),
        to_push=len(records_to_push(config, services, snapshot) - review.record_ids),
        responses=dict(review.stored.group_by("status").len().sort("status").iter_rows()),
        lost=_answered(config, snapshot, review.stored) if inside and not inside.records else 0,
        waiting=inside.waiting if inside else None,
        progress=inside.progress if inside and inside.url else progress_of(review.responses),
        review=_review_progress(config, snapshot, derived, review, gold),
        commented=len(commented),
        comments=comments_of(snapshot, commented) if comments else (),
        flagged=flagged_records(remarks),
        imported=None if refused else derived.imported,
        judge_check=None if refused else derived.judge_check,
        gold=gold,
        settings_changed=settings_line(config, snapshot),
        reviewers={reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers},
        verdicts=0 if refused else derived.tally.verdicts,
        unresolved={} if refused else dict(derived.tally.unresolved),
        rows=rows,
        coverage=None if refused else refusal_coverage(derived.tally.categories, minimum=MINIMUM["alignment"]),
        documents=None if refused else document_coverage(derived.tally),
        refused=refused,
        cost_per_row={name: derived.spending.per_row(count) for name, count in rows.items()},
        published=manifest is not None,
        up_to_date=manifest is not None and not refused and _same_files(manifest, derived),
        row_counts=None if refused else _other_row_counts(config, derived, manifest),
        review_url=inside.url if inside else None,
        completed=inside.completed if inside else None,
        in_argilla=inside.records if inside else None,
        needs_review=needs_review(config, services),
        argilla=review.problem,
        adjudication=adjudication_of(config, snapshot, review),
    )


def _to_gold(snapshot: Snapshot, responses: pl.DataFrame) -> pl.DataFrame:
    """Return the responses to gold records."""
    return responses.filter(pl.col("record_id").is_in(list(snapshot.gold)))


def _other_row_counts(config: Config, derived: Derived, manifest: Mapping[str, Any] | None) -> str | None:
    """Return how the numbers of rows differ from those that are published; None if they are not known."""
    published = published_basis(manifest)
    return row_counts(published, current_basis(config, derived)) if published else None


def _review_progress(
    config: Config, snapshot: Snapshot, derived: Derived, review: ReviewState, gold: tuple[GoldAccuracy, ...]
) -> ReviewProgress:
    """Return how far reviewing is, with what is not synced yet; agreement is that of the store."""
    pseudonyms = {reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers}
    return review_progress(
        snapshot,
        review.responses,
        reviewer_agreement(config, derived, pseudonyms),
        gold=[accuracy.model_copy(update={"reviewer": snapshot.pseudonym(accuracy.reviewer)}) for accuracy in gold],
        min_submitted=config.review.min_submitted,
        today=datetime.now(UTC).date(),
    )


def _derived(
    config: Config, snapshot: Snapshot, services: Services, *, shards: bool = False
) -> tuple[Derived, str | None]:
    """Return what `derived_or_refused` gives, with the names of the shards if they are asked for.

    Where no person need decide, sets that were never pushed count as `publish` would count them.
    """
    with scratch_folder() as folder, scratch_folder() as planned:
        snapshot = as_if_with_records(config, services, snapshot, folder=planned)
        return derived_or_refused(config, snapshot, services, folder=folder if shards else None)


def _same_files(manifest: Mapping[str, Any], derived: Derived) -> bool:
    """Whether the published files are those that `publish` would write; they are named by their content."""
    files = manifest.get("files")
    now = {split: sorted(paths) for split, paths in paths_by_split(derived.tally.shards).items()}
    return isinstance(files, dict) and now == {split: sorted(paths) for split, paths in files.items()}


def _answered(config: Config, snapshot: Snapshot, stored: pl.DataFrame) -> int:
    """Return the number of responses to records of the present task."""
    shown = snapshot.shown_by_id(stored["record_id"].to_list())
    return sum(shown[record_id].task == config.review.task for record_id in stored["record_id"])


def _empty(config: Config) -> StatusReport:
    """Return the report of a curation without a store."""
    return StatusReport(
        store=config.store.repo_id,
        prompts=0,
        candidate_sets=0,
        failed=0,
        spending=spending(()),
        judges=(),
        judge_pairs=(),
        disagreements=0,
        records=0,
        retired=0,
        to_push=0,
        responses={},
        lost=0,
        waiting=0,
        progress={},
        commented=0,
        comments=(),
        flagged=(),
        imported=None,
        gold=(),
        judge_check=None,
        settings_changed=None,
        reviewers={},
        verdicts=0,
        unresolved={},
        rows={},
        coverage=None,
        documents=None,
        refused=None,
        cost_per_row={},
        published=False,
        up_to_date=False,
        row_counts=None,
        review_url=None,
        completed=0,
        in_argilla=0,
        argilla=None,
    )
