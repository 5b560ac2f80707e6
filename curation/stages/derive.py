"""From a snapshot of the store to rows: what people said is kept raw, what it means is computed here."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from curation import labels, quality
from curation.config import Config, Services
from curation.export import EXTRAS
from curation.export.strings import Render, plain
from curation.generation import settings_id
from curation.labels import Ballot, Votes
from curation.stages.derivation import Checks, Plan, Tally, annotated, derive_dropped, derive_segment
from curation.stages.heirs import Decision
from curation.stages.processes import PROCESSES, running
from curation.stages.segments import LARGEST_SEGMENT, Segment, SetFiles, StoreTables, Stretch
from curation.stages.spending import USAGE_COLUMNS, Spending, spending
from curation.store import CANDIDATE_SETS, Snapshot
from curation.types import DroppedPrompt, LabelSource

NEAR_DUPLICATE = 0.8
"""The Jaccard similarity of two prompts from which on they fall in the same split."""

SKETCHED = 20_000
"""From how many prompts what near-duplicates are found by is made at once."""

CANNOT_HOLD = "Parquet cannot hold its values as they are"
"""Why keyword arguments of chat templates are no column where some would come back as others."""

Watch = Callable[[int, int], None]
"""Told how many of how many segments are done."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything that follows from a snapshot.

    `asked` prompts have a candidate set, `answered` of them one with two answers, `failures` says what went wrong with
    the others. `dropped` counts the prompts that a check kept from being asked, by reason, `reviewers` submitted
    responses by reviewer; `omitted` says why a column that prompts bring along is not published. `decisions` counts the
    prompts that several judges were asked about, by whose ratings count.
    """

    tally: Tally
    dropped: Mapping[str, int]
    asked: int
    answered: int
    failures: Mapping[str, int]
    records: int
    reviewers: Mapping[str, int]
    spending: Spending
    resolver: labels.FittedResolver
    omitted: Mapping[str, str]
    decisions: Mapping[Decision, int]

    @property
    def measured(self) -> LabelSource:
        """Whose answers agreement is measured on: those of people, if any person answered, else of programs."""
        return "human" if any(map(len, self.tally.votes["human"])) else "simulated"

    def rows(self, config: str) -> int:
        """How many rows a config has in all splits."""
        return sum(count for (name, _), count in self.tally.rows.items() if name == config)


def derive(
    config: Config,
    snapshot: Snapshot,
    services: Services,
    *,
    folder: Path | None = None,
    render: Render | None = None,
    watch: Watch = lambda done, total: None,
) -> Derived:
    """Return what the responses in the store give under this config; shards are written to `folder` if there is one.

    `render` makes strings of conversations. Raises DataError if the store contradicts itself, RefusedError if the
    resolver needs more responses than there are or a row would not train as it is meant.
    """
    files = SetFiles(snapshot)
    # Other processes are worth their start where there is more than one full segment.
    with running(in_processes=files.sets > LARGEST_SEGMENT) as run, ThreadPoolExecutor(1) as thread:
        splits = folder is not None and config.publish.test_size > 0
        # In other processes these begin at once, and go on while the tables are joined here.
        batches = (tuple(files.stretches(start, start + SKETCHED)) for start in range(0, files.sets, SKETCHED))
        sketches = run(_sketched, batches, ahead=None) if splits else None
        tables = StoreTables(snapshot, EXTRAS, settings=settings_id(config.models))
        spent = thread.submit(spending, (table for _, table in snapshot.tables(CANDIDATE_SETS, USAGE_COLUMNS)))
        extras, omitted = _extras(tables.extras)
        dropped = tables.not_asked(snapshot.dropped_prompts)
        plan = Plan(
            config=config,
            resolver=_fitted(config, tables),
            pseudonyms={reviewer: snapshot.pseudonym(reviewer) for reviewer in tables.reviewers},
            leaders={} if sketches is None else _leaders(sketches, tables.prompts, dropped),
            extras=extras,
            checks=_checks(config, services, render),
            folder=folder,
        )
        tally = Tally()
        parts = run(partial(derive_segment, plan=plan), tables.segments(), ahead=2 * PROCESSES)
        for done, part in enumerate(parts, 1):
            tally.add(part)
            watch(done, len(tables.bounds))
    if "raw" in config.publish.formats:
        tally.add(derive_dropped(dropped, plan))
    return Derived(
        tally=tally,
        dropped=Counter(one.reason for one in dropped),
        asked=tables.asked,
        answered=tables.answered,
        failures=tables.failures,
        records=tables.records.num_rows,
        reviewers=tables.reviewers,
        spending=spent.result(),
        resolver=plan.resolver,
        omitted=omitted,
        decisions=tables.decisions,
    )


def _fitted(config: Config, tables: StoreTables) -> labels.FittedResolver:
    """The resolver, after it has seen all answers if it needs to."""
    needs_all = isinstance(config.labels, labels.DawidSkeneResolver)
    return config.labels.fit(Votes.of(_ballots(tables.segments(), config) if needs_all else ()))


def _ballots(segments: Iterator[Segment], config: Config) -> Iterator[Ballot]:
    for segment in segments:
        for record_id, said in zip(segment.records["id"].to_pylist(), annotated(segment, config), strict=True):
            yield Ballot(record_id, said)


def _sketched(stretches: Sequence[Stretch]) -> quality.Sketches:
    """What near-duplicates are found by, of the prompts of some candidate sets."""
    prompts = [part.read(("prompt.messages",))["prompt"].combine_chunks() for part in stretches]
    texts = [text for each in prompts for text in _spoken(each.field("messages")).to_pylist()]
    return quality.sketched(texts, threshold=NEAR_DUPLICATE)


def _leaders(sketches: Iterable[quality.Sketches], asked: Any, dropped: Sequence[DroppedPrompt]) -> dict[str, str]:
    """For each prompt that is a near-duplicate, the earliest prompt like it; `sketches` are of the `asked` ones.

    Those that were dropped come last and follow: what is never published moves nothing from one split to another.
    """
    import pyarrow as pa

    # A prompt that was asked twice is the same text twice, and leads itself.
    texts = [quality.spoken(one.prompt.messages) for one in dropped]
    of_dropped = [quality.sketched(texts, threshold=NEAR_DUPLICATE)] if texts else []
    leaders = quality.leaders_of(chain(sketches, of_dropped), threshold=NEAR_DUPLICATE, followers=len(dropped))
    prompts = pa.concat_arrays([asked, pa.array([one.id for one in dropped], asked.type)])
    pairs = ((prompts[position], prompts[leader]) for position, leader in enumerate(leaders) if leader != position)
    return {prompt.as_py(): leader.as_py() for prompt, leader in pairs if prompt != leader}


def _spoken(conversations: Any) -> Any:
    """What conversations are compared by, as `quality.spoken` gives it, from one Arrow column to another."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    turns = conversations.flatten()
    spoken = pc.not_equal(turns.field("role"), "system")
    before = np.concatenate(([0], np.cumsum(spoken.to_numpy(zero_copy_only=False))))
    offsets = before[np.concatenate(([0], np.cumsum(conversations.value_lengths().to_numpy())))]
    texts = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turns.field("content").filter(spoken))
    return pc.binary_join(texts, "\n")


def _extras(values: Mapping[str, set[str | None]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The Arrow types of the columns that every prompt brings along, and why the others are left out."""
    kinds: dict[str, Any] = {}
    omitted: dict[str, str] = {}
    for name, found in values.items():
        texts = [text for text in found if text is not None]
        if not texts:
            continue
        if None in found:
            omitted[name] = "not every prompt has it"
        elif isinstance(kind := _extra_kind(name, texts), str):
            omitted[name] = kind
        else:
            kinds[name] = kind
    return kinds, omitted


def _extra_kind(name: str, texts: Sequence[str]) -> Any:
    """The Arrow type of a column that every prompt brings along, or why it can be no column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if name != "chat_template_kwargs":
        return pa.string()
    values = [json.loads(text) for text in texts]
    file = io.BytesIO()
    try:
        if len({str(pa.infer_type([value])) for value in values}) > 1:
            return "its keys or their types differ between prompts"
        kind = pa.infer_type(values[:1])
        # Arrow has types that Parquet lacks, and gives unlike objects of a list each other's keys.
        pq.write_table(pa.table({name: pa.array(values, kind)}), file)
        kept = pq.read_table(file)[name].to_pylist()
    except (pa.ArrowException, OverflowError):
        return CANNOT_HOLD
    # As text: 1 is not 1.0.
    return kind if json.dumps(kept, sort_keys=True) == json.dumps(values, sort_keys=True) else CANNOT_HOLD


def _checks(config: Config, services: Services, render: Render | None) -> Checks:
    strings = not config.publish.conversational and render is None
    # Near-duplicates were looked for before models were asked; here a prompt comes once for each of its sets.
    options = config.quality.model_copy(update={"near_duplicates": None})
    prompts = quality.prompt_checks(options, endpoint=services.hub_endpoint, token=services.hub_token)
    return Checks(
        answers=quality.answer_checks(options, endpoint=services.hub_endpoint, token=services.hub_token),
        pairs=quality.pair_checks(options),
        prompt=prompts.reason if prompts.checks else None,
        render=plain if strings else render,
        strings=strings,
    )
