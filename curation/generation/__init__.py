"""The only importer of distilabel: prompts in, candidate sets out."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from importlib import import_module
from pathlib import Path
from types import ModuleType

from curation import ids
from curation.generation.cache import cache_file
from curation.generation.options import Endpoint, Generator, UltraFeedbackJudge
from curation.types import CandidateSet, Prompt

__all__ = ["Generator", "UltraFeedbackJudge", "cache_file", "check_endpoint", "generate_candidate_sets", "settings_id"]

NOT_IDENTITY = {"api_key_env", "base_url", "endpoint_name", "max_concurrency", "timeout"}
"""Options that say where and how fast a model answers, not what it answers."""


def settings_id(generators: Sequence[Generator], judge: UltraFeedbackJudge | None) -> str:
    """Return the hash of everything that shapes the answers and ratings: models, prompts and sampling options."""
    return ids.content_hash(
        "settings",
        [generator.model_dump(mode="json", exclude=NOT_IDENTITY) for generator in generators],
        judge.model_dump(mode="json", exclude=NOT_IDENTITY) if judge else None,
    )


def generate_candidate_sets(
    name: str,
    prompts: Iterable[Prompt],
    *,
    generators: Sequence[Generator],
    judge: UltraFeedbackJudge | None,
    finished: Callable[[CandidateSet], None],
    cache: Path | None = None,
) -> None:
    """Ask every generator and the judge about every prompt; `finished` gets each candidate set as soon as it is done.

    A request that is in `cache` is not sent; every reply is there before it is used. `prompts` is read once and spooled
    to a temporary file, so that memory does not grow with it. Raises TemporaryError or AuthError before the first
    request if an endpoint cannot be reached.
    """
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        spool = Path(folder) / "prompts.jsonl"
        _spool(prompts, spool)
        asyncio.run(_generate(name, spool, generators=generators, judge=judge, finished=finished, cache=cache))


def check_endpoint(endpoint: Endpoint, *, name: str) -> str:
    """Return a sentence that says where the endpoint answers; raise what keeps it from answering."""
    module = _load_distilabel("endpoints")
    llm = module.endpoints_llm(endpoint, name=name)

    async def reach() -> str:
        llm.load()
        try:
            return str(await llm.reach())
        finally:
            await llm.aclose()

    return f"answers at {asyncio.run(reach())}"


def _spool(prompts: Iterable[Prompt], path: Path) -> None:
    prompt_row = _load_distilabel("pipeline").prompt_row
    with path.open("w", encoding="utf-8") as file:
        for prompt in prompts:
            file.write(json.dumps({**prompt_row(prompt), "prompt": prompt.model_dump_json()}) + "\n")


async def _generate(
    name: str,
    spool: Path,
    *,
    generators: Sequence[Generator],
    judge: UltraFeedbackJudge | None,
    finished: Callable[[CandidateSet], None],
    cache: Path | None,
) -> None:
    pipelines, runner = _load_distilabel("pipeline"), _load_distilabel("runner")
    pipeline = pipelines.build_pipeline(name, prompts=spool, generators=generators, judge=judge, cache=cache)
    settings = settings_id(generators, judge)
    async with aclosing(runner.stream(pipeline)) as rows:
        async for row in rows:
            prompt = Prompt.model_validate_json(row["prompt"])
            finished(pipelines.candidate_set(row, prompt, generators=generators, settings=settings))


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
