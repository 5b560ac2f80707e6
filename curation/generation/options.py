"""The models of a config: generators, evolvers and judges together, and the hash of what shapes their answers."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import (
    Field,
    JsonValue,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from curation import ids
from curation.generation.endpoint_options import Endpoint
from curation.generation.judge_options import Judge, RubricJudge, UltraFeedbackJudge
from curation.section import Section
from curation.templates import PROMPT_PLACEHOLDERS, template_fault
from curation.types import AnswerRole

WHERE_AND_HOW_FAST = frozenset(
    {
        "api_key_env",
        "base_url",
        "batch_price_factor",
        "bill_to",
        "endpoint_name",
        "max_attempts",
        "max_concurrency",
        "price_in",
        "price_out",
        "provider",
        "send",
        "timeout",
    }
)
"""Options that say where a model answers, how fast and for how much, not what it answers."""

EvolveMethod = Literal["helpfulness", "relevance", "deepening", "creativity", "details"]

Engine = Literal["streaming", "distilabel", "ray", "batch"]


class Generator(Endpoint):
    """One `[[generators]]` entry: a model with its sampling options; `name` tells two settings of one model apart.

    What a model thinks before it answers is left out; with `keep_reasoning` it is kept beside the answer.
    """

    name: Annotated[str, Field(validate_default=True)] = ""
    """The name of this entry in rows and reports. No two entries have the same name."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """How much answers vary (the sampling temperature), 0 to 2."""
    max_new_tokens: PositiveInt = 512
    """The largest number of tokens in an answer."""
    system_prompt: Annotated[str, Field(min_length=1)] | None = None
    """Sent before the prompt's own system message. It is no part of the prompt in rows; the card shows it."""
    template: Annotated[str, Field(min_length=1)] | None = None
    """The model is sent this text in place of the last user turn, with that turn where the text has {prompt}. Rows,
    reviewers and judges see the prompt as it was. Not with documents, which have templates of their own."""
    keep_reasoning: bool = False
    """`true`: what the model thinks before an answer is kept, and published in columns of its own. Judges and
    reviewers never see it."""
    role: AnswerRole | None = None
    """`"chosen"` or `"rejected"`: whether its answers are meant to be the better or the worse ones of pairs. Decides
    only with `accept_roles` under `[labels]`, and how questions about documents are asked."""

    @field_validator("name")
    @classmethod
    def _name_is_model_id(cls, name: str, info: ValidationInfo) -> str:
        return name or str(info.data.get("model_id", ""))

    @field_validator("template")
    @classmethod
    def _has_the_prompt(cls, template: str | None) -> str | None:
        fault = template_fault(template, PROMPT_PLACEHOLDERS) if template is not None else None
        if fault is not None:
            raise ValueError(fault)
        return template


class Evolver(Endpoint):
    """One `[[evolve]]` entry: a model that rewrites one answer to each prompt (EvolQuality, arXiv 2312.15685).

    The new text is one more answer, and the original stays. Which answer of `generators` is rewritten, and by which of
    `methods`, follows from the prompt and the name of the entry.
    """

    name: Annotated[str, Field(min_length=1)] = "evolved"
    """The name of its answers. No generator, and no other entry, may have this name."""
    generators: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The names of the generators whose answers are rewritten, one answer to each prompt. Without it: all of them."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """How much answers vary (the sampling temperature), 0 to 2."""
    max_new_tokens: PositiveInt = 1024
    """The largest number of tokens in an answer."""
    methods: Annotated[tuple[EvolveMethod, ...], Field(min_length=1)] = get_args(EvolveMethod)
    """The aims of a rewriting. One of them is chosen for each prompt."""


KINDS = {"generate": "answers", "evolve": "rewrites", "judge": "judge"}

Asked = Generator | Evolver | UltraFeedbackJudge | RubricJudge
"""A model that a prompt passes."""


class AnswerTemplates(Section):
    """How generators of each role, and judges, are asked a question about a document."""

    chosen: str
    rejected: str
    judge: str


class Models(Section):
    """Every model that a prompt passes: generators, then evolvers, then judges.

    There are no generators if prompts come with their answers.
    """

    generators: tuple[Generator, ...] = ()
    evolve: tuple[Evolver, ...] = ()
    judges: tuple[UltraFeedbackJudge | RubricJudge, ...] = ()
    templates: AnswerTemplates | None = None

    @model_validator(mode="after")
    def _names_are_different(self) -> Models:
        writers: list[Generator | Evolver] = [*self.generators, *self.evolve]
        for section, named in (("generators", writers), ("judges", self.judges)):
            names = [options.name for options in named]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{section}: the name {twice[0]!r} stands twice; give each entry a `name` of its own")
        return self

    @property
    def stages(self) -> dict[str, Asked]:
        """Each model by its stage in the flow, such as "generate small"."""
        return {
            **{f"generate {generator.name}": generator for generator in self.generators},
            **{f"evolve {evolver.name}": evolver for evolver in self.evolve},
            **{f"judge {judge.name}": judge for judge in self.judges},
        }

    def template(self, options: Asked) -> str | None:
        """Return the template by which a model is asked about a document; null if it is asked the prompt alone."""
        if self.templates is None or isinstance(options, Evolver):
            return None
        if isinstance(options, Judge):
            return self.templates.judge
        return self.templates.rejected if options.role == "rejected" else self.templates.chosen

    @property
    def labels(self) -> dict[str, str]:
        """What people read in place of a stage: "answers: Llama-3.1-8B", "rewrites", "judge"; "judge: x" of several."""
        names = [options.name for options in self.stages.values()]
        # The owner of a model, unless the name was chosen.
        short = [
            options.name.rpartition("/")[2] if options.name == options.model_id else options.name
            for options in self.stages.values()
        ]
        if len(set(short)) == len(short):
            names = short
        labels = {}
        for stage, name in zip(self.stages, names, strict=True):
            kind = stage.partition(" ")[0]
            alone = (kind == "evolve" and len(self.evolve) == 1) or (kind == "judge" and len(self.judges) == 1)
            labels[stage] = KINDS[kind] if alone else f"{KINDS[kind]}: {name}"
        return labels


class Budget(Section):
    """`[generate] budget = { money = 5.0 }` (US dollars) or `{ tokens = 2000000 }`. With both, the first limit counts.

    Everything that the rows of the curation cost is counted, in earlier runs too.
    """

    money: Annotated[float, Field(gt=0)] | None = None
    """US dollars. Every model needs `price_in` and `price_out`."""
    tokens: PositiveInt | None = None
    """Input and output tokens."""

    @model_validator(mode="after")
    def _something(self) -> Budget:
        if self.money is None and self.tokens is None:
            raise ValueError("needs money or tokens")
        return self


def settings_of(models: Models) -> dict[str, dict[str, JsonValue]]:
    """Return everything that shapes the answers and ratings, by stage: models, prompts and sampling options."""
    return {stage: _identity(options) | _asked_with(models, options) for stage, options in models.stages.items()}


def settings_id(models: Models) -> str:
    """Return the hash of `settings_of` the models."""
    return ids.content_hash("settings", [[stage, options] for stage, options in settings_of(models).items()])


def _asked_with(models: Models, options: Asked) -> dict[str, JsonValue]:
    template = models.template(options)
    return {} if template is None else {"template": template}


def _identity(options: Asked) -> dict[str, JsonValue]:
    # What an answer is meant for does not change it; how it is asked for is the template.
    values = options.model_dump(mode="json", exclude={*WHERE_AND_HOW_FAST, "role"})
    for option in ("keep_reasoning", "template", "generators"):
        # Sets that were made before there was this option are what they would be with its default.
        if not values.get(option):
            values.pop(option, None)
    if options.send.get("temperature") is False:
        values["temperature"] = None
    if not options.system_prompt_in_user:
        del values["system_prompt_in_user"]
    if isinstance(options, Judge):
        # One aspect can be written in two ways.
        values.pop("aspect", None)
        values["aspects"] = list(options.all_aspects)
    return values
