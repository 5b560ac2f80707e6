"""Turns prompts into candidate sets with the engine of the config, and estimates beforehand what that uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Generator as Stream
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import ids
from curation.generation.batch import Batches
from curation.generation.cache import RequestCache
from curation.generation.estimates import Estimate, Experience, estimate_run
from curation.generation.loading import load_distilabel
from curation.generation.meter import Meter, StageMeter
from curation.generation.options import Engine, Models, settings_id
from curation.generation.spool import PromptSpool
from curation.types import AnsweredPrompt, CandidateSet

if TYPE_CHECKING:
    from distilabel.pipeline import Pipeline

    from curation.generation.runner import FailedRow


def estimate(spool: PromptSpool, models: Models, *, cache: Path | None, batches: Batches | None = None) -> Estimate:
    """Return an estimate of the requests, tokens, cost and time that asking these prompts takes.

    It is based on earlier replies in `cache`, or else on the longest replies that the config allows. Requests that
    `cache` answers are not counted, nor those that wait for results of `batches`.
    """
    experience: dict[str, Experience] = {}
    cached: dict[str, int] = {}
    if cache is not None:
        with RequestCache(cache) as opened:
            experience = {options.model_id: opened.experience(options.model_id) for options in models.stages.values()}
        # If the cache has no reply of any model that is asked first, none of these requests can be in it.
        first = models.generators or models.judges
        if spool.prompts and any(experience[options.model_id].known for options in first):
            rehearsal = load_distilabel("curation.generation.rehearsal")
            cached = rehearsal.cached_requests(spool.path, count=spool.prompts, models=models, cache=cache)
    waiting = batches.waiting(cache) if batches is not None and cache is not None else None
    return estimate_run(
        models,
        prompts=spool.prompts,
        prompt_bytes=spool.bytes,
        experience=experience,
        cached=cached,
        waiting=waiting,
    )


def stage_meters(models: Models) -> list[StageMeter]:
    """Return a meter for each model: generators first, then the evolver, then judges."""
    labels = models.labels
    return [StageMeter(stage, options, label=labels[stage]) for stage, options in models.stages.items()]


def generate_candidate_sets(
    name: str,
    spool: PromptSpool,
    *,
    models: Models,
    engine: Engine = "streaming",
    cache: Path | None = None,
    meter: Meter | None = None,
    batches: Batches | None = None,
    room: Callable[[int], bool] = lambda in_flight: True,
) -> Stream[CandidateSet, None, None]:
    """Ask every model about every prompt, and yield each candidate set as soon as it is finished.

    A request whose reply is in `cache` is not sent, and every reply is written to `cache` before it is used. `meter`
    counts the requests of each stage (with the streaming engine only). Without any model, the prompts
    and the answers that came with them are the sets. `room(in_flight)` returns whether another prompt may be started
    while so many are in flight. With the engine "batch" nothing is sent: requests that are not in
    `cache` are written to `batches`, and prompts that wait for them are not yielded.

    Raises TemporaryError or AuthError before the first request if an endpoint cannot be reached, and after the first
    few requests if an endpoint refuses all of them.
    """
    meter = meter or Meter()
    if not meter.stages:
        meter.start(stage_meters(models), prompts=spool.prompts)
    if not models.stages:
        for given_set in _given_sets(spool, models):
            meter.finished(given_set, counted=True)
            yield given_set
        return
    pipelines, engines = load_distilabel("curation.generation.pipeline"), load_distilabel("curation.generation.engines")
    pipeline = pipelines.build_pipeline(name, prompts=spool.path, models=models, cache=cache)
    if engine == "streaming":
        pipelines.measure(pipeline, models, meter)
    elif engine == "batch":
        assert batches is not None
        pipelines.collect(pipeline, models, meter.stages, batches)
    reader = pipelines.RowReader(models)
    streams = engine in {"streaming", "batch"}
    running = engines.streamed(pipeline, room) if engine == "batch" else engines.run(pipeline, engine=engine, room=room)
    with closing(running) as rows:
        for row in rows:
            if getattr(row, "waits", False):
                continue
            candidate_set: CandidateSet = reader.candidate_set(row)
            meter.finished(candidate_set, counted=streams)
            yield candidate_set


def _given_sets(spool: PromptSpool, models: Models) -> Iterator[CandidateSet]:
    """Yield the sets of prompts whose answers came with them."""
    settings = settings_id(models)
    for prompt in spool.read():
        assert isinstance(prompt, AnsweredPrompt)
        yield CandidateSet(
            id=given_set_id(prompt, settings), prompt=prompt.alone, candidates=prompt.answers, settings=settings
        )


def given_set_id(prompt: AnsweredPrompt, settings: str) -> str:
    """Return the id of the set that a prompt and its answers are under these settings."""
    return ids.candidate_set_id(prompt.id, settings, (answer.id for answer in prompt.answers))


def run(
    pipeline: Pipeline, *, engine: Engine = "streaming", parameters: dict[str, dict[str, Any]] | None = None
) -> Stream[dict[str, Any] | FailedRow, None, None]:
    """Run any distilabel Pipeline, and yield the rows of its last step as they finish.

    `parameters` are distilabel's runtime parameters, by step. With the streaming engine every step must work row by
    row. If a step raises an error about a row, that row comes as a FailedRow, and all others go on. Raises ConfigError
    if a step needs whole batches; the message names the engine to use.
    """
    load_distilabel("curation.generation.runner").prepare(pipeline, parameters or {})
    rows: Stream[dict[str, Any] | FailedRow, None, None] = load_distilabel("curation.generation.engines").run(
        pipeline, engine=engine
    )
    return rows
