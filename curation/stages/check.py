"""check: tells whether everything that a curation needs is there, before anything is paid for or written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from pydantic import BaseModel, ConfigDict

from curation.config import Config, Services
from curation.costs import FREE, PLAN, hardware_line
from curation.documents import DocumentPrompts
from curation.errors import AuthError, CurationError, DataError, MissingError, RefusedError, TemporaryError
from curation.generation import Endpoint, cache_file, check_endpoint, estimate, settings_id, spooled
from curation.gold import read_gold
from curation.hub import connect, hub_errors
from curation.prompts import REMEDIES
from curation.quality import answer_checks, prompt_checks
from curation.report import Report
from curation.review.transport import is_space
from curation.review_space import KeptData, kept_data
from curation.runs.prompt_reader import PromptReader, answered_now
from curation.runs.questions import Questions
from curation.runs.variations import Variations
from curation.runs.written_prompts import opened_written_prompts
from curation.services import open_published, open_review, open_store
from curation.store import Snapshot
from curation.wording import counted, reasons


class Finding(BaseModel):
    """The result of one check: a sentence that says that all is well, or what is wrong. `details` are further lines.

    A `warning` says that nothing is wrong now, but something may be lost later.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    ok: bool
    message: str
    details: tuple[str, ...] = ()
    temporary: bool = False
    warning: bool = False

    @property
    def mark(self) -> str:
        """How the line begins."""
        if self.ok:
            return "WARN" if self.warning else "ok  "
        return "FAIL"


class CheckReport(Report):
    """The results of all checks."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 if all is well, 3 if all faults are temporary, else 1."""
        faults = [finding for finding in self.findings if not finding.ok]
        if not faults:
            return 0
        return 3 if all(fault.temporary for fault in faults) else 1

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each check, which begins with ok, WARN or FAIL, and its details below it."""
        return tuple(
            line
            for finding in self.findings
            for line in (
                f"{finding.mark}  {finding.subject}: {finding.message}",
                *(f"        {detail}" for detail in finding.details),
            )
        )

    @property
    def next_verb(self) -> str | None:
        """`generate`, if all is well."""
        return "generate" if self.exit_code == 0 else None


def check(config: Config, *, services: Services | None = None, ask: bool = False) -> CheckReport:
    """Check everything that the other commands need. Nothing is changed, and all faults are reported together.

    Prompts are read and counted, and the requests and the cost for them are estimated. Models that cost nothing are
    asked for one token; with `ask` all models are.
    """
    services = services or Services.from_environment()
    findings = [
        Finding(subject="config", ok=True, message=f"{config.name}: {_writers(config)}"),
        _quality(config, services),
        _finding("prompts", lambda: _prompts(config, services)),
        *([_finding("gold", lambda: _gold(config))] if config.review.gold is not None else []),
        _finding("token", lambda: _may_write(config, services)),
        _finding("store", lambda: _store(config, services)),
        _finding("published", lambda: _published(config, services)),
    ]
    if isinstance(config.prompts, DocumentPrompts):
        writer = config.prompts.question_model
        findings.append(_model("questions", writer.generator, name=writer.name, ask=ask))
    for model in config.vary:
        findings.append(_model(f"variations: {model.name}", model.generator, name=model.name, ask=ask))
    for stage, options in config.models.stages.items():
        label = config.models.labels[stage]
        if config.generate.engine == "batch" and not ask:
            findings.append(Finding(subject=label, ok=True, message=f"{options.name} is asked through batch files"))
            continue
        findings.append(_model(label, options, name=options.name, ask=ask))
    findings.append(_finding("argilla", lambda: _argilla(config, services)))
    if services.argilla_api_url is None and not config.labels.decides_without_people:
        findings.append(_missing_space())
    elif services.argilla_api_url is not None and is_space(services.argilla_api_url):
        findings.append(_space(services, services.argilla_api_url))
    return CheckReport(findings=tuple(findings))


def _writers(config: Config) -> str:
    """Return who writes the answers, as a phrase."""
    number = len(config.generators)
    return counted(number, "generator") if number else "no generators, the answers exist already"


def _finding(subject: str, check_subject: Callable[[], str]) -> Finding:
    """Call a check. It returns a sentence if all is well, or raises an error."""
    try:
        return Finding(subject=subject, ok=True, message=check_subject())
    except CurationError as error:
        return Finding(subject=subject, ok=False, message=str(error), temporary=isinstance(error, TemporaryError))


def _model(label: str, endpoint: Endpoint, *, name: str, ask: bool) -> Finding:
    """Return the finding about a model: a warning if its endpoint answers, and it refused the request of one token."""
    try:
        reached = check_endpoint(endpoint, name=name, ask=ask)
    except CurationError as error:
        return Finding(subject=label, ok=False, message=str(error), temporary=isinstance(error, TemporaryError))
    return Finding(subject=label, ok=True, warning=reached.doubtful, message=reached.sentence)


def _quality(config: Config, services: Services) -> Finding:
    """Return the finding about the checks in `[quality]` and `[[filters]]`, with a line for each of them."""
    finding = _finding("quality", lambda: _checks(config, services))
    return finding.model_copy(update={"details": config.quality.lines(config.filters)}) if finding.ok else finding


def _checks(config: Config, services: Services) -> str:
    """Return a sentence. Raises an error if something that the checks of prompts and answers need cannot be read."""
    prompt_checks(config.quality, config.filters, endpoint=services.hub_endpoint, token=services.hub_token)
    answer_checks(config.quality, config.filters, endpoint=services.hub_endpoint, token=services.hub_token)
    return "every check can run"


def _prompts(config: Config, services: Services) -> str:
    """Return how many prompts there are, how many are dropped and why, and what asking the others will use."""
    source = config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)
    snapshot = _snapshot(config, services)
    with opened_written_prompts(config, services, source, snapshot) as written:
        if isinstance(written, Questions):
            return _written(written, config, snapshot)
        counts = _source_prompts(config, services, source, snapshot)
        return counts if written is None else f"{counts}\n        {_written(written, config, snapshot)}"


def _gold(config: Config) -> str:
    """Return how many gold records the gold file has. Raises DataError for a line that is no gold record."""
    return f"{config.review.gold} has {counted(len(read_gold(config)), 'gold record')}"


def _source_prompts(config: Config, services: Services, source: str, snapshot: Snapshot | None) -> str:
    """Return a sentence with the number of prompts in the source, without variations of them.

    It also says what asking them will use, unless there are variations, which change that.
    """
    reader = PromptReader(config, services, source, snapshot)
    with spooled(reader.prompts()) as spool:
        expected = estimate(spool, config.models, cache=cache_file())
    if not reader.read:
        raise DataError(f"{source} has no prompts.", remedy="Correct [prompts], or add some there.")
    dropped = sum(reader.dropped.values())
    if dropped == reader.read:
        remedies = [remedy for reason, remedy in REMEDIES.items() if reason in reader.dropped]
        raise DataError(
            f"Every prompt of {source} would be dropped: {reasons(reader.dropped)}.", remedy=" ".join(remedies) or None
        )
    counts = f"{counted(reader.read, 'prompt')} of {source}, {dropped:,} dropped"
    counts += f" ({reasons(reader.dropped)}); " if dropped else "; "
    already = f"{reader.already:,} have answers; " if reader.already else ""
    if config.vary:
        return (counts + already).removesuffix("; ")
    return counts + already + (expected.line if expected.rows else "there is nothing to ask")


def _written(written: Questions | Variations, config: Config, snapshot: Snapshot | None) -> str:
    """Return how many rows or prompts to expect where models write prompts, and what asking will use."""
    done = frozenset(answered_now(snapshot, settings_id(config.models)))
    expected = written.estimate(cache=cache_file(), done=done)
    lines = (*written.report().lines, expected.line if expected.rows else "there is nothing to ask")
    return "\n        ".join(lines)


def _snapshot(config: Config, services: Services) -> Snapshot | None:
    """Return what the store holds, None if there is no store or it cannot be read, which `_store` reports."""
    try:
        return open_store(config, services).snapshot()
    except CurationError:
        return None


def _store(config: Config, services: Services) -> str:
    store = open_store(config, services)
    if not store.repo.exists():
        return f"{config.store.repo_id} will be created"
    store.require_private()
    try:
        snapshot = store.snapshot()
    except MissingError:
        return f"{config.store.repo_id} holds nothing yet"
    prompts = len(snapshot.current_set_ids(settings_id(config.models)))
    records, responses = counted(len(snapshot.records), "record"), counted(len(snapshot.responses), "response")
    return f"{config.store.repo_id} holds answers to {counted(prompts, 'prompt')}, {records} and {responses}"


def _published(config: Config, services: Services) -> str:
    head = open_published(config, services).check(private=config.publish.private)
    state = "will be created" if head is None else "is there, and is this curation's"
    return f"{config.publish.repo_id} {state}"


def _may_write(config: Config, services: Services) -> str:
    if services.hub_token is None:
        raise AuthError("HF_TOKEN is not set.", remedy="Set it to a write token.")
    api = connect(services.hub_endpoint, services.hub_token)
    with hub_errors(api, "your account"):
        me = api.whoami()
    name = str(me["name"])
    role = str(me.get("auth", {}).get("accessToken", {}).get("role", "unknown"))
    if role == "read":
        raise AuthError(f"The token of {name} may only read.", remedy="Set HF_TOKEN to a write token.")
    namespaces = {name, *(str(org["name"]) for org in me.get("orgs", []))}
    for repo_id in (config.store.repo_id, config.publish.repo_id):
        owner = repo_id.partition("/")[0]
        if owner not in namespaces:
            raise AuthError(
                f"{name} may not write to {owner} ({repo_id}).",
                remedy=f"Use one of {', '.join(sorted(namespaces))}, or another token.",
            )
    return f"{name} may write ({role} token) to {config.store.repo_id} and {config.publish.repo_id}"


def _space(services: Services, api_url: str) -> Finding:
    """Return the finding about where the review Space keeps its data: a warning unless that outlives a restart."""
    try:
        kept = kept_data(connect(services.hub_endpoint, services.hub_token), api_url)
    except CurationError as error:
        kept = KeptData(f"Whether the Space keeps its data is not known. {error}", safe=False)
    return Finding(subject="space", ok=True, warning=not kept.safe, message=kept.sentence, details=kept.costs)


def _missing_space() -> Finding:
    """Return the finding that there is no place yet where people review, with the ways to get one and their costs."""
    message = f"there is none yet. `curation deploy argilla` makes one. {PLAN} {hardware_line(None)} {FREE}"
    return Finding(subject="space", ok=True, message=message)


def _argilla(config: Config, services: Services) -> str:
    if services.argilla_api_url is None and config.labels.decides_without_people:
        return "ARGILLA_API_URL is not set; `publish` needs no review, because something else may decide"
    place = f"{config.review.workspace}/{config.review_dataset}"
    with closing(open_review(config, services)) as review:
        if review.find() is None:
            snapshot = _snapshot(config, services)
            answers = [key for key in snapshot.responses if _of_task(config, snapshot, key[0])] if snapshot else []
            if answers:
                raise RefusedError(
                    f"There is no dataset {place}, and the store holds {counted(len(answers), 'answer')} to its "
                    "records.",
                    remedy="Run `curation restore`: it puts the records and all answers of the last sync back. Or "
                    "correct `workspace` or `dataset` under [review].",
                )
            return f"answers; {place} will be created"
        review.check(config.review.settings())
    return f"answers; {place} has this task's settings"


def _of_task(config: Config, snapshot: Snapshot, record_id: str) -> bool:
    """Whether a record is of the present task. Records of other tasks are in other datasets."""
    return snapshot.shown[record_id].task == config.review.task
