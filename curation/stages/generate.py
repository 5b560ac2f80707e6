"""generate: asks models about prompts, and writes candidate sets to the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

from curation.config import Config, Services
from curation.derive.spending import FAILURE_COLUMNS, USAGE_COLUMNS, failed_requests, spending, usage_frame
from curation.errors import MissingError, RefusedError
from curation.generation import (
    Amount,
    BudgetGate,
    Estimate,
    JudgeStatistics,
    JudgeTally,
    Meter,
    PromptSpool,
    cache_file,
    disagrees_with_itself,
    estimate,
    generate_candidate_sets,
    settings_id,
    settings_of,
    spooled,
    stage_meters,
)
from curation.generation.judge_report import judge_line
from curation.generation.refusals import is_temporary
from curation.prompts import REMEDIES
from curation.quality.checks import prompt_checks
from curation.quality.language import detect_language
from curation.report import Report
from curation.stages.changes import SettingsChange, answered_before, differences
from curation.stages.failures import FailureCount, FailureTally, failure_table
from curation.stages.services import open_store
from curation.stages.sole_run import sole_run
from curation.store import CANDIDATE_SETS, PromptsRead, Snapshot, Store
from curation.types import CandidateSet, DroppedPrompt, Prompt
from curation.wording import counted, dollars, duration, reasons

SETS_PER_COMMIT = 500
SECONDS_PER_COMMIT = 120.0

Confirm = Callable[[Estimate, bool], bool]
"""Given the estimate and whether it is above `generate.confirm_above` (or unknown): False ends the run."""

AskAgain = Callable[[SettingsChange], bool]
"""Given what changed and what it costs: True asks the prompts that have answers again, False keeps their answers."""

Watch = Callable[[Meter], AbstractContextManager[None]]
"""Entered while models are asked: shows what the meter counts."""


class GenerateReport(Report):
    """What `generate` did. prompts = dropped + already + made + failed + left.

    `failed_for_good` of the failed have a reason that does not pass by itself. `left` prompts were not asked because
    of the budget; the next may cost `next_prompt_tokens`. `useless` replies were paid for and gave no answer. `tokens`
    and `cost` are what this run paid, in US dollars, null if a price or a token count is unknown.
    """

    source: str
    prompts: int
    dropped: dict[str, int]
    already: int
    made: int
    failed: int
    failed_for_good: int
    left: int
    next_prompt_tokens: int
    failures: tuple[FailureCount, ...]
    judges: tuple[JudgeStatistics, ...]
    disagreements: int
    requests: int
    useless: int
    cached: int
    tokens: int
    cost: float | None
    estimate: Estimate
    min_success: float
    store: str
    commit: str | None

    @property
    def exit_code(self) -> int:
        """0 if `min_success` of the prompts asked came through; else 3 if trying again may help, else 1.

        1 too if there was no prompt, or every one was dropped.
        """
        if self.all_dropped or not self.prompts:
            return 1
        asked = self.made + self.failed
        if not asked or self.made / asked >= self.min_success:
            return 0
        return 1 if self.failed_for_good else 3

    @property
    def all_dropped(self) -> bool:
        """Whether there were prompts, and each of them was dropped."""
        return self.prompts > 0 and sum(self.dropped.values()) == self.prompts

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, then what was paid, what the judges were like, and a table of reasons where there are any."""
        lines = [
            f"{counted(self.prompts, 'prompt')} of {self.source}: {self.made:,} new candidate sets, "
            f"{self.already:,} there already, {self.failed:,} failed, {sum(self.dropped.values()):,} dropped. "
            f"Store: {self.store}."
        ]
        if self.left:
            lines.append(
                f"Stopped at the budget: {counted(self.left, 'prompt')} not asked; one more may cost up to "
                f"{self.next_prompt_tokens:,} tokens. Raise generate.budget to go on."
            )
        if self.requests or self.cached or self.useless:
            useless = f" and {self.useless:,} useless ones" if self.useless else ""
            lines.append(
                f"Replies: {self.requests:,}{useless} paid for now ({self.tokens:,} tokens, "
                f"{dollars(self.cost)}), {self.cached:,} from the cache."
            )
        lines.extend(judge_line(judge) for judge in self.judges)
        if self.disagreements:
            lines.append(
                f"In {counted(self.disagreements, 'candidate set')} a judge preferred the other answer when the order "
                "was swapped."
            )
        if self.dropped:
            lines.append(f"Dropped prompts: {reasons(self.dropped)}.")
            lines.extend(remedy for reason, remedy in REMEDIES.items() if reason in self.dropped)
        if self.all_dropped:
            lines.append("Nothing was asked, because every prompt was dropped.")
        elif not self.prompts:
            lines.append(f"Nothing was asked: {self.source} has no prompts. Correct [prompts], or add some there.")
        elif not self.made + self.failed + self.left:
            lines.append("Nothing to ask: every prompt that was not dropped has its answers.")
        if self.failures:
            lines.append("Failures (failed prompts are asked again next time):")
            lines.extend(failure_table(self.failures))
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """Push what there is to review."""
        return "push" if self.made + self.already else None


def refuse_to_ask_again(change: SettingsChange) -> bool:
    """Raise RefusedError: what a program that cannot be asked does about changed settings unless it was told."""
    raise RefusedError(
        change.refusal,
        remedy="Add --yes to ask them again, or --only-missing to keep their answers "
        "(in Python: ask_again=True, or False).",
    )


def generate(
    config: Config,
    *,
    services: Services | None = None,
    ask_again: AskAgain | bool = refuse_to_ask_again,
    confirm: Confirm = lambda estimate, above: not above,
    watch: Watch = lambda meter: nullcontext(),
    use_cache: bool = True,
) -> GenerateReport:
    """Ask every model about every prompt that has no complete candidate set yet, and store the answers.

    What is finished is stored even if the run is interrupted (but for the last moment), and every reply is in the
    request cache before it is used, so that no request is paid for twice; `use_cache=False` asks anew. `watch` is how
    one sees how far it is. One store is filled by one run at a time: a second one on this machine raises
    TemporaryError.

    Prompts that have answers made with other settings are asked again if `ask_again` is true or returns True; else
    their answers are kept, and count as if they were made with the present settings.
    Raises RefusedError if there are such prompts and `ask_again` is not given, and if the run may cost more than
    `generate.confirm_above` and `confirm` says no; AuthError,
    MissingError or TemporaryError before anything is paid for if the prompts, the store or an endpoint cannot be
    reached, and after a few requests if an endpoint refuses or answers nothing any more.
    """
    services = services or Services.from_environment()
    with sole_run(config.store.repo_id, services.hub_endpoint):
        return _generate(
            config,
            services,
            ask_again=ask_again,
            confirm=confirm,
            watch=watch,
            cache=cache_file() if use_cache else None,
        )


def _generate(
    config: Config,
    services: Services,
    *,
    ask_again: AskAgain | bool,
    confirm: Confirm,
    watch: Watch,
    cache: Path | None,
) -> GenerateReport:
    meter = Meter(min_candidates=config.review.min_candidates)
    source = config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)
    store = open_store(config, services)
    store.create()
    snapshot = _snapshot(store)
    reader = PromptReader(config, services, source, snapshot)
    with _asked(reader, config, snapshot, ask_again, cache=cache) as spool:
        expected = estimate(spool, config.models, cache=cache)
        _confirmed(config, expected, confirm)
        _start(meter, config, spool, snapshot)
        gate = _gate(config, snapshot, spool, meter, expected)
        writer = _Writer(store, reader, config)
        _fill(writer, config, spool, gate=gate, meter=meter, watch=watch, cache=cache)
    return _report(config, reader, writer, meter, expected=expected, asked=spool.prompts, gate=gate)


def _start(meter: Meter, config: Config, spool: PromptSpool, snapshot: Snapshot | None) -> None:
    """Let the meter know every model, and which requests failed in earlier runs."""
    meter.start(stage_meters(config.models), prompts=spool.prompts)
    failed_before = _failed_before(snapshot)
    for stage in meter.stages:
        stage.failed_before = failed_before


def _fill(
    writer: _Writer,
    config: Config,
    spool: PromptSpool,
    *,
    gate: BudgetGate | None,
    meter: Meter,
    watch: Watch,
    cache: Path | None,
) -> None:
    """Ask every model about the prompts of the spool, and write each candidate set as soon as it is done."""
    sets = generate_candidate_sets(
        config.name,
        spool,
        models=config.models,
        engine=config.generate.engine,
        cache=cache,
        meter=meter,
        room=gate.room if gate else lambda in_flight: True,
    )
    # Without a row to begin no endpoint has to be reached, let alone woken.
    begins = spool.prompts > 0 and (gate is None or gate.room(0))
    try:
        with watch(meter), closing(sets):
            for candidate_set in sets if begins else ():
                writer.add(candidate_set)
    finally:
        writer.flush()


def _report(
    config: Config,
    reader: PromptReader,
    writer: _Writer,
    meter: Meter,
    *,
    expected: Estimate,
    asked: int,
    gate: BudgetGate | None,
) -> GenerateReport:
    """Return what became of the prompts; of `asked` prompts some may be left because of the budget."""
    progress = meter.progress()
    return GenerateReport(
        source=reader.source,
        prompts=reader.read,
        dropped=dict(reader.dropped),
        already=reader.already,
        made=writer.made,
        failed=writer.failed,
        failed_for_good=writer.failed_for_good,
        left=asked - writer.made - writer.failed,
        next_prompt_tokens=gate.row.tokens if gate else 0,
        failures=writer.failures.counts(),
        judges=writer.judges.statistics(),
        disagreements=writer.disagreements,
        requests=sum(stage.done for stage in progress.stages),
        useless=sum(stage.useless for stage in meter.stages),
        cached=sum(stage.cached for stage in progress.stages),
        tokens=progress.tokens,
        cost=progress.cost,
        estimate=expected,
        min_success=config.generate.min_success,
        store=config.store.repo_id,
        commit=writer.commit,
    )


@contextmanager
def _asked(
    reader: PromptReader, config: Config, snapshot: Snapshot | None, ask_again: AskAgain | bool, *, cache: Path | None
) -> Iterator[PromptSpool]:
    """Spool the prompts that are asked; those with answers of other settings are among them if `ask_again` says so."""
    if ask_again is False:
        reader.keep_answers()
    with spooled(reader.prompts()) as spool:
        change = None if isinstance(ask_again, bool) else _change(reader, config, snapshot, spool, cache=cache)
        if change is None or isinstance(ask_again, bool) or ask_again(change):
            yield spool
            return
        reader.already += change.prompts
        with spooled(prompt for prompt in spool.read() if prompt.id not in reader.answered_before) as missing:
            yield missing


def _change(
    reader: PromptReader, config: Config, snapshot: Snapshot | None, spool: PromptSpool, *, cache: Path | None
) -> SettingsChange | None:
    """Return what changed for those prompts of the spool that have answers; None if there are none."""
    before = reader.answered_before
    with spooled(prompt for prompt in (spool.read() if before else ()) if prompt.id in before) as again:
        if snapshot is None or not again.prompts:
            return None
        newest = [before[prompt.id] for prompt in again.read()][-1]
        known = snapshot.manifest.settings.get(newest)
        return SettingsChange(
            differences=differences(known, settings_of(config.models)) if known is not None else (),
            prompts=again.prompts,
            estimate=estimate(again, config.models, cache=cache),
        )


def _confirmed(config: Config, expected: Estimate, confirm: Confirm) -> None:
    if not expected.rows:
        return
    most = config.generate.confirm_above
    above = most is not None and (expected.cost is None or expected.cost > most)
    if not confirm(expected, above):
        raise RefusedError(
            f"Nothing was asked: {estimate_line(expected)} generate.confirm_above is {dollars(most)}.",
            remedy="Add --yes, or raise confirm_above.",
        )


def estimate_line(expected: Estimate) -> str:
    """Return an estimate as a sentence."""
    prompts = f"{counted(expected.rows, 'prompt')} need{'s' if expected.rows == 1 else ''}"
    if not expected.requests:
        return f"{prompts} no request: the cache has all {expected.cached:,} replies."
    most = "" if expected.measured else "at most "
    cached = f" ({expected.cached:,} more are in the cache)" if expected.cached else ""
    return (
        f"{prompts} {most}{counted(expected.requests, 'request')}{cached} and {most}{expected.tokens:,} tokens, "
        f"{dollars(expected.cost)}, about {duration(expected.seconds)}."
    )


def _gate(
    config: Config, snapshot: Snapshot | None, spool: PromptSpool, meter: Meter, expected: Estimate
) -> BudgetGate | None:
    if config.generate.budget is None or not expected.rows:
        return None
    settings = settings_id(config.models)
    spent = spending(
        usage_frame(table["usage"]) for _, table in (snapshot.tables(CANDIDATE_SETS, USAGE_COLUMNS) if snapshot else ())
    )
    again = (
        one
        for one in (snapshot.each_candidate_set() if snapshot else ())
        if one.settings != settings or not one.came_through(config.review.min_candidates)
    )
    return BudgetGate(
        config.generate.budget,
        meter,
        estimate=expected,
        longest_prompt=spool.longest,
        spent=Amount(spent.known_cost, spent.tokens),
        uncounted=spent.uncounted,
        paid={usage.request for candidate_set in again for usage in candidate_set.usage},
    )


def _failed_before(snapshot: Snapshot | None) -> frozenset[str]:
    """The requests that failed in earlier runs: their prompts may be at fault."""
    return failed_requests(table for _, table in (snapshot.tables(CANDIDATE_SETS, FAILURE_COLUMNS) if snapshot else ()))


class PromptReader:
    """Reads the prompts once, and counts what becomes of each.

    `answered_before` has the prompts that need asking only because the settings changed, and their earlier settings.
    """

    def __init__(self, config: Config, services: Services, source: str, snapshot: Snapshot | None) -> None:
        self._rows = config.prompts.load(source, endpoint=services.hub_endpoint, token=services.hub_token)
        self._checks = prompt_checks(config.quality, endpoint=services.hub_endpoint, token=services.hub_token)
        self._prompt_fault = config.review.prompt_fault
        settings = settings_id(config.models)
        self._done = _done(snapshot, settings)
        self.answered_before = answered_before(snapshot, settings)
        self.source = source
        self.read = self.already = 0
        self.dropped: Counter[str] = Counter()
        self.at_fault: list[DroppedPrompt] = []

    def keep_answers(self) -> None:
        """Count prompts that were answered with other settings as done."""
        self._done |= self.answered_before.keys()

    def prompts(self) -> Iterator[Prompt]:
        """Yield the prompts that are asked, each with its language."""
        for found in self._rows:
            self.read += 1
            if not isinstance(found, Prompt):
                self.dropped[found.reason] += 1
                continue
            # What nobody can be shown shadows no near-duplicate of it.
            reason = self._prompt_fault(found.messages)
            if reason is None:
                # Those that were paid for are looked at too: later ones may be near-duplicates of them.
                reason = self._checks.reason(found.messages)
            if found.id in self._done:
                self.already += 1
            elif reason is not None:
                self.dropped[reason] += 1
                self.at_fault.append(DroppedPrompt(id=found.id, prompt=found, reason=reason))
            else:
                yield found.model_copy(update={"language": detect_language(found.messages[-1].content)})


class _Writer:
    """Commits finished sets as they come, many at a time, and counts what they say."""

    def __init__(self, store: Store, reader: PromptReader, config: Config) -> None:
        self._store = store
        self._reader = reader
        self._settings = {settings_id(config.models): settings_of(config.models)}
        self._min_candidates = config.review.min_candidates
        self._waiting: list[CandidateSet] = []
        self._flushed = time.monotonic()
        self.made = self.failed = self.failed_for_good = self.disagreements = 0
        self.failures = FailureTally()
        self.judges = JudgeTally()
        self.commit: str | None = None

    def add(self, candidate_set: CandidateSet) -> None:
        self._waiting.append(candidate_set)
        self.failures.add(candidate_set.failures)
        self.judges.add(candidate_set.judgements)
        self.disagreements += disagrees_with_itself(candidate_set.judgements)
        if candidate_set.came_through(self._min_candidates):
            self.made += 1
        else:
            self.failed += 1
            reasons_of_it = (failure.reason for failure in candidate_set.failures if failure.stage != "rating")
            self.failed_for_good += any(not is_temporary(reason) for reason in reasons_of_it)
        if len(self._waiting) >= SETS_PER_COMMIT or time.monotonic() - self._flushed > SECONDS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        if not self._reader.read:
            return
        read = PromptsRead(
            source=self._reader.source, read=self._reader.read, dropped=dict(sorted(self._reader.dropped.items()))
        )
        dropped = self._reader.at_fault
        commit = self._store.add_candidate_sets(self._waiting, prompts=read, settings=self._settings, dropped=dropped)
        self.commit = commit or self.commit
        self._waiting.clear()
        dropped.clear()
        self._flushed = time.monotonic()


def _snapshot(store: Store) -> Snapshot | None:
    try:
        return store.snapshot()
    except MissingError:
        return None


def _done(snapshot: Snapshot | None, settings: str) -> set[str]:
    """The prompts that need no asking: with these settings they have a complete set already."""
    entries = snapshot.set_index.values() if snapshot else ()
    return {entry.prompt_id for entry in entries if entry.settings == settings and entry.came_through}
