"""What a config says about generators and judges. Nothing here imports distilabel."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    Field,
    JsonValue,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from curation import ids
from curation.environment import carries_secret, is_address
from curation.section import ACCOUNT, ASPECT, PARAMETER, PROVIDER, Section
from curation.templates import PROMPT_PLACEHOLDERS, template_fault
from curation.types import AnswerRole

ROUTER_URL = "https://router.huggingface.co/v1"
"""Inference Providers behind one OpenAI-compatible address (huggingface.co/docs/inference-providers)."""

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

HUGGING_FACE_DOMAINS = ("huggingface.co", "hf.co", "huggingface.cloud")

Aspect = Literal["overall-rating", "helpfulness", "honesty", "instruction-following", "truthfulness"]
OVERALL: Aspect = "overall-rating"
MORE_ROOM = 4
"""How many times `max_new_tokens` a judge may write that is asked again because it had no room to answer."""

EvolveMethod = Literal["helpfulness", "relevance", "deepening", "creativity", "details"]


Engine = Literal["streaming", "distilabel", "ray", "batch"]

Parameter = Literal["max_tokens", "temperature", "seed"]
"""Parameters of every request that some services know by another name or not at all."""
ParameterName = Annotated[str, Field(pattern=PARAMETER)]


NO_SECRETS = "must not carry a user, a password, a token or a query; name the key's variable in api_key_env"


class Endpoint(Section):
    """Where a model answers: Inference Providers (model_id alone), a dedicated endpoint by name, or any base_url.

    `price_in` and `price_out` are US dollars per million tokens; a price that is not given is unknown, never zero.
    `max_concurrency` is the most requests in flight; fewer are sent while the server pushes back. `send` gives a
    parameter of the request another name, or leaves it out: `{ max_tokens = "max_completion_tokens", seed = false }`.
    With `system_prompt_in_user` a system prompt stands at the beginning of the first user turn.
    """

    model_id: Annotated[str, Field(min_length=1)]
    """The model, as its server calls it."""
    provider: Annotated[str, Field(pattern=PROVIDER)] | None = None
    """Which of the Inference Providers is asked, such as "together". Not with `base_url` or `endpoint_name`."""
    bill_to: Annotated[str, Field(pattern=ACCOUNT)] | None = None
    """The user or organisation that pays for Inference Providers. Not with `base_url` or `endpoint_name`."""
    base_url: str | None = None
    """A server with OpenAI's chat protocol; `/v1` is added if the address has no version. It must not contain a key."""
    endpoint_name: Annotated[str, Field(min_length=1)] | None = None
    """A dedicated Inference Endpoint: its name, or owner/name. Not with `base_url`."""
    api_key_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the key. A variable that is not set is an error."""
    max_concurrency: PositiveInt = 16
    """The largest number of requests of this entry in flight."""
    max_attempts: PositiveInt = 10
    """How often a request is sent at most, if it fails for a reason that may pass."""
    timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds for one attempt."""
    send: dict[Parameter, ParameterName | Literal[False]] = Field(default_factory=dict)
    """How `"max_tokens"`, `"temperature"` and `"seed"` are sent: another name, or `false` to leave it out."""
    system_prompt_in_user: bool = False
    """`true`: the system prompt is put at the beginning of the first user message, for models that accept none."""
    price_in: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The price of a million input tokens in US dollars."""
    price_out: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The price of a million output tokens in US dollars."""
    batch_price_factor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5
    """What a reply through a batch costs, as a share of these prices (with `engine = "batch"`)."""

    @field_validator("model_id")
    @classmethod
    def _name_without_secrets(cls, model_id: str) -> str:
        if carries_secret(model_id):
            raise ValueError(NO_SECRETS)
        return model_id

    @field_validator("base_url")
    @classmethod
    def _http_without_secrets(cls, url: str | None) -> str | None:
        return None if url is None else endpoint_address(url)

    @model_validator(mode="after")
    def _one_place(self) -> Endpoint:
        if self.base_url is not None and self.endpoint_name is not None:
            raise ValueError("has both base_url and endpoint_name; keep one")
        elsewhere = "base_url" if self.base_url is not None else "endpoint_name"
        for option in ("provider", "bill_to"):
            if getattr(self, option) is not None and (self.base_url or self.endpoint_name) is not None:
                raise ValueError(f"has {elsewhere} and {option}, which only Inference Providers take; keep one")
        return self

    @property
    def requests(self) -> int:
        """How many requests one prompt takes."""
        return 1

    def cost(self, input_tokens: int | None, output_tokens: int | None, *, batch: bool = False) -> float | None:
        """Return what this many tokens cost in US dollars, through a batch or not.

        Null if a price or a count is unknown.
        """
        if self.price_in is None or self.price_out is None or input_tokens is None or output_tokens is None:
            return None
        factor = self.batch_price_factor if batch else 1.0
        return factor * (input_tokens * self.price_in + output_tokens * self.price_out) / 1e6


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


class Judge(Endpoint):
    """What every kind of judge has: a model that rates all answers to a prompt, one aspect a request.

    `all_aspects` are what it rates; with `order = "swap"` it is asked about each in both orders of the answers.
    """

    name: Annotated[str, Field(validate_default=True)] = ""
    """The name of this judge. No two judges have the same name."""
    order: Literal["shuffled", "swap"] = "shuffled"
    """The order in which answers are shown; `"swap"` asks twice, in both orders."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """How much replies vary (the sampling temperature), 0 to 2."""
    max_new_tokens: PositiveInt = 1024
    """The largest number of tokens in a reply."""

    @field_validator("name")
    @classmethod
    def _name_is_model_id(cls, name: str, info: ValidationInfo) -> str:
        return name or str(info.data.get("model_id", ""))

    @property
    def all_aspects(self) -> tuple[str, ...]:
        """What is rated, each in a request of its own."""
        raise NotImplementedError

    @property
    def instructions(self) -> tuple[str, ...]:
        """What the judge is told of each aspect besides the words of its task."""
        return ()

    @property
    def requests(self) -> int:
        """How many requests one prompt takes: one per aspect and order, unless a reply cannot be read."""
        return len(self.all_aspects) * (2 if self.order == "swap" else 1)


class UltraFeedbackJudge(Judge):
    """`[judge] type = "ultrafeedback"`: a model that rates every answer from 1 to 5 (arXiv 2310.01377).

    With several `aspects` a rating is their mean. The answers are shown in an order that follows from the prompt;
    with `order = "swap"` also in the reverse order, and a rating is the mean of both.
    """

    type: Literal["ultrafeedback"] = "ultrafeedback"
    """The kind of judge: `"ultrafeedback"` (the aspects of UltraFeedback) or `"rubric"` (criteria of your own)."""
    aspect: Aspect = OVERALL
    """What is rated: `"overall-rating"`, `"helpfulness"`, `"honesty"`, `"instruction-following"` or
    `"truthfulness"`."""
    aspects: Annotated[tuple[Aspect, ...], Field(min_length=1)] | None = None
    """Several aspects instead of `aspect`. Each is one request, and a rating is their mean."""

    @model_validator(mode="after")
    def _aspects_once(self) -> UltraFeedbackJudge:
        if self.aspects is not None and self.aspect != OVERALL:
            raise ValueError("has both aspect and aspects; keep one")
        if len(set(self.all_aspects)) < len(self.all_aspects):
            raise ValueError("has an aspect twice in aspects")
        return self

    @property
    def all_aspects(self) -> tuple[str, ...]:
        """What is rated: `aspects`, or else the one `aspect`."""
        return self.aspects or (self.aspect,)


class Criterion(Section):
    """One criterion of a rubric: every answer is rated by it from 1 to `scale`."""

    name: Annotated[str, Field(pattern=ASPECT)]
    """The name of the criterion. If reviewers are asked for an aspect of this name, the judge is held to that."""
    description: Annotated[str, Field(min_length=1, max_length=4_000)]
    """What the judge is told that the criterion means, and what a high and a low rating stand for."""
    scale: Annotated[int, Field(ge=2, le=10)] = 5
    """The best rating, 2 to 10. The worst is 1."""


class RubricJudge(Judge):
    """`[judge] type = "rubric"`: a model that rates every answer by criteria of the user's own.

    Each criterion is a request of its own in each order, so that no rating colours another. A rating of the whole
    answer is the mean over criteria and orders, each brought to the scale from 1 to 5.
    """

    type: Literal["rubric"] = "rubric"
    """The kind of judge: `"ultrafeedback"` (the aspects of UltraFeedback) or `"rubric"` (criteria of your own)."""
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    """What the answers are rated by: one table each. A rating is their mean."""
    order: Literal["shuffled", "swap"] = "swap"
    """`"swap"`: each criterion is asked about in both orders of the answers; `"shuffled"`: in one."""

    @model_validator(mode="after")
    def _criteria_once(self) -> RubricJudge:
        if len(set(self.all_aspects)) < len(self.all_aspects):
            raise ValueError("has two criteria of one name")
        return self

    @property
    def all_aspects(self) -> tuple[str, ...]:
        """The names of the criteria."""
        return tuple(criterion.name for criterion in self.criteria)

    @property
    def instructions(self) -> tuple[str, ...]:
        """The descriptions of the criteria."""
        return tuple(criterion.description for criterion in self.criteria)


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


def endpoint_address(url: str) -> str:
    """Return the address of an endpoint with /v1 (or /v2, ...) at its end, as OpenAI's clients take it.

    Raises ValueError, which does not repeat the address, if it is none or carries a secret.
    """
    if not is_address(url):
        raise ValueError("must be an http or https address")
    parts = urlsplit(url)
    if carries_secret(url) or parts.fragment:
        raise ValueError(NO_SECRETS)
    url = url.rstrip("/").removesuffix("/chat/completions")
    return url if re.search(r"/v\d+$", url) else f"{url}/v1"


def is_hugging_face(url: str, hub_endpoint: str) -> bool:
    """Whether `url` is Hugging Face's (https) or has the very origin of `hub_endpoint`: only there HF_TOKEN may go."""
    parts, hub = urlsplit(url), urlsplit(hub_endpoint)
    if (parts.scheme, parts.hostname, parts.port) == (hub.scheme, hub.hostname, hub.port):
        return True
    host = parts.hostname or ""
    # Clients disagree on where a host with other characters ends.
    if not re.fullmatch(r"[a-z0-9.-]+", host):
        return False
    return parts.scheme == "https" and any(host == d or host.endswith(f".{d}") for d in HUGGING_FACE_DOMAINS)
