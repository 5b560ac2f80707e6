"""From a snapshot of the store to rows: what people said is kept raw, what it means is computed here.

SetFile...  --set_tables-->  SetTables  --.
records  --read_ballots-->  Ballots  ------+--cut-->  Segment...  --derive_segment-->  Tally...  -->  Derived
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from curation import labels, quality
from curation.config import Config, Services
from curation.derive.ballots import Ballots, read_ballots
from curation.derive.extras import extra_types
from curation.derive.faults import Checks
from curation.derive.heirs import Decision
from curation.derive.judged import judge_check_of
from curation.derive.parallel import WORKERS, Run, running
from curation.derive.plan import Plan
from curation.derive.raw_rows import derive_dropped
from curation.derive.segment_rows import derive_segment
from curation.derive.segments import cut, segment_bounds
from curation.derive.spending import Spending
from curation.derive.tables import (
    NEAR_DUPLICATE,
    SetTables,
    live_sets,
    prompts_never_asked,
    read_records,
    read_set_files,
    set_of_records,
    set_tables,
)
from curation.derive.tally import Shard, Tally
from curation.errors import RefusedError
from curation.export import EXTRAS
from curation.export.strings import Render, plain
from curation.frames import pl
from curation.generation import settings_id
from curation.review import ReviewTask, reading_task
from curation.review_statistics import ImportedAgreement, JudgeCheck, Measure
from curation.store import NOT_SHOWN, Snapshot
from curation.types import GOLD_PROMPT, Annotation, DroppedPrompt, LabelSource, Response, ReviewRecord

Watch = Callable[[int, int], None]
"""Told how many of how many segments are done."""

Wrote = Callable[[Sequence[Shard]], None]
"""Told which shards were written, once for each segment, in the thread that calls `derive`."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything that follows from a snapshot.

    `asked` prompts have a candidate set, `answered` of them one with enough answers, `failures` says what went wrong
    with the others. `dropped` counts the prompts that a check kept from being asked, by reason, `sources` candidate
    sets; `reviewers` counts submitted responses; `omitted` says why a column that prompts bring along is not published.
    `decisions` counts the prompts that several judges were asked about, by whose ratings count. `formats` names the
    configs.
    """

    formats: tuple[str, ...]
    tally: Tally
    dropped: Mapping[str, int]
    asked: int
    answered: int
    failures: Mapping[str, int]
    sources: Mapping[str, int]
    records: int
    reviewers: Mapping[str, int]
    votes: Mapping[LabelSource, labels.Votes]
    spending: Spending
    resolver: labels.Resolver
    omitted: Mapping[str, str]
    decisions: Mapping[Decision, int]

    @property
    def measured(self) -> LabelSource:
        """Whose answers agreement is measured on: those of people, if any person answered, else of programs."""
        return "human" if len(self.votes["human"]) else "simulated"

    @property
    def imported(self) -> ImportedAgreement | None:
        """How far those whose answers agreement is measured on agree with the labels that answers came with.

        None if no reviewed answer came with a label.
        """
        tally, source = self.tally, self.measured
        agreed, differing = tally.agreed[source], tuple(tally.differing[source])
        compared = agreed + len(differing)
        if not compared + tally.undecided[source]:
            return None
        missing = Measure(value=None, reason="on no record do both people and the source prefer an answer")
        share = labels.share_measure(agreed / compared, compared) if compared else missing
        return ImportedAgreement(share=share, undecided=tally.undecided[source], differing=differing)

    @property
    def judge_check(self) -> JudgeCheck | None:
        """What is known of the judge from those whose answers agreement is measured on; null if nothing is."""
        return judge_check_of(self.tally, self.measured)

    @property
    def row_counts(self) -> dict[str, int]:
        """How many rows each config has."""
        return {name: self.rows(name) for name in self.formats}

    @property
    def dropped_rows(self) -> dict[str, dict[str, int]]:
        """What gave no row, by config and reason."""
        return {name: dict(self.tally.dropped[name]) for name in self.formats}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to publish.

        Rows of `raw` do not count beside other configs: prompts that nobody reviewed have such rows too.
        """
        return not any(map(self.rows, set(self.formats) - {"raw"} or {"raw"}))

    def rows(self, config: str) -> int:
        """How many rows a config has in all splits."""
        return sum(count for (name, _), count in self.tally.rows.items() if name == config)


def derive(
    config: Config,
    snapshot: Snapshot,
    services: Services,
    *,
    folder: Path | None = None,
    checked: bool = False,
    render: Render | None = None,
    watch: Watch = lambda done, total: None,
    wrote: Wrote = lambda shards: None,
) -> Derived:
    """Return what the responses in the store give under this config; shards are written to `folder` if there is one.

    `render` makes strings of conversations; `wrote` is given the shards of each segment. Raises DataError if the store
    contradicts itself, RefusedError if the resolver needs more responses than there are or a row would not train as it
    is meant: of rows that are only counted with `checked`, which takes a third of the time of shards.
    """
    with running() as run:
        store = _read_store(config, snapshot, run, sketch=folder is not None and config.publish.test_size > 0)
        resolver = resolver_of(config, store.ballots)
        extras, omitted = extra_types(store.tables.extras)
        plan = Plan(
            config=config,
            pseudonyms={reviewer: snapshot.pseudonym(reviewer) for reviewer in store.ballots.reviewers},
            extras=extras,
            checks=_checks(config, services, render),
            folder=folder,
            checked=checked,
        )
        segments = cut(
            store.tables,
            _with_leaders(live_sets(store.tables, store.records, snapshot), store.tables, store.leaders, snapshot),
            store.records,
            ballots=store.ballots.annotations,
            outcomes=store.ballots.resolved(resolver),
        )
        tally = Tally()
        total = len(segment_bounds(store.tables.prompts.height))
        for done, part in enumerate(run(partial(derive_segment, plan=plan), segments, ahead=2 * WORKERS), 1):
            tally.add(part)
            wrote(part.shards)
            watch(done, total)
    if "raw" in config.publish.formats:
        tally.add(derive_dropped(store.dropped, dict(store.leaders.iter_rows()), plan))
    return Derived(
        formats=config.publish.formats,
        tally=tally,
        dropped=Counter(prompt.reason for prompt in store.dropped),
        asked=store.tables.prompts.height,
        answered=store.tables.answered,
        failures=store.tables.failures,
        sources=store.tables.sources,
        records=store.records.height,
        reviewers=store.ballots.reviewers,
        votes={source: store.ballots.votes(source) for source in ("human", "simulated")},
        spending=store.tables.spending,
        resolver=resolver,
        omitted=omitted,
        decisions=store.tables.decisions,
    )


def derived_or_refused(
    config: Config, snapshot: Snapshot, services: Services, *, folder: Path | None = None
) -> tuple[Derived, str | None]:
    """Return what `derive` gives, and None, or why the config's resolver refuses, or TRL would refuse the rows.

    Without a folder rows are held to what TRL accepts all the same. If they are refused, the store is derived with
    `majority`: only what does not depend on the resolver is true of that.
    """
    try:
        return derive(config, snapshot, services, folder=folder, checked=True), None
    except RefusedError as error:
        refused = str(error)
    by_majority = config.model_copy(update={"labels": labels.MajorityResolver()})
    return derive(by_majority, snapshot, services), refused


@dataclass(frozen=True, slots=True)
class StoreFrames:
    """What is read of a store before its texts; see `_leaders` for the prompts whose split a near-duplicate shares."""

    tables: SetTables
    records: pl.DataFrame
    ballots: Ballots
    dropped: list[DroppedPrompt]
    leaders: pl.DataFrame


def _read_store(config: Config, snapshot: Snapshot, run: Run, *, sketch: bool) -> StoreFrames:
    files = read_set_files(snapshot, run, extras=EXTRAS, sketch=sketch)
    # While other threads read candidate sets, ballots are read here.
    ballots = read_ballots(snapshot, read_records(snapshot), partial(annotation_of, present=config.review))
    tables = set_tables(
        files,
        snapshot,
        extras=EXTRAS,
        settings=settings_id(config.models),
        min_candidates=config.review.min_candidates,
        too_few=config.review.too_few,
    )
    dropped = prompts_never_asked(snapshot.dropped_prompts, tables.prompts["prompt_id"])
    leaders = _leaders(tables, dropped)
    # Sketches take a hundred bytes a prompt, and nothing else needs them.
    tables = replace(tables, sketches=())
    return StoreFrames(
        tables=tables,
        records=set_of_records(ballots.records, tables, snapshot),
        ballots=ballots,
        dropped=dropped,
        leaders=leaders,
    )


def annotation_of(response: Response, record: ReviewRecord, *, present: ReviewTask) -> Annotation:
    """Return what a response means by the task of its record: a store whose task changed keeps its older answers."""
    return reading_task(record.task, present).annotation(response, record)


def resolver_of(config: Config, ballots: Ballots) -> labels.Resolver:
    """Return the resolver, after it has learnt from all answers if it needs to; RefusedError if they are too few."""
    options = config.labels
    return labels.fitted(options, ballots.votes()) if isinstance(options, labels.DawidSkeneResolver) else options


def _leaders(tables: SetTables, dropped: Sequence[DroppedPrompt]) -> pl.DataFrame:
    """Each prompt that is a near-duplicate, with the earliest prompt like it: prompt_id, leader_id; none if nothing was
    sketched.

    Those that were dropped come last and follow: what is never published moves nothing from one split to another.
    """
    if not tables.sketches:
        return pl.DataFrame(schema={"prompt_id": pl.String, "leader_id": pl.String})
    # A prompt that was asked twice is the same text twice, and leads itself.
    texts = [quality.spoken(dropped_prompt.prompt.messages) for dropped_prompt in dropped]
    of_dropped = [quality.sketched(texts)] if texts else []
    leaders = quality.leaders_of([*tables.sketches, *of_dropped], threshold=NEAR_DUPLICATE, followers=len(dropped))
    asked = tables.sets.select("prompt_no").join(tables.prompts, on="prompt_no", maintain_order="left")["prompt_id"]
    prompts = pl.concat([asked, pl.Series([dropped_prompt.id for dropped_prompt in dropped], dtype=pl.String)])
    near = pl.DataFrame({"prompt_id": prompts, "leader_id": prompts.gather(leaders)})
    return near.filter(pl.col("prompt_id") != pl.col("leader_id")).unique("prompt_id", keep="last")


def _with_leaders(sets: pl.DataFrame, tables: SetTables, leaders: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """The sets that rows are made of, with leader_id and not_shown as `Segment` describes them."""
    prompts = tables.prompts.join(leaders, on="prompt_id", how="left").select("prompt_no", "leader_id")
    reasons = pl.DataFrame(snapshot.whole(NOT_SHOWN, ("id", "reason"))).rename({"id": "set_id", "reason": "not_shown"})
    return (
        sets.join(prompts, on="prompt_no", maintain_order="left")
        .join(reasons, on="set_id", how="left", maintain_order="left")
        # That a prompt is one of gold is not published: reviewers could read it.
        .with_columns(pl.col("not_shown").replace(GOLD_PROMPT, None).fill_null("not_pushed"))
        .select("set_no", "prompt_no", "file_no", "row", "leader_id", "not_shown")
    )


def _checks(config: Config, services: Services, render: Render | None) -> Checks:
    strings = not config.publish.conversational and render is None
    # Near-duplicates were looked for before models were asked; here a prompt comes once for each of its sets.
    options = config.quality.model_copy(update={"near_duplicates": None})
    prompts = quality.prompt_checks(options, config.filters, endpoint=services.hub_endpoint, token=services.hub_token)
    return Checks(
        answers=quality.answer_checks(
            options, config.filters, endpoint=services.hub_endpoint, token=services.hub_token
        ),
        pair_faults=partial(quality.pair_faults, options),
        prompt=prompts.reason if prompts.checks else None,
        render=plain if strings else render,
        strings=strings,
    )
