"""status: how far a curation is, from the store, Argilla and the published dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from curation.config import Config, Services
from curation.derive import Derived, derive
from curation.derive.basis import current_basis, published_basis, row_counts
from curation.derive.shards import paths_by_split
from curation.derive.spending import Spending, spending
from curation.errors import CurationError, MissingError, RefusedError
from curation.generation import JudgeStatistics, settings_id, settings_of
from curation.generation.judge_report import judge_line
from curation.labels import MajorityResolver
from curation.report import Report
from curation.review import reading_task
from curation.review.merge import merge_responses
from curation.runs.settings_change import answered_before, differences
from curation.scratch import scratch_folder
from curation.services import open_published, open_review, open_store
from curation.stages.push import records_to_show
from curation.store import Snapshot
from curation.types import Response, Row
from curation.wording import counted, dollars, excerpt, reasons

PROMPT_EXCERPT, COMMENT_EXCERPT = 40, 500


class Comment(Row):
    """What a reviewer wrote about a record; `prompt` is an excerpt."""

    reviewer: str
    record_id: str
    prompt: str
    comment: str


class InArgilla(Row):
    """What Argilla holds of a curation.

    `url` is the page on which reviewers answer, null if the dataset is missing. `waiting` answers were given, edited or
    taken back and are not synced; `progress` has the number of answers of each reviewer by status.
    """

    url: str | None
    completed: int
    records: int
    waiting: int
    progress: dict[str, dict[str, int]]


class StatusReport(Report):
    """Counts along the flow. What is in Argilla is null if it does not answer or is refused; `argilla` says why.

    `records` are those that somebody may answer, `retired` others, which gave way to a later one of the same prompt;
    `to_push` are missing in Argilla. `waiting` answers there are not synced; `progress` has the number of answers of
    each reviewer by status. `commented` answers have a comment; `comments` has them if they were asked for.
    `refused` says why the answers cannot be resolved; then there are no verdicts and no rows. `settings_changed` says
    what is different from the settings that prompts were asked with. `up_to_date` says whether the published rows are
    those that a publish would give now; `row_counts` how their numbers differ.
    `reviewers` has the pseudonym of each, for the owner's eyes. `cost_per_row` is that of a row of each format in US
    dollars, null if a price is unknown or there is no row.
    """

    store: str
    prompts: int
    candidate_sets: int
    failed: int
    spending: Spending
    judges: tuple[JudgeStatistics, ...]
    disagreements: int
    records: int
    retired: int
    to_push: int
    responses: dict[str, int]
    waiting: int | None
    progress: dict[str, dict[str, int]]
    commented: int
    comments: tuple[Comment, ...]
    settings_changed: str | None
    reviewers: dict[str, str]
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
    refused: str | None
    cost_per_row: dict[str, float | None]
    published: bool
    up_to_date: bool
    row_counts: str | None
    review_url: str | None
    completed: int | None
    in_argilla: int | None
    argilla: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each step from prompts to rows."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        retired = f" and {self.retired:,} retired" if self.retired else ""
        lines = [
            f"Store {self.store}: {counted(self.prompts, 'prompt')} read, "
            f"{counted(self.candidate_sets, 'candidate set')} ({self.failed:,} failed), "
            f"{counted(self.records, 'record')}{retired}.",
            self._cost,
            *(judge_line(judge) for judge in self.judges),
            *([self.settings_changed] if self.settings_changed else []),
            self._review,
            f"Responses synced: {reasons(self.responses) or 'none'}.",
            *(f"{reviewer}: {reasons(counts)}." for reviewer, counts in self.progress.items()),
            *(f"Published as {pseudonym}: {reviewer}." for reviewer, pseudonym in self.reviewers.items()),
            *(
                [f"Nothing can be decided: {self.refused}"]
                if self.refused
                else [
                    f"Verdicts: {self.verdicts:,}; without: {reasons(self.unresolved) or 'none'}.",
                    f"Rows: {rows}; {self._state}.",
                ]
            ),
        ]
        if self.comments:
            lines += ["Comments:", *(f"  {one.reviewer} on {one.prompt}: {one.comment}" for one in self.comments)]
        elif self.commented:
            lines.append(f"{counted(self.commented, 'comment')} by reviewers: `--comments` shows them.")
        return tuple(lines)

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
            if self.to_push:
                return "push"
            if self.waiting:
                return "sync"
        trained_on = any(count for name, count in self.rows.items() if name != "raw" or len(self.rows) == 1)
        if trained_on and not self.up_to_date:
            return "publish"
        if self.argilla is not None:
            return "check"
        return "generate" if self.settings_changed else None


def status(config: Config, *, services: Services | None = None, comments: bool = False) -> StatusReport:
    """Return where the curation stands. Argilla may be away; without a store everything is 0.

    With `comments` what reviewers wrote about records is read too.
    """
    services = services or Services.from_environment()
    try:
        snapshot = open_store(config, services).snapshot()
    except MissingError:
        return _empty(config)
    published = open_published(config, services)
    manifest = published.manifest(published.head())
    derived, refused = _derived(config, snapshot, services)
    came_through = _came_through(config, snapshot)
    inside, responses, there, argilla = _review(config, services, snapshot)
    statuses = [response.status for response in snapshot.responses.values()]
    commented = _commented(snapshot, responses)
    before = published_basis(manifest)
    return StatusReport(
        store=config.store.repo_id,
        prompts=sum(read.read for read in snapshot.manifest.prompts.values()),
        candidate_sets=len(came_through),
        failed=sum(not good for good in came_through.values()),
        spending=derived.spending,
        judges=derived.tally.judges.statistics(),
        disagreements=derived.tally.disagreements,
        records=derived.records,
        retired=len(snapshot.retired),
        to_push=len(_to_push(config, services, snapshot, there)),
        responses={name: statuses.count(name) for name in sorted(set(statuses))},
        waiting=inside.waiting if inside else None,
        progress=inside.progress if inside and inside.url else _progress(responses),
        commented=len(commented),
        comments=_comments(snapshot, commented) if comments else (),
        settings_changed=_settings_changed(config, snapshot),
        reviewers={reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers},
        verdicts=0 if refused else derived.tally.verdicts,
        unresolved={} if refused else dict(derived.tally.unresolved),
        rows={name: 0 if refused else derived.rows(name) for name in config.publish.formats},
        refused=refused,
        cost_per_row={
            name: None if refused else derived.spending.per_row(derived.rows(name)) for name in config.publish.formats
        },
        published=manifest is not None,
        up_to_date=manifest is not None and not refused and _same_files(manifest, derived),
        row_counts=row_counts(before, current_basis(config, derived)) if before is not None and not refused else None,
        review_url=inside.url if inside else None,
        completed=inside.completed if inside else None,
        in_argilla=inside.records if inside else None,
        argilla=argilla,
    )


def _derived(config: Config, snapshot: Snapshot, services: Services) -> tuple[Derived, str | None]:
    """What the store gives, and why nothing can be decided, if so: then only what no resolver changes is true of it."""
    with scratch_folder() as folder:
        try:
            return derive(config, snapshot, services, folder=folder), None
        except RefusedError as error:
            refused = str(error)
    undecided = config.model_copy(update={"labels": MajorityResolver()})
    return derive(undecided, snapshot, services), refused


def _same_files(manifest: Mapping[str, Any], derived: Derived) -> bool:
    """Whether what is published is what a publish would give: shards are named by their content."""
    files = manifest.get("files")
    now = {split: sorted(paths) for split, paths in paths_by_split(derived.tally.shards).items()}
    return isinstance(files, dict) and now == {split: sorted(paths) for split, paths in files.items()}


def _to_push(config: Config, services: Services, snapshot: Snapshot, there: frozenset[str]) -> set[str]:
    """The records that a push would add to Argilla, where those in `there` are."""
    current = set(snapshot.current_set_ids(settings_id(config.models)))
    of_task = [record for record in snapshot.records.values() if record.task == config.review.task]
    known = {record.id for record in of_task if record.set_id in current}
    missing = current - {record.set_id for record in of_task}
    # The latest state of a set comes last.
    unshown = {one.id: one for one in (snapshot.each_candidate_set() if missing else ()) if one.id in missing}
    new, _ = records_to_show(config, services, snapshot, unshown.values())
    return (known | {record.id for record in new}) - there


def _settings_changed(config: Config, snapshot: Snapshot) -> str | None:
    before = answered_before(snapshot, settings_id(config.models))
    if not before:
        return None
    known = snapshot.manifest.settings.get([*before.values()][-1])
    what = "; ".join(differences(known, settings_of(config.models))) if known is not None else ""
    return (
        f"Settings changed{f' ({what})' if what else ''}: {counted(len(before), 'prompt')} "
        f"with answers of earlier settings. `generate` asks {'it' if len(before) == 1 else 'them'} again."
    )


def _progress(responses: Iterable[Response]) -> dict[str, dict[str, int]]:
    progress: dict[str, dict[str, int]] = {}
    for response in responses:
        counts = progress.setdefault(response.reviewer, {})
        counts[response.status] = counts.get(response.status, 0) + 1
    return dict(sorted(progress.items()))


def _commented(snapshot: Snapshot, responses: Iterable[Response]) -> list[tuple[Response, str]]:
    """The responses that have a comment, with that, in order of reviewer and record."""
    commented = []
    for response in sorted(responses, key=lambda response: (response.reviewer, response.record_id)):
        record = snapshot.records[response.record_id]
        comment = reading_task(record.task).annotation(response, record).comment
        if comment is not None:
            commented.append((response, comment))
    return commented


def _comments(snapshot: Snapshot, commented: Sequence[tuple[Response, str]]) -> tuple[Comment, ...]:
    sets = {snapshot.records[response.record_id].set_id for response, _ in commented}
    prompts = {
        one.id: one.prompt.messages[-1].content
        for one in (snapshot.each_candidate_set() if sets else ())
        if one.id in sets
    }
    return tuple(
        Comment(
            reviewer=response.reviewer,
            record_id=response.record_id,
            prompt=excerpt(prompts.get(snapshot.records[response.record_id].set_id, ""), PROMPT_EXCERPT),
            comment=excerpt(comment, COMMENT_EXCERPT),
        )
        for response, comment in commented
    )


def _came_through(config: Config, snapshot: Snapshot) -> dict[str, bool]:
    """For each prompt, whether its current set is complete."""
    entries = snapshot.current_entries(settings_id(config.models))
    return {prompt: entry.came_through for prompt, entry in entries.items()}


def _review(
    config: Config, services: Services, snapshot: Snapshot
) -> tuple[InArgilla | None, list[Response], frozenset[str], str | None]:
    """What Argilla holds, all answers with those that are not synced, the ids of the records there, or why not.

    Without Argilla the answers are those of the store, and all its records are taken to be where they were pushed to.
    """
    stored = list(snapshot.responses.values())
    records = frozenset(snapshot.records) - snapshot.retired
    try:
        with closing(open_review(config, services)) as review:
            dataset_id = review.find()
            if dataset_id is None:
                return InArgilla(url=None, completed=0, records=0, waiting=0, progress={}), stored, frozenset(), None
            url = review.url(dataset_id)
            review.check(config.review.settings())
            completed, total = review.progress()
            if not total or not snapshot.records:
                empty = InArgilla(url=url, completed=completed, records=total, waiting=0, progress=_progress(stored))
                return empty, stored, frozenset(), None
            pulled = review.pull()
        forgotten = snapshot.manifest.forgotten
        merged = merge_responses(snapshot.responses, pulled, known=snapshot.records, forgotten=forgotten)
    except CurationError as error:
        return None, stored, records, str(error)
    responses = list(merged.responses.values())
    found = InArgilla(
        url=url,
        completed=completed,
        records=total,
        waiting=merged.added + merged.changed + merged.withdrawn,
        progress=_progress(responses),
    )
    return found, responses, frozenset(record_id for record_id in pulled.records.values() if record_id), None


def _empty(config: Config) -> StatusReport:
    return StatusReport(
        store=config.store.repo_id,
        prompts=0,
        candidate_sets=0,
        failed=0,
        spending=spending(()),
        judges=(),
        disagreements=0,
        records=0,
        retired=0,
        to_push=0,
        responses={},
        waiting=0,
        progress={},
        commented=0,
        comments=(),
        settings_changed=None,
        reviewers={},
        verdicts=0,
        unresolved={},
        rows={},
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
