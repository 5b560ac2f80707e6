"""generate: asks models about prompts, and writes candidate sets to the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

from curation import labels
from curation.config import Config, Services
from curation.generation import (
    BudgetGate,
    Endpoint,
    Estimate,
    JudgeStatistics,
    Meter,
    PromptSpool,
    cache_file,
    estimate,
    generate_candidate_sets,
    reach_endpoint,
    settings_id,
    stage_meters,
)
from curation.generation.batch import Batches
from curation.generation.batch_report import BatchReport
from curation.generation.failure_tally import FailureCount, failure_table
from curation.generation.judge_report import judge_line, judges_line
from curation.generation.sole_run import sole_run
from curation.prompts import REMEDIES
from curation.report import Report
from curation.review_statistics import JudgesAgreement
from curation.runs.asking import NOTHING_ASKED, Watch
from curation.runs.batches import opened_batches
from curation.runs.consent import (
    AskAgain,
    Confirm,
    already_confirmed,
    confirm_cost,
    prompts_to_ask,
    refuse_to_ask_again,
    whether_to_ask_again,
)
from curation.runs.earlier_runs import budget_gate, requests_failed_before
from curation.runs.prompt_reader import PromptReader, answered_now
from curation.runs.questions import QuestionReport
from curation.runs.set_writer import SetWriter
from curation.runs.variations import VariationReport
from curation.runs.written_prompts import opened_written_prompts
from curation.services import needs_review, open_store
from curation.store import Snapshot
from curation.wording import counted, dollars, reasons


class GenerateReport(Report):
    """What `generate` did. prompts = dropped + already + made + failed + left + waiting.

    - Prompts: `already` have a complete candidate set in the store, `made` got one now, `failed` got too few answers.
      `failed_for_good` of the failed have a reason that does not pass by itself. `left` were not asked because of the
      budget; the next of them may cost `next_prompt_tokens`.
    - Requests: `requests` replies were paid for now, `cached` came from the request cache, and `useless` ones were paid
      for and gave no answer.
    - `tokens` and `cost` (in US dollars) are what this run paid. The cost is null if a price or a token count is
      unknown.
    - `questions` is what became of documents, null if the prompts are no questions about documents.
    - `variations` is what became of variations of prompts, null without `[[vary]]`.
    - `judge_pairs` says how far every two judges agree on the new sets.
    - `needs_review` is whether people come next: it is false if something else may decide and there is no Argilla.
    - `waiting` prompts wait for results of batches, and `batch` is what became of the batch files, null with other
      engines.
    - In `disagreements` candidate sets a judge preferred the other answer when the order was swapped.
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
    judge_pairs: tuple[JudgesAgreement, ...]
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
    questions: QuestionReport | None = None
    variations: VariationReport | None = None
    needs_review: bool = True
    waiting: int = 0
    batch: BatchReport | None = None

    @property
    def exit_code(self) -> int:
        """0 if at least the share `min_success` of the prompts that were asked got answers.

        A request for questions or variations that failed counts as a prompt without answers.

        3 if prompts wait for results of batches. If not: 1 if a failure does not pass by itself, else 3. Also 1 if
        there was no prompt, or all were dropped.
        """
        if self.waiting:
            return 3
        unwritten = self._written or NOTHING_ASKED
        if not unwritten.failed and (self.all_dropped or not self.prompts):
            return 1
        asked = self.made + self.failed + unwritten.failed
        if not asked or self.made / asked >= self.min_success:
            return 0
        return 1 if self.failed_for_good or unwritten.failed_for_good else 3

    @property
    def _written(self) -> QuestionReport | VariationReport | None:
        return self.questions or self.variations

    @property
    def all_dropped(self) -> bool:
        """Whether there were prompts, and each of them was dropped."""
        return self.prompts > 0 and sum(self.dropped.values()) == self.prompts

    @property
    def lines(self) -> tuple[str, ...]:
        """The counts, what was paid, how the judges rated, and a table of the failures."""
        return (
            *(self._written.lines if self._written is not None else ()),
            f"{counted(self.prompts, 'prompt')} of {self.source}: {counted(self.made, 'new candidate set')}, "
            f"{self.already:,} there already, {self.failed:,} failed, {sum(self.dropped.values()):,} dropped. "
            f"Store: {self.store}.",
            *(self.batch.lines if self.batch is not None else ()),
            *self._payment_lines,
            *map(judge_line, self.judges),
            *map(judges_line, self.judge_pairs),
            *self._disagreement_lines,
            *self._dropped_lines,
            *self._nothing_asked_lines,
            *self._failure_lines,
        )

    @property
    def _payment_lines(self) -> Iterator[str]:
        if self.left:
            yield (
                f"Stopped at the budget: {counted(self.left, 'prompt')} not asked; one more may cost up to "
                f"{self.next_prompt_tokens:,} tokens. Raise generate.budget to go on."
            )
        if self.requests or self.cached or self.useless:
            useless = f" and {self.useless:,} useless ones" if self.useless else ""
            yield (
                f"Replies: {self.requests:,}{useless} paid for now ({self.tokens:,} tokens, "
                f"{dollars(self.cost)}), {self.cached:,} from the cache."
            )

    @property
    def _disagreement_lines(self) -> Iterator[str]:
        if self.disagreements:
            yield (
                f"In {counted(self.disagreements, 'candidate set')} a judge preferred the other answer when the order "
                "was swapped."
            )

    @property
    def _dropped_lines(self) -> Iterator[str]:
        if self.dropped:
            yield f"Dropped prompts: {reasons(self.dropped)}."
            yield from (remedy for reason, remedy in REMEDIES.items() if reason in self.dropped)

    @property
    def _nothing_asked_lines(self) -> Iterator[str]:
        if self.all_dropped:
            yield "Nothing was asked, because every prompt was dropped."
        elif not self.prompts:
            yield f"Nothing was asked: {self.source} has no prompts. Correct [prompts], or add some there."
        elif not self.made + self.failed + self.left + self.waiting:
            yield "Nothing to ask: every prompt that was not dropped has its answers."

    @property
    def _failure_lines(self) -> Iterator[str]:
        if self.failures:
            yield "Failures (failed prompts are asked again next time):"
            yield from failure_table(self.failures)

    @property
    def next_verb(self) -> str | None:
        """`push`, if there are answers to review, and `publish`, if they need no review."""
        if not self.made + self.already or self.waiting:
            return None
        return "push" if self.needs_review else "publish"


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

    - An interrupted run has stored the sets that were finished, except those of the last two minutes. Every reply is in
      the request cache before it is used, so no request is paid for twice. With `use_cache=False` all are sent again.
    - Prompts that have answers made with other settings are asked again if `ask_again` is true or returns True.
      Otherwise their answers are kept, and count as if they were made with the present settings.
    - `watch` is entered while models are asked, to show progress.

    Raises RefusedError if settings changed and `ask_again` is not given, or if the run may cost more than
    `generate.confirm_above` and `confirm` returns False; TemporaryError if another run on this machine fills the same
    store; AuthError, MissingError or TemporaryError if the prompts, the store or an endpoint cannot be reached (before
    anything is paid for), or if an endpoint stops answering.
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
    snapshot = store.snapshot_or_none()
    with (
        opened_batches(config, cache) as batches,
        opened_written_prompts(config, services, source, snapshot) as written,
    ):
        # What the checks need is fetched here, so that nothing is paid for if it cannot be had.
        reader = PromptReader(config, services, source, snapshot, written)
        if written is not None and not written.is_complete:
            first_reader = PromptReader(config, services, source, snapshot, written)
            ask_again = whether_to_ask_again(first_reader, config, snapshot, ask_again, cache=cache)
            answered = frozenset(answered_now(snapshot, settings_id(config.models)))
            kept = reader.answered_before.keys() if ask_again is False else ()
            confirm_cost(config, written.estimate(cache=cache, done=answered.union(kept)), confirm)
            _reach_models(config)
            written.ask(store, watch=watch, cache=cache)
            confirm = already_confirmed
        with prompts_to_ask(reader, config, snapshot, ask_again, cache=cache) as spool:
            expected = estimate(spool, config.models, cache=cache, batches=batches)
            confirm_cost(config, expected, confirm)
            _start_meter(meter, config, spool, snapshot)
            snapshot = store.snapshot_or_none()
            gate = budget_gate(config, config.models, snapshot, spool, meter=meter, expected=expected)
            writer = SetWriter(store, reader, config)
            _ask_models(writer, config, spool, gate=gate, meter=meter, watch=watch, cache=cache, batches=batches)
            if batches is not None:
                batches.write()
        written_report = written.report() if written is not None else None
    return _report(
        config,
        reader,
        writer,
        meter,
        expected=expected,
        asked=spool.prompts,
        gate=gate,
        written=written_report,
        batch=batches.report if batches is not None else None,
        needs_review=needs_review(config, services),
    )


def _reach_models(config: Config) -> None:
    """Raise the error of the first model that cannot be reached, before questions or variations are paid for.

    No model is asked. Models that are asked through batch files are not looked for.
    """
    models: dict[str, Endpoint] = {model.name: model.generator for model in config.vary}
    if config.generate.engine != "batch":
        models |= {options.name: options for options in config.models.stages.values()}
    for name, endpoint in models.items():
        reach_endpoint(endpoint, name=name)


def _start_meter(meter: Meter, config: Config, spool: PromptSpool, snapshot: Snapshot | None) -> None:
    """Tell the meter of every model, and of the requests that failed in earlier runs."""
    meter.start(stage_meters(config.models), prompts=spool.prompts)
    failed_before = requests_failed_before(snapshot)
    for stage in meter.stages:
        stage.failed_before = failed_before


def _ask_models(
    writer: SetWriter,
    config: Config,
    spool: PromptSpool,
    *,
    gate: BudgetGate | None,
    meter: Meter,
    watch: Watch,
    cache: Path | None,
    batches: Batches | None,
) -> None:
    """Ask every model about the prompts of the spool, and pass each finished candidate set to the writer."""
    sets = generate_candidate_sets(
        config.name,
        spool,
        models=config.models,
        engine=config.generate.engine,
        cache=cache,
        meter=meter,
        batches=batches,
        room=gate.room if gate else lambda in_flight: True,
    )
    # If no prompt can be asked, the endpoints are not even looked for: that might wake one.
    any_asked = spool.prompts > 0 and (gate is None or gate.room(0))
    try:
        with watch(meter), closing(sets):
            for candidate_set in sets if any_asked else ():
                writer.add(candidate_set)
                if batches is not None:
                    batches.settle(candidate_set)
    finally:
        writer.flush()


def _report(
    config: Config,
    reader: PromptReader,
    writer: SetWriter,
    meter: Meter,
    *,
    expected: Estimate,
    asked: int,
    gate: BudgetGate | None,
    written: QuestionReport | VariationReport | None,
    batch: BatchReport | None,
    needs_review: bool,
) -> GenerateReport:
    """Return what became of the prompts. Of the `asked` prompts some may be left because of the budget.

    With a batch, those that are not finished wait for its results, and what was paid now is in its report.
    """
    progress = meter.progress()
    paid = written or NOTHING_ASKED
    unfinished = asked - writer.made - writer.failed
    replies, useless, tokens, cost = (0, 0, progress.tokens, progress.cost)
    if batch is not None:
        replies, useless, tokens, cost = batch.replies, batch.useless, batch.tokens, batch.cost
    return GenerateReport(
        source=reader.source,
        prompts=reader.read,
        dropped=dict(reader.dropped),
        already=reader.already,
        made=writer.made,
        failed=writer.failed,
        failed_for_good=writer.failed_for_good,
        left=0 if batch is not None else unfinished,
        waiting=unfinished if batch is not None else 0,
        batch=batch,
        needs_review=needs_review,
        next_prompt_tokens=gate.row.tokens if gate else 0,
        failures=(*paid.failures, *writer.failures.counts()),
        judges=writer.judges.statistics(),
        judge_pairs=tuple(map(labels.judges_agreement, writer.judges.pairs())),
        disagreements=writer.disagreements,
        requests=paid.replies + replies + sum(stage.done for stage in progress.stages),
        useless=paid.useless + useless + sum(stage.useless for stage in meter.stages),
        cached=paid.cached + sum(stage.cached for stage in progress.stages),
        tokens=paid.tokens + tokens,
        cost=None if paid.cost is None or cost is None else paid.cost + cost,
        estimate=expected,
        min_success=config.generate.min_success,
        store=config.store.repo_id,
        commit=writer.commit,
        questions=written if isinstance(written, QuestionReport) else None,
        variations=written if isinstance(written, VariationReport) else None,
    )
