"""What of a run is in the request cache already: the pipeline runs on prompts, and nothing is sent."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from curation.generation.engines import streamed
from curation.generation.meter import StageMeter
from curation.generation.options import Models
from curation.generation.pipeline import build_pipeline, rehearse
from curation.scratch import scratch_folder

REHEARSED = 1000
"""So many prompts, evenly spread, stand for all: an answer from the cache takes a fraction of a millisecond."""


def cached_requests(prompts: Path, *, count: int, models: Models, cache: Path) -> dict[str, int]:
    """Return how many requests of each stage the cache answers, for the `count` prompts of a spool's file.

    It is exact up to REHEARSED prompts, and above that follows from so many of them. An evolver or a judge is asked
    only about answers that are in the cache. No address is looked up, no dedicated endpoint woken, and no key read.
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
        # A judge that was asked once more than it should take is no reason to expect fewer of the others.
        meter.stage: min(round(meter.cached * count / rehearsed), count * meter.endpoint.requests)
        for meter in meters
    }
