"""From options to a distilabel Pipeline, and from its rows to candidate sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distilabel.pipeline import Pipeline
from distilabel.steps import GroupColumns

from curation import ids
from curation.generation.endpoints import endpoints_llm
from curation.generation.options import Generator, UltraFeedbackJudge
from curation.generation.tasks import AnswerPrompt, JudgeAnswers, LoadPrompts
from curation.types import Candidate, CandidateSet, Failure, Prompt

JUDGE_STEP = "judge"


def build_pipeline(
    name: str,
    *,
    prompts: Path,
    generators: Sequence[Generator],
    judge: UltraFeedbackJudge | None,
    cache: Path | None = None,
) -> Pipeline:
    """Return the pipeline: load >> one text generation per generator >> group (>> judge).

    `prompts` is a JSONL file of `prompt_row`s, `cache` the file of replies that are not to be paid for again. The
    pipeline serialises without any secret.
    """
    with Pipeline(name=f"curation-{name}") as pipeline:
        load = LoadPrompts(name="load", path=str(prompts))
        answers = [_answer_step(position, generator, cache) for position, generator in enumerate(generators)]
        group = GroupColumns(
            name="group",
            columns=["generation", "model_name"],
            output_columns=["generations", "generation_models"],
        )
        load >> answers >> group
        if judge is not None:
            group >> _judge_step(judge, cache)
    return pipeline


def prompt_row(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as the pipeline's first step reads it; `instruction` is the conversation as one text."""
    messages = [message.model_dump() for message in prompt.messages]
    asked = [message for message in messages if message["role"] != "system"]
    if len(asked) == 1:
        instruction = asked[0]["content"]
    else:
        instruction = "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in asked)
    return {"prompt_id": prompt.id, "messages": messages, "instruction": instruction}


def candidate_set(
    row: dict[str, Any], prompt: Prompt, *, generators: Sequence[Generator], settings: str
) -> CandidateSet:
    """Return what a finished row of the pipeline says: its candidates, and a failure for each answer it lacks."""
    by_name = {generator.name: generator for generator in generators}
    statistics = row.get("distilabel_metadata", {})
    candidates, failures = [], []
    for position, name in enumerate(row["generation_models"]):
        text = row["generations"][position]
        facts = statistics.get(f"statistics_{_step_name(list(by_name).index(name))}", {})
        if text is None:
            failures.append(_failure("generate", name, facts.get("failure"), facts))
        else:
            candidates.append(_candidate(row, position, prompt=prompt, generator=by_name[name], facts=facts))
    failures.extend(_judge_failures(row, statistics.get(f"statistics_{JUDGE_STEP}", {})))
    return CandidateSet(
        id=ids.candidate_set_id(prompt.id, settings, (candidate.id for candidate in candidates)),
        prompt=prompt,
        candidates=tuple(candidates),
        failures=tuple(failures),
        settings=settings,
    )


def _answer_step(position: int, generator: Generator, cache: Path | None) -> AnswerPrompt:
    llm = endpoints_llm(
        generator,
        name=generator.name,
        cache=cache,
        temperature=generator.temperature,
        max_new_tokens=generator.max_new_tokens,
    )
    return AnswerPrompt(
        name=_step_name(position),
        llm=llm,
        system_prompt=generator.system_prompt,
        add_raw_input=False,
        add_raw_output=False,
    )


def _judge_step(judge: UltraFeedbackJudge, cache: Path | None) -> JudgeAnswers:
    llm = endpoints_llm(
        judge,
        name=judge.model_id,
        cache=cache,
        temperature=judge.temperature,
        max_new_tokens=judge.max_new_tokens,
    )
    return JudgeAnswers(name=JUDGE_STEP, llm=llm, aspect=judge.aspect, add_raw_input=False, add_raw_output=False)


def _step_name(position: int) -> str:
    return f"generate_{position}"


def _candidate(
    row: dict[str, Any], position: int, *, prompt: Prompt, generator: Generator, facts: dict[str, Any]
) -> Candidate:
    text = row["generations"][position]
    return Candidate(
        id=ids.candidate_id(prompt.id, generator.name, text),
        text=text,
        generator=generator.name,
        model=generator.model_id,
        finish_reason=facts.get("finish_reason"),
        input_tokens=facts.get("input_tokens"),
        output_tokens=facts.get("output_tokens"),
        rating=row["ratings"][position] if "ratings" in row else None,
        rationale=row["rationales"][position] if "rationales" in row else None,
    )


def _judge_failures(row: dict[str, Any], facts: dict[str, Any]) -> list[Failure]:
    if "failure" in facts:
        return [_failure("judge", row["model_name"], facts["failure"], facts)]
    return [
        _failure("judge", name, fault, facts)
        for name, fault in zip(row["generation_models"], row.get("faults") or (), strict=False)
        if fault is not None
    ]


def _failure(stage: Any, generator: str, reason: str | None, facts: dict[str, Any]) -> Failure:
    return Failure(stage=stage, generator=generator, reason=reason or "unknown", attempts=facts.get("attempts") or 0)
