"""status: where a curation stands, from the store, Argilla and the published dataset."""

from __future__ import annotations

from curation.config import Config, Services
from curation.errors import CurationError, MissingError
from curation.generation import JudgeStatistics, settings_id
from curation.stages.derive import derive
from curation.stages.report import Report, counted, dollars, judge_line, reasons
from curation.stages.services import open_published, open_review, open_store
from curation.stages.spending import Spending, spending
from curation.store import Snapshot


class StatusReport(Report):
    """Counts along the flow. `completed` and `in_argilla` are null if Argilla does not answer; `argilla` says why.

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
    responses: dict[str, int]
    reviewers: dict[str, str]
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
    cost_per_row: dict[str, float | None]
    published: bool
    completed: int | None
    in_argilla: int | None
    argilla: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """One line per step of the flow."""
        if self.argilla is not None:
            review = f"Argilla: {self.argilla}"
        else:
            review = f"Argilla: {self.completed:,} of {counted(self.in_argilla or 0, 'record')} completed."
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return (
            f"Store {self.store}: {counted(self.prompts, 'prompt')} read, "
            f"{counted(self.candidate_sets, 'candidate set')} ({self.failed:,} failed), "
            f"{counted(self.records, 'record')}.",
            self._cost,
            *(judge_line(judge) for judge in self.judges),
            review,
            f"Responses synced: {reasons(self.responses) or 'none'}.",
            *(f"Published as {pseudonym}: {reviewer}." for reviewer, pseudonym in self.reviewers.items()),
            f"Verdicts: {self.verdicts:,}; without: {reasons(self.unresolved) or 'none'}.",
            f"Rows: {rows}; {'published' if self.published else 'not published yet'}.",
        )

    @property
    def _cost(self) -> str:
        paid = f"{counted(self.spending.requests, 'request')}, {self.spending.tokens:,} tokens"
        rows = (f"{dollars(cost)} a row of {name}" for name, cost in self.cost_per_row.items() if cost is not None)
        return f"Paid: {', '.join((paid, dollars(self.spending.cost), *rows))}."

    @property
    def next_verb(self) -> str | None:
        """The next step that has something to do."""
        if not self.records:
            return "push" if self.candidate_sets else "generate"
        return "publish" if any(self.rows.values()) else "sync"


def status(config: Config, *, services: Services | None = None) -> StatusReport:
    """Return where the curation stands. Argilla may be away; without a store everything is 0."""
    services = services or Services.from_environment()
    store = open_store(config, services)
    try:
        snapshot = store.snapshot()
    except MissingError:
        return _empty(config)
    derived = derive(config, snapshot, services)
    tally = derived.tally
    came_through = _came_through(config, snapshot)
    completed, in_argilla, argilla = _review(config, services)
    statuses = [response.status for response in snapshot.responses.values()]
    return StatusReport(
        store=config.store.repo_id,
        prompts=sum(read.read for read in snapshot.manifest.prompts.values()),
        candidate_sets=len(came_through),
        failed=sum(not good for good in came_through.values()),
        spending=derived.spending,
        judges=tally.judges.statistics(),
        disagreements=tally.disagreements,
        records=derived.records,
        responses={name: statuses.count(name) for name in sorted(set(statuses))},
        reviewers={reviewer: snapshot.pseudonym(reviewer) for reviewer in derived.reviewers},
        verdicts=tally.verdicts,
        unresolved=dict(tally.unresolved),
        rows={name: derived.rows(name) for name in config.publish.formats},
        cost_per_row={name: derived.spending.per_row(derived.rows(name)) for name in config.publish.formats},
        published=open_published(config, services).repo.exists(),
        completed=completed,
        in_argilla=in_argilla,
        argilla=argilla,
    )


def _came_through(config: Config, snapshot: Snapshot) -> dict[str, bool]:
    """For each prompt, whether its current set is complete."""
    entries = snapshot.current_entries(settings_id(config.models))
    return {prompt: entry.came_through for prompt, entry in entries.items()}


def _review(config: Config, services: Services) -> tuple[int | None, int | None, str | None]:
    try:
        completed, total = open_review(config, services).progress()
    except CurationError as error:
        return None, None, str(error)
    return completed, total, None


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
        responses={},
        reviewers={},
        verdicts=0,
        unresolved={},
        rows={},
        cost_per_row={},
        published=False,
        completed=0,
        in_argilla=0,
        argilla=None,
    )
