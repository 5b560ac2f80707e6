"""The plain client that the engine is compared with: aiohttp, a semaphore per model, gather. No retry, no cache.

It sends what the engine sends, byte for byte the same messages, so that the server gives both the same latencies; only
the seeds, which the engine derives from each request, are all the same.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from curation.generation import Generator, Models, PromptSpool, UltraFeedbackJudge
from curation.generation.loading import load_distilabel
from curation.types import Prompt


def ask_plainly(spool: PromptSpool, models: Models) -> int:
    """Ask every model about every prompt; return how many judgements came."""
    return asyncio.run(_ask(list(spool.read()), models))


async def _ask(prompts: list[Prompt], models: Models) -> int:
    [judge] = models.judges
    assert isinstance(judge, UltraFeedbackJudge)
    question = _questions(judge)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        asked: tuple[Generator | UltraFeedbackJudge, ...] = (*models.generators, judge)
        posts = {model.model_id: _Post(session, model) for model in asked}

        async def row(prompt: Prompt) -> str:
            messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
            answers = await asyncio.gather(*(posts[model.model_id](messages) for model in models.generators))
            return await posts[judge.model_id](question(prompt, answers))

        return len(await asyncio.gather(*(row(prompt) for prompt in prompts)))


class _Post:
    """One model, as many requests at once as it may have."""

    def __init__(self, session: aiohttp.ClientSession, model: Generator | UltraFeedbackJudge) -> None:
        self._session = session
        self._model = model
        self._turns = asyncio.Semaphore(model.max_concurrency)

    async def __call__(self, messages: list[dict[str, str]]) -> str:
        body = {
            "model": self._model.model_id,
            "messages": messages,
            "stream": False,
            "seed": 123456789,
            "temperature": self._model.temperature,
            "max_tokens": self._model.max_new_tokens,
        }
        async with self._turns, self._session.post(f"{self._model.base_url}/chat/completions", json=body) as answer:
            answer.raise_for_status()
            return str(json.loads(await answer.read())["choices"][0]["message"]["content"])


def _questions(judge: UltraFeedbackJudge) -> Any:
    """Return the function that writes the judge's messages, by the engine's own template and order."""
    tasks, endpoints, pipelines = (
        load_distilabel(f"curation.generation.{name}") for name in ("tasks", "endpoints", "pipeline")
    )
    llm = endpoints.endpoints_llm(judge, name=judge.name)
    with pipelines.Pipeline(name="questions"):
        task = tasks.JudgeAnswers(name="judge", llm=llm, aspects=judge.all_aspects, order=judge.order)
    task.load()

    def question(prompt: Prompt, answers: list[str]) -> Any:
        asked = prompt.messages[-1].content
        row = {"prompt_id": prompt.id, "instruction": asked, "generations": answers}
        [shown] = task._questions(row)
        return task.format_input(shown)

    return question
