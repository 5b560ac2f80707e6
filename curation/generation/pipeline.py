"""Builds the distilabel Pipeline from the options of the config, and turns its finished rows into candidate sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from distilabel.pipeline import Pipeline
from distilabel.steps import GroupColumns

from curation import ids
from curation.generation.batch import Batches, Lane
from curation.generation.endpoints import EndpointsLLM, endpoints_llm
from curation.generation.judge_options import Judge, RubricJudge, UltraFeedbackJudge
from curation.generation.judging import mean_rating, rationale
from curation.generation.meter import Meter, StageMeter
from curation.generation.options import Asked, Evolver, Generator, Models, settings_id
from curation.generation.rubric import JudgeByRubric
from curation.generation.runner import FailedRow
from curation.generation.tasks import AnswerPrompt, EvolveAnswer, JudgeAnswers, LoadPrompts
from curation.types import ONLY_REASONING, Candidate, CandidateSet, Failure, Judgement, Prompt, Usage

Stage = Literal["generate", "evolve", "judge"]


def build_pipeline(name: str, *, prompts: Path, models: Models, cache: Path | None = None) -> Pipeline:
    """Return the pipeline: load >> one text generation for each generator >> group (>> each evolver) (>> each judge).

    Without generators it is load >> each judge: the prompts come with their answers.

    `prompts` is a JSONL file of `prompt_row`s. `cache` is the file of the request cache. A dump of the pipeline
    contains no secret.
    """
    with Pipeline(name=f"curation-{name}") as pipeline:
        last = (
            _answered(prompts, models, cache)
            if models.generators
            else LoadPrompts(name="load", path=str(prompts), with_answers=True)
        )
        judges = [
            _judge_step(position, judge, cache, models.template(judge)) for position, judge in enumerate(models.judges)
        ]
        if judges:
            last >> judges
        if len(judges) > 1:
            columns = ["ratings", "rationales", "judgements", "model_name"]
            judges >> GroupColumns(name="group_judges", columns=columns, output_columns=columns)
    return pipeline


def _answered(prompts: Path, models: Models, cache: Path | None) -> Any:
    """Return the last of the steps that answer prompts."""
    last: Any = GroupColumns(
        name="group",
        columns=["generation", "thinking", "fault", "model_name"],
        output_columns=["generations", "generation_thinking", "generation_faults", "generation_models"],
    )
    answers = [
        _answer_step(position, generator, cache, models.template(generator))
        for position, generator in enumerate(models.generators)
    ]
    LoadPrompts(name="load", path=str(prompts)) >> answers >> last
    for position, evolver in enumerate(models.evolve):
        last = last >> _evolve_step(position, evolver, cache, models.generators)
    return last


def measure(pipeline: Pipeline, models: Models, meter: Meter) -> None:
    """Make every model count its requests in its own stage of `meter`."""
    for llm, stage in zip(_llms(pipeline, models), meter.stages, strict=True):
        llm.measure(stage, meter.story.append)


def rehearse(pipeline: Pipeline, models: Models, meters: Sequence[StageMeter]) -> None:
    """Make every model answer from the cache only, and count in its meter how often it can."""
    for llm, meter in zip(_llms(pipeline, models), meters, strict=True):
        llm.rehearse(meter)


def collect(pipeline: Pipeline, models: Models, meters: Sequence[StageMeter], batches: Batches) -> None:
    """Make every model answer from the cache, and write its other requests to batch files."""
    for llm, meter in zip(_llms(pipeline, models), meters, strict=True):
        llm.collect(meter, Lane(batches, meter.stage))


class RowReader:
    """Turns finished rows of the pipeline into candidate sets."""

    def __init__(self, models: Models) -> None:
        self.judges = models.judges
        self.writers = {options.name: (step, options) for step, options in _writers(models).items()}
        self.settings = settings_id(models)
        self._names = {step: name for name, (step, _) in self.writers.items()}
        self._names |= {judge_name(position): judge.name for position, judge in enumerate(models.judges)}

    def candidate_set(self, row: dict[str, Any] | FailedRow) -> CandidateSet:
        """Return the candidate set of a row: candidates, judgements, failures, and what was paid for."""
        if isinstance(row, FailedRow):
            return self._failed(row)
        return _ReadRow(row, self).candidate_set()

    def _failed(self, row: FailedRow) -> CandidateSet:
        prompt = Prompt.model_validate_json(row.row["prompt"])
        name = self._names.get(row.step, row.step)
        failure = Failure(stage=_stage_of(row.step), generator=name, reason=f"error: {row.error}", attempts=1)
        return CandidateSet(
            id=ids.candidate_set_id(prompt.id, self.settings, ()),
            prompt=prompt,
            candidates=(),
            failures=(failure,),
            settings=self.settings,
        )


def _stage_of(step: str) -> Stage:
    return (
        "judge" if step.startswith(("judge", "group_judges")) else "evolve" if step.startswith("evolve") else "generate"
    )


class _Answer(NamedTuple):
    """An answer in a row: its position among the generations, its text, its model's options, the facts of its request.

    `thinking` is what the model thought before it, if its generator keeps that.
    """

    position: int
    text: str
    thinking: str | None
    options: Generator | Evolver
    facts: dict[str, Any]


class _ReadRow:
    """Reads one row. Engines that keep rows in Arrow add keys with the value None, so such keys count as missing."""

    def __init__(self, row: dict[str, Any], reader: RowReader) -> None:
        self.row = row
        self.reader = reader
        self.prompt = Prompt.model_validate_json(row["prompt"])
        self.failures: list[Failure] = []
        self.usage: list[Usage] = []

    def candidate_set(self) -> CandidateSet:
        answers = self._answers() if self.row.get("answers") is None else []
        imported = [Candidate.model_validate(answer) for answer in orjson.loads(self.row.get("answers") or "[]")]
        positions = range(len(imported)) if imported else (answer.position for answer in answers)
        judgements = tuple(self._judgements({position: place for place, position in enumerate(positions)}))
        judged = bool(judgements) and not any(failure.stage == "judge" for failure in self.failures)
        counted = judgements if judged else ()
        candidates = [self._candidate(answer, counted, place) for place, answer in enumerate(answers)]
        candidates += [_rated(answer, counted, place) for place, answer in enumerate(imported)]
        return CandidateSet(
            id=ids.candidate_set_id(self.prompt.id, self.reader.settings, (candidate.id for candidate in candidates)),
            prompt=self.prompt,
            candidates=tuple(candidates),
            failures=tuple(self.failures),
            settings=self.reader.settings,
            judgements=judgements,
            usage=tuple(self.usage),
        )

    def _answers(self) -> list[_Answer]:
        metadata = self.row.get("distilabel_metadata") or {}
        answers = []
        columns = ("generation_models", "generations", "generation_thinking", "generation_faults")
        texts = zip(*(self.row[column] for column in columns), strict=True)
        for position, (name, text, thinking, fault) in enumerate(texts):
            step, options = self.reader.writers[name]
            statistics = metadata.get(f"statistics_{step}") or {}
            # When branches meet, distilabel makes a list with the entry of each branch, and all entries are the same.
            facts = statistics[0] if isinstance(statistics, list) else statistics
            stage: Stage = "evolve" if isinstance(options, Evolver) else "generate"
            self._account(stage, options, facts)
            if text is None:
                self._fail(stage, name, {"failure": fault, **_known(facts)})
            else:
                answers.append(_Answer(position, text, _thinking(options, facts, thinking), options, facts))
        return answers

    def _candidate(self, answer: _Answer, judgements: tuple[Judgement, ...], place: int) -> Candidate:
        facts = answer.facts
        return Candidate(
            id=ids.candidate_id(self.prompt.id, answer.options.name, answer.text),
            text=answer.text,
            generator=answer.options.name,
            model=answer.options.model_id,
            thinking=answer.thinking,
            finish_reason=facts.get("finish_reason"),
            input_tokens=facts.get("input_tokens"),
            output_tokens=facts.get("output_tokens"),
            rating=mean_rating(judgements, place),
            rationale=rationale(judgements, place),
        )

    def _judgements(self, places: dict[int, int]) -> Iterator[Judgement]:
        judgements_json = self.row.get("judgements") or []
        texts = judgements_json if isinstance(judgements_json, list) else [judgements_json]
        for judge, text in zip(self.reader.judges, texts, strict=False):
            for reading in orjson.loads(text):
                for facts in reading["asked"]:
                    self._account("judge", judge, facts)
                if _is_unanswered(reading):
                    self._fail("judge", judge.name, reading["asked"][-1])
                    continue
                for position, fault in enumerate(reading["faults"]):
                    if fault is not None:
                        name = self.row["generation_models"][position]
                        attempts = len(reading["asked"])
                        self.failures.append(Failure(stage="rating", generator=name, reason=fault, attempts=attempts))
                yield Judgement(
                    judge=judge.name,
                    aspect=reading["aspect"],
                    scale=reading["scale"],
                    order=tuple(places[position] for position in reading["order"]),
                    ratings=tuple(reading["ratings"][position] for position in places),
                    rationales=tuple(reading["rationales"][position] for position in places),
                )

    def _account(self, stage: Stage, options: Asked, facts: dict[str, Any]) -> None:
        """Record what was paid for a request: first its useless replies, then the reply that was used."""
        for wasted in facts.get("wasted") or ():
            self._use(stage, options, wasted, wasted=True)
        if facts.get("request") is not None and facts.get("failure") is None:
            self._use(stage, options, facts)

    def _use(
        self,
        stage: Stage,
        options: Asked,
        facts: dict[str, Any],
        *,
        wasted: bool = False,
    ) -> None:
        input_tokens, output_tokens = facts.get("input_tokens"), facts.get("output_tokens")
        self.usage.append(
            Usage(
                request=facts["request"],
                stage=stage,
                generator=options.name,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cost=options.cost(input_tokens, output_tokens, batch=bool(facts.get("batch"))),
                wasted=wasted,
            )
        )

    def _fail(self, stage: Stage, name: str, facts: dict[str, Any]) -> None:
        self.failures.append(
            Failure(
                stage=stage,
                generator=name,
                reason=facts.get("failure") or "unknown",
                attempts=facts.get("attempts") or 0,
                detail=facts.get("detail"),
                request=facts.get("request"),
            )
        )


def _rated(answer: Candidate, judgements: tuple[Judgement, ...], place: int) -> Candidate:
    """Return an answer that came with its prompt, with what judges say of it."""
    ratings = {"rating": mean_rating(judgements, place), "rationale": rationale(judgements, place)}
    return answer.model_copy(update=ratings)


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value is not None}


def _thinking(options: Generator | Evolver, facts: dict[str, Any], in_text: str | None) -> str | None:
    """Return the thoughts before an answer if its generator keeps them: those beside the text and those in it."""
    if not isinstance(options, Generator) or not options.keep_reasoning:
        return None
    return "\n\n".join(thought for thought in (facts.get("thinking"), in_text) if thought) or None


def _is_unanswered(reading: dict[str, Any]) -> bool:
    """Whether a judge's last request failed, and earlier replies were nothing but thoughts."""
    failure = reading["asked"][-1].get("failure")
    has_rating = any(rating is not None for rating in reading["ratings"])
    return not has_rating and failure not in {None, ONLY_REASONING} and {*reading["faults"]} <= {None, ONLY_REASONING}


def step_name(position: int) -> str:
    """Return the name of the step of the generator at `position`."""
    return f"generate_{position}"


def _writers(models: Models) -> dict[str, Generator | Evolver]:
    """Return the models that write answers, by the names of their steps."""
    steps: dict[str, Generator | Evolver] = {
        step_name(place): options for place, options in enumerate(models.generators)
    }
    return steps | {evolver_name(place): options for place, options in enumerate(models.evolve)}


def evolver_name(position: int) -> str:
    """Return the name of the step of the evolver at `position`."""
    return f"evolve_{position}"


def judge_name(position: int) -> str:
    """Return the name of the step of the judge at `position`."""
    return f"judge_{position}"


def _llms(pipeline: Pipeline, models: Models) -> list[EndpointsLLM]:
    """Return the LLMs of the pipeline, in the order of `models.stages`."""
    names = [*_writers(models), *(judge_name(position) for position in range(len(models.judges)))]
    return [pipeline.dag.get_step(name)["step"].llm for name in names]


def _answer_step(position: int, generator: Generator, cache: Path | None, template: str | None) -> AnswerPrompt:
    return AnswerPrompt(
        name=step_name(position),
        llm=_llm(generator, cache),
        system_prompt=generator.system_prompt,
        template=template,
        turn_template=generator.template,
        says_if_unanswerable=generator.role != "rejected",
        keep_reasoning=generator.keep_reasoning,
        add_raw_input=False,
        add_raw_output=False,
    )


def _evolve_step(position: int, evolver: Evolver, cache: Path | None, generators: Sequence[Generator]) -> EvolveAnswer:
    return EvolveAnswer(
        name=evolver_name(position),
        generators=evolver.generators or tuple(generator.name for generator in generators),
        llm=_llm(evolver, cache),
        methods=evolver.methods,
        add_raw_input=False,
        add_raw_output=False,
    )


def _judge_step(
    position: int, judge: UltraFeedbackJudge | RubricJudge, cache: Path | None, template: str | None
) -> JudgeAnswers:
    options: dict[str, Any] = {
        "template": template,
        "name": judge_name(position),
        "llm": _llm(judge, cache),
        "aspects": judge.all_aspects,
        "order": judge.order,
        "add_raw_input": False,
        "add_raw_output": False,
    }
    if not isinstance(judge, RubricJudge):
        return JudgeAnswers(**options)
    return JudgeByRubric(
        **options,
        descriptions={criterion.name: criterion.description for criterion in judge.criteria},
        scales={criterion.name: criterion.scale for criterion in judge.criteria},
    )


def _llm(options: Asked, cache: Path | None) -> EndpointsLLM:
    return endpoints_llm(
        options,
        name=options.name,
        cache=cache,
        asks_again=isinstance(options, Judge),
        temperature=options.temperature,
        max_new_tokens=options.max_new_tokens,
    )
