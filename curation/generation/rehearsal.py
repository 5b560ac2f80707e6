"""Counts the requests of a run that are in the request cache, by running the pipeline without sending anything."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from curation.generation.engines import streamed
from curation.generation.meter import StageMeter
from curation.generation.options import Models
from curation.generation.pipeline import build_pipeline, rehearse
from curation.scratch import scratch_folder

REHEARSED = 1000
"""If there are more prompts, only so many of them are tried, evenly spread."""


def cached_requests(prompts: Path, *, count: int, models: Models, cache: Path) -> dict[str, int]:
    """Return how many requests of each stage the cache answers, for the `count` prompts in the file `prompts`.

    The numbers are exact for up to REHEARSED prompts, and extrapolated for more. An evolver or a judge is only asked
    about answers that are in the cache. No address is looked up, no dedicated endpoint is started, and no key is read.
    """
    step = -(-count // REHEARSED)
    with scratch_folder() as folder:
        sample = folder / "prompts.jsonl"
        with prompts.open(encoding="utf-8") as lines, sample.open("w", encoding="utf-8") as chosen:
            chosen.writelines(islice(lines, 0, None, step))
        pipeline = build_pipeline("rehearsal", prompts=sample, models=models, cache=cache)
        meters = [StageMeter(stage, options) for stage, options in models.stages.items()]
        rehearse(pipeline, models, meters)
        rehearsed = sum(1 for _ in streamed(pipeline, lambda in_flight: True))
    return {
        # A judge may be asked twice about a prompt. Without the limit, that would hide requests that are not in the
        # cache.
        meter.stage: min(round(meter.cached * count / rehearsed), count * meter.endpoint.requests)
        for meter in meters
    }
