"""The only importer of distilabel: prompts in, candidate sets out."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Stream
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from curation.generation.budget import Budget, BudgetGate
from curation.generation.cache import RequestCache, cache_file
from curation.generation.estimate import Estimate, Experience, estimate_run
from curation.generation.judging import JudgeStatistics, JudgeTally, disagrees_with_itself
from curation.generation.meter import Amount, Meter, RunProgress, StageMeter, told_every
from curation.generation.options import (
    Endpoint,
    Engine,
    Evolver,
    Generator,
    Models,
    UltraFeedbackJudge,
    settings_id,
    settings_of,
)
from curation.scratch import scratch_folder
from curation.types import CandidateSet, Prompt

if TYPE_CHECKING:
    from distilabel.pipeline import Pipeline

    from curation.generation.endpoints import EndpointsLLM, endpoints_llm
    from curation.generation.runner import FailedRow
    from curation.generation.tasks import AnswerPrompt, EvolveAnswer, JudgeAnswers

__all__ = [
    "Amount",
    "AnswerPrompt",
    "Budget",
    "BudgetGate",
    "Endpoint",
    "EndpointsLLM",
    "Engine",
    "Estimate",
    "EvolveAnswer",
    "Evolver",
    "FailedRow",
    "Generator",
    "JudgeAnswers",
    "JudgeStatistics",
    "JudgeTally",
    "Meter",
    "Models",
    "PromptSpool",
    "RunProgress",
    "UltraFeedbackJudge",
    "cache_file",
    "check_endpoint",
    "disagrees_with_itself",
    "endpoints_llm",
    "estimate",
    "generate_candidate_sets",
    "run",
    "settings_id",
    "settings_of",
    "spooled",
    "stage_meters",
    "told_every",
]


_FOR_PIPELINES = {
    "AnswerPrompt": "tasks",
    "EndpointsLLM": "endpoints",
    "EvolveAnswer": "tasks",
    "FailedRow": "runner",
    "JudgeAnswers": "tasks",
    "endpoints_llm": "endpoints",
}
"""What pipelines of distilabel's are built of, by the module that has it: imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name not in _FOR_PIPELINES:
        raise AttributeError(f"module 'curation.generation' has no attribute {name!r}")
    return getattr(_load_distilabel(_FOR_PIPELINES[name]), name)


@dataclass(frozen=True, slots=True)
class PromptSpool:
    """Prompts on disk, ready to be read lazily: how many there are, the bytes of their texts, and of the longest."""

    path: Path
    prompts: int
    bytes: int
    longest: int

    def read(self) -> Iterator[Prompt]:
        """Yield the prompts again, in their order."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield Prompt.model_validate_json(json.loads(line)["prompt"])


@contextmanager
def spooled(prompts: Iterable[Prompt]) -> Iterator[PromptSpool]:
    """Write the prompts to a temporary file, one by one, so that memory does not grow with them."""
    prompt_row = _load_distilabel("pipeline").prompt_row
    count = total = longest = 0
    with scratch_folder() as folder:
        path = folder / "prompts.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for prompt in prompts:
                file.write(json.dumps(prompt_row(prompt)) + "\n")
                size = sum(len(message.content.encode()) for message in prompt.messages)
                count, total, longest = count + 1, total + size, max(longest, size)
        yield PromptSpool(path, count, total, longest)


def estimate(spool: PromptSpool, models: Models, *, cache: Path | None) -> Estimate:
    """Return what asking these prompts will use, at most or as far as earlier replies in `cache` tell.

    What `cache` answers is no part of it.
    """
    experience: dict[str, Experience] = {}
    cached: dict[str, int] = {}
    if cache is not None:
        with RequestCache(cache) as opened:
            experience = {options.model_id: opened.experience(options.model_id) for options in models.stages.values()}
        # Without an answer of any generator in the cache there is nothing to look for.
        if spool.prompts and any(experience[generator.model_id].known for generator in models.generators):
            rehearsal = _load_distilabel("rehearsal")
            cached = rehearsal.cached_requests(spool.path, count=spool.prompts, models=models, cache=cache)
    return estimate_run(models, prompts=spool.prompts, prompt_bytes=spool.bytes, experience=experience, cached=cached)


def stage_meters(models: Models) -> list[StageMeter]:
    """Return one meter for every model, in the order of the flow."""
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
    room: Callable[[int], bool] = lambda in_flight: True,
) -> Stream[CandidateSet, None, None]:
    """Ask every model about every prompt; yield each candidate set as soon as it is done.

    A request that is in `cache` is not sent; every reply is there before it is used. `meter` counts, stage by stage
    (with the streaming engine), and `room` says whether one more prompt may be begun while so many are in flight.
    Raises TemporaryError or AuthError before the first request if an endpoint cannot be reached, and after the first
    few if one refuses everything.
    """
    pipelines, engines = _load_distilabel("pipeline"), _load_distilabel("engines")
    pipeline = pipelines.build_pipeline(name, prompts=spool.path, models=models, cache=cache)
    meter = meter or Meter()
    if not meter.stages:
        meter.start(stage_meters(models), prompts=spool.prompts)
    if engine == "streaming":
        pipelines.measure(pipeline, models, meter)
    reader = pipelines.RowReader(models)
    with closing(engines.run(pipeline, engine=engine, room=room)) as rows:
        for row in rows:
            candidate_set: CandidateSet = reader.candidate_set(row)
            meter.finished(candidate_set, counted=engine == "streaming")
            yield candidate_set


def run(
    pipeline: Pipeline, *, engine: Engine = "streaming", parameters: dict[str, dict[str, Any]] | None = None
) -> Stream[dict[str, Any] | FailedRow, None, None]:
    """Yield the rows of any distilabel Pipeline's last step, as they finish.

    `parameters` are distilabel's runtime parameters, by step. With the streaming engine every step must work row by
    row; a row that a step raised an error about comes as a FailedRow, and all others go on. Raises ConfigError for a
    step that needs whole batches, with the engine to use.
    """
    _load_distilabel("runner").prepare(pipeline, parameters or {})
    rows: Stream[dict[str, Any] | FailedRow, None, None] = _load_distilabel("engines").run(pipeline, engine=engine)
    return rows


def check_endpoint(endpoint: Endpoint, *, name: str, ask: bool = False) -> str:
    """Return a sentence that says where the endpoint answers; raise what keeps it from answering.

    Its model is asked for one token if `ask`, and where that costs nothing: it is on this machine, or its prices are 0.
    A dedicated endpoint that sleeps is left asleep: waking it costs money.
    """
    if endpoint.endpoint_name is not None:
        from curation.generation.dedicated import sleeps

        sleep = sleeps(endpoint.endpoint_name)
        if sleep is not None:
            return f"{endpoint.endpoint_name} is {sleep}; generate wakes it and puts it back"
    llm = _load_distilabel("endpoints").endpoints_llm(endpoint, name=name)

    async def reach() -> str:
        llm.load()
        try:
            url = str(await llm.reach())
            if not ask and not _costs_nothing(endpoint, url):
                return f"answers at {url}; `--ask` asks {endpoint.model_id} for one token, which costs a little"
            await llm.try_once()
            return f"{endpoint.model_id} answers at {url}"
        finally:
            await llm.aclose()

    return asyncio.run(reach())


def _costs_nothing(endpoint: Endpoint, url: str) -> bool:
    host = urlsplit(url).hostname or ""
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    return local or (endpoint.price_in == 0 and endpoint.price_out == 0)


def _load_distilabel(module: str) -> ModuleType:
    """Import one of our modules that need distilabel, and undo its hook, which prints all locals, keys among them."""
    hook = sys.excepthook
    try:
        with warnings.catch_warnings():
            # distilabel 1.5.3, and argilla 2.8 which it imports, warn of themselves and of how they use pydantic.
            warnings.simplefilter("ignore")
            return import_module(f"curation.generation.{module}")
    finally:
        sys.excepthook = hook
