"""status: where a curation stands, from the store, Argilla and the published dataset."""

from __future__ import annotations

from curation.config import Config, Services
from curation.errors import CurationError, MissingError
from curation.generation import settings_id
from curation.stages.derive import derive
from curation.stages.report import Report, counted, reasons
from curation.stages.services import open_published, open_review, open_store


class StatusReport(Report):
    """Counts along the flow. `reviewed` and `completed` are null if Argilla does not answer; `argilla` says why."""

    store: str
    prompts: int
    candidate_sets: int
    records: int
    responses: dict[str, int]
    verdicts: int
    unresolved: dict[str, int]
    rows: dict[str, int]
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
            f"{counted(self.candidate_sets, 'candidate set')}, {counted(self.records, 'record')}.",
            review,
            f"Responses synced: {reasons(self.responses) or 'none'}.",
            f"Verdicts: {self.verdicts:,}; without: {reasons(self.unresolved) or 'none'}.",
            f"Rows: {rows}; {'published' if self.published else 'not published yet'}.",
        )

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
    derived = derive(config, snapshot)
    completed, in_argilla, argilla = _review(config, services)
    statuses = [response.status for response in snapshot.responses.values()]
    read = snapshot.manifest.prompts
    return StatusReport(
        store=config.store.repo_id,
        prompts=read.read if read else 0,
        candidate_sets=len(snapshot.current_sets(settings_id(config.generators, config.judge))),
        records=len(snapshot.records),
        responses={name: statuses.count(name) for name in sorted(set(statuses))},
        verdicts=len(derived.verdicts),
        unresolved=derived.unresolved,
        rows={name: derived.rows(name) for name in config.publish.formats},
        published=open_published(config, services).repo.exists(),
        completed=completed,
        in_argilla=in_argilla,
        argilla=argilla,
    )


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
        records=0,
        responses={},
        verdicts=0,
        unresolved={},
        rows={},
        published=False,
        completed=0,
        in_argilla=0,
        argilla=None,
    )
