"""One TOML file = one curated dataset. The same model is built in Python by a launch script."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, to_json

from curation.documents import DocumentPrompts, QuestionModel
from curation.environment import address_from, carries_secret, is_key, key_from
from curation.errors import ConfigError
from curation.export import PairsPerPrompt
from curation.generation.options import (
    Budget,
    Criterion,
    Endpoint,
    Engine,
    Evolver,
    Generator,
    Models,
    RubricJudge,
    UltraFeedbackJudge,
)
from curation.hub import DEFAULT_ENDPOINT
from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
from curation.preferences import AnsweredPrompts, AnswerPrompts, PreferencePrompts
from curation.prompts import FilePrompts, HubPrompts, ListPrompts
from curation.prompts.hub import RepoId
from curation.quality.filters import Filter
from curation.quality.options import Quality
from curation.review import TASKS, BinaryTask, PairwiseTask, RankingTask, RatingTask, ReviewTask, SafetyTask
from curation.review.adjudication import SUFFIX
from curation.review.budget import SkipIf
from curation.section import LICENSE, LONGEST_DATASET, NAME, Section, sentences
from curation.types import AnswerRole
from curation.variations import VariationModel

Format = Literal["dpo", "kto", "reward", "sft", "raw"]


class Publish(Section):
    """`[publish]`: where the datasets go, what becomes a row, and in which layout.

    `margin` writes the score gap into `reward`, where TRL's RewardTrainer uses it. `conversational = false` writes
    plain strings. `license` is an identifier of the Hub, such as "cc-by-4.0"; it is yours to state.
    """

    repo_id: RepoId
    """The dataset repo to write to, as owner/name."""
    private: bool = True
    """Whether the repo is created as a private one. Later you can change that on the Hub."""
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("dpo", "kto")
    """The datasets to publish: `"dpo"`, `"kto"`, `"reward"`, `"sft"`, `"raw"`."""
    pairs: PairsPerPrompt = "best-worst"
    """`"best-worst"`: the best and the worst answer to a prompt; `"all"`: every two that are `min_gap` apart."""
    min_gap: Annotated[float, Field(ge=0, le=1)] = 0.25
    """How far apart the scores of a pair must be, 0 to 1."""
    test_size: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """The share of prompts in the test split, 0 to less than 1; `0.0`: no test split."""
    margin: bool = False
    """`true`: a column `margin` with the gap in `reward`, which must be among `formats`."""
    conversational: bool = True
    """`false`: plain strings."""
    license: Annotated[str, Field(pattern=LICENSE)] | None = None
    """The licence, as an identifier of the Hub such as "cc-by-4.0"."""

    method: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """How the prompts were collected, in Markdown, for the card: of refusal data, the red-teaming method."""
    max_shrink: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share, 0 to 1, of the stored responses that a `sync` may remove, and of the published rows that a `publish`
    may remove, without `--allow-shrink`. One response, or the rows of one prompt, may always go."""
    lint: Literal["error", "warning"] | None = None
    """`"error"`: rows are published only if `curation lint` finds no error in them; `"warning"`: nor a warning. Only
    with `"dpo"`, `"kto"` or `"reward"` among `formats`."""
    mode: Literal["commit", "pull-request"] = "commit"
    """`"commit"`: a publish writes to main; `"pull-request"`: it opens a pull request, which somebody merges."""
    min_agreement: Annotated[float, Field(ge=-1, le=1)] | None = None
    """The least Krippendorff's alpha, -1 to 1, at which rows are published."""
    min_reviewers: PositiveInt | None = None
    """How many reviewers must have answered, in the whole dataset, before rows are published."""
    min_rows: PositiveInt | None = None
    """How many rows each of `formats` must have, except for `"raw"` beside others, before anything is published."""
    min_judge_kappa: Annotated[float, Field(ge=-1, le=1)] | None = None
    """The least weighted kappa, -1 to 1, of the judge against people at which `judge_fallback` may decide, once 50
    records can be compared."""
    max_tie_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share, 0 to 1, of compared candidate sets that may be ties."""
    min_gold_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None
    """The least share, 0 to 1, of right answers to gold records, of all reviewers together, at which rows are
    published."""

    @model_validator(mode="after")
    def _each_once(self) -> Publish:
        if len(set(self.formats)) < len(self.formats):
            raise ValueError(f"formats = {list(self.formats)} has a format twice")
        if self.margin and "reward" not in self.formats:
            raise ValueError("margin = true is for the format 'reward', which is not among formats")
        if self.lint is not None and not {"dpo", "kto", "reward"} & set(self.formats):
            raise ValueError(f"lint = {self.lint!r} reads dpo, kto and reward, and none of them is among formats")
        return self


class Generate(Section):
    """`[generate]`: how prompts are asked, and what it may cost.

    `confirm_above` is in US dollars: a run that may cost more, or whose cost is unknown, asks first. `min_success` is
    the share of prompts that must come through for exit code 0.
    """

    engine: Engine = "streaming"
    """The engine that runs the pipeline: `"streaming"`, `"distilabel"`, `"ray"`, or `"batch"` for batch files."""
    min_success: Annotated[float, Field(ge=0, le=1)] = 0.95
    """The share of prompts, 0 to 1, that must be complete for exit code 0."""
    confirm_above: Annotated[float, Field(ge=0)] | None = None
    """US dollars: a run that may cost more, or an unknown amount, asks first."""
    budget: Budget | None = None
    """What all runs of this curation together may use. Only with `engine = "streaming"`."""

    @model_validator(mode="after")
    def _budget_is_kept(self) -> Generate:
        if self.budget is not None and self.engine != "streaming":
            raise ValueError(f"engine = {self.engine!r} cannot stop at a budget; only 'streaming' can")
        return self


class StoreSection(Section):
    """`[store]`: the private dataset repo that keeps everything."""

    repo_id: RepoId
    """A private dataset repo, as owner/name, but not that of `[publish]`. `generate` creates it."""


def _resolver_name(value: Any) -> str:
    return str(value.get("resolver", "majority") if isinstance(value, dict) else getattr(value, "resolver", "majority"))


Resolver = Annotated[
    Annotated[MajorityResolver, Tag("majority")]
    | Annotated[MeanResolver, Tag("mean")]
    | Annotated[UnanimousResolver, Tag("unanimous")]
    | Annotated[DawidSkeneResolver, Tag("dawid-skene")],
    Discriminator(_resolver_name),
]


def _judge_type(value: Any) -> str:
    default = "ultrafeedback"
    return str(value.get("type", default) if isinstance(value, dict) else getattr(value, "type", default))


Judge = Annotated[
    Annotated[UltraFeedbackJudge, Tag("ultrafeedback")] | Annotated[RubricJudge, Tag("rubric")],
    Discriminator(_judge_type),
]


def _task_name(value: Any) -> str:
    return str(value.get("task", "pairwise") if isinstance(value, dict) else getattr(value, "task", "pairwise"))


Review = Annotated[
    Annotated[PairwiseTask, Tag("pairwise")]
    | Annotated[BinaryTask, Tag("binary")]
    | Annotated[RatingTask, Tag("rating")]
    | Annotated[RankingTask, Tag("ranking")]
    | Annotated[SafetyTask, Tag("safety")],
    Discriminator(_task_name),
]

OF_EQUAL_ANSWERS = frozenset({"majority", "unanimous"})
"""The resolvers that count equal answers. To them, ratings of 4 and 5 are as different as 1 and 5."""


def _default_resolver(review: ReviewTask | None) -> MajorityResolver | MeanResolver:
    return MeanResolver() if review is not None and review.level == "ordinal" else MajorityResolver()


class Config(Section):
    """A curation: prompts, generators, judges, review task, resolver, checks, and the two repos it writes."""

    name: Annotated[str, Field(pattern=NAME)]
    """The curation's name, 1 to 64 characters. A store can only be used under the name that it was created with."""
    prompts: Annotated[
        HubPrompts | FilePrompts | ListPrompts | DocumentPrompts | PreferencePrompts | AnswerPrompts,
        Field(discriminator="type"),
    ]
    """Where the prompts come from."""
    vary: tuple[VariationModel, ...] = ()
    """Models that write variations of the prompts, which are asked like prompts."""
    generators: Annotated[tuple[Generator, ...], Field(validate_default=True)] = ()
    """The models that answer: two or more, unless answers are reviewed one by one. None where the answers exist
    already."""
    evolve: tuple[Evolver, ...] = ()
    """Models that rewrite an answer. The rewritten answer stands beside the original."""
    judge: Judge | None = None
    """The model that rates the answers. Without it, the two answers that are shown are chosen at random."""
    judges: tuple[Judge, ...] = ()
    """Several judges, instead of `judge`."""
    generate: Generate = Generate()
    """How models are asked, and what it may cost."""
    review: Review = PairwiseTask()
    """What reviewers are asked, and where."""
    labels: Resolver = Field(default_factory=lambda values: _default_resolver(values.get("review")))
    """What several responses to a record mean together."""
    quality: Quality = Quality()
    """What is dropped."""
    filters: tuple[Filter, ...] = ()
    """Rules of your own: what else is dropped."""
    publish: Publish
    """The datasets."""
    store: StoreSection
    """The private repo that keeps everything."""

    @classmethod
    def sections(cls) -> Mapping[str, type[BaseModel]]:
        """Return the model of every section of a file."""
        return SECTIONS

    @field_validator("generators")
    @classmethod
    def _are_needed(cls, generators: tuple[Generator, ...], info: ValidationInfo) -> tuple[Generator, ...]:
        prompts = info.data.get("prompts")
        if isinstance(prompts, AnsweredPrompts) and generators:
            raise ValueError(f"must be left out: with prompts.type = {prompts.type!r} the answers exist already")
        if prompts is not None and not isinstance(prompts, AnsweredPrompts) and not generators:
            raise PydanticCustomError("missing", "each entry is a model that answers")
        return generators

    @field_validator("review")
    @classmethod
    def _fits_the_answers(cls, review: Review, info: ValidationInfo) -> Review:
        """Return the task for the number of answers to a prompt: one of each generator, and one of each evolver."""
        generators = info.data.get("generators", ())
        return review.for_answers(len(generators) + len(info.data.get("evolve", ()))) if generators else review

    @model_validator(mode="after")
    def _whole(self) -> Config:
        if self.judge is not None and self.judges:
            raise ValueError("there are both [judge] and [[judges]]; keep one of them")
        writers: list[Generator | Evolver] = [*self.generators, *self.evolve]
        written_by = "generators and evolve" if self.evolve else "generators"
        for section, named in ((written_by, writers), ("judges", self.judges), ("vary", self.vary)):
            names = [options.name for options in named]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{section}: the name {twice[0]!r} stands twice; give each entry a `name` of its own")
        self._generators_are_known()
        self._batches_ask_no_questions()
        self._variations_have_prompts()
        self._filters_have_names()
        if isinstance(self.prompts, AnsweredPrompts):
            self._answers_stay_as_they_are()
        else:
            self._answers_are_enough(len(writers))
        self._money_is_counted()
        if self.review.level == "ordinal" and self.labels.resolver in OF_EQUAL_ANSWERS:
            raise ValueError(
                f"labels.resolver = {self.labels.resolver!r} counts equal answers, and those to the task "
                f"{self.review.task!r} have an order: use 'mean'"
            )
        if self.review.escalate_below is not None and len(self.adjudication_dataset) > LONGEST_DATASET:
            raise ValueError(
                f"review.escalate_below makes a dataset called {self.review_dataset!r} with {SUFFIX!r} behind it, and "
                f"Argilla's names have at most {LONGEST_DATASET} characters: give review.dataset a shorter name"
            )
        if self.review.reasons_published and "raw" not in self.publish.formats:
            raise ValueError(
                "review.publish_reasons = true is for the format 'raw', which is not among publish.formats"
            )
        if self.publish.repo_id == self.store.repo_id:
            raise ValueError(
                f"store.repo_id = {self.store.repo_id!r} is also publish.repo_id; the private store needs its own repo"
            )
        if self.labels.judge_fallback and not self.models.judges:
            raise ValueError("labels.judge_fallback = true needs a [judge] or [[judges]]")
        if self.review.skip_if is not None and not self.models.judges:
            raise ValueError("review.skip_if leaves candidate sets to the judge, and there is no [judge] or [[judges]]")
        if self.review.priority == "uncertain" and not self.models.judges:
            raise ValueError("review.priority = 'uncertain' goes by the judge's ratings, and there is no [judge]")
        if self.publish.min_judge_kappa is not None and not self.labels.judge_fallback:
            raise ValueError("publish.min_judge_kappa is about labels.judge_fallback = true, which is not set")
        if self.labels.accept_imported and not isinstance(self.prompts, PreferencePrompts):
            raise ValueError('labels.accept_imported = true needs prompts.type = "preferences", which has labels')
        if self.labels.accept_roles and {"chosen", "rejected"} - set(self.roles.values()):
            raise ValueError(
                'labels.accept_roles = true needs a generator with role = "chosen" and one with role = "rejected"'
            )
        return self

    def _batches_ask_no_questions(self) -> None:
        if self.generate.engine == "batch" and isinstance(self.prompts, DocumentPrompts):
            raise ValueError(
                "generate.engine = 'batch' cannot ask for questions about documents; use 'streaming' for "
                "prompts.type = 'documents'"
            )

        if self.generate.engine == "batch" and self.vary:
            raise ValueError("generate.engine = 'batch' cannot ask for variations; use 'streaming' with [[vary]]")

    def _variations_have_prompts(self) -> None:
        if self.vary and not isinstance(self.prompts, HubPrompts | FilePrompts | ListPrompts):
            raise ValueError(
                f"[[vary]] writes variations of prompts of the types 'hub', 'file' and 'list', and prompts.type is "
                f"{self.prompts.type!r}"
            )

    def _generators_are_known(self) -> None:
        """Evolvers name generators, and a document's question has another template than a prompt."""
        names = [generator.name for generator in self.generators]
        for number, evolver in enumerate(self.evolve, 1):
            unknown = [name for name in evolver.generators or () if name not in names]
            if unknown:
                raise ValueError(
                    f"evolve[{number}].generators names {unknown[0]!r}, and no generator has this name; there are "
                    f"{', '.join(map(repr, names))}"
                )
        templated = [generator.name for generator in self.generators if generator.template is not None]
        if templated and isinstance(self.prompts, DocumentPrompts):
            raise ValueError(
                f'generators: {templated[0]!r} has a template, and prompts.type = "documents" has its own; use '
                "prompts.chosen_template and prompts.rejected_template"
            )

    def _filters_have_names(self) -> None:
        """Two reasons of one name could not be told apart in reports."""
        taken = {line.split(": ")[1] for line in self.quality.lines()}
        for rule in self.filters:
            if rule.reason in taken:
                raise ValueError(
                    f"filters: the name {rule.reason!r} stands twice, or is a check's of [quality]; give each entry a "
                    "`name` of its own"
                )
            taken.add(rule.reason)

    def _answers_are_enough(self, writers: int) -> None:
        needed = self.review.min_candidates
        if writers < needed:
            raise ValueError(
                f"review.task = {self.review.task!r} shows {needed} answers to a prompt, and [[generators]] gives "
                f"{writers}: add one, or review answers one by one with task = 'binary'"
            )
        if writers == 1 and self.models.judges:
            raise ValueError(
                "a judge rates two answers or more, and [[generators]] gives 1: add one, or drop the judge"
            )

    def _answers_stay_as_they_are(self) -> None:
        if self.evolve:
            raise ValueError(f"[[evolve]] rewrites answers, and with prompts.type = {self.prompts.type!r} they stay")

    def _money_is_counted(self) -> None:
        budget = self.generate.budget
        if budget is None or budget.money is None:
            return
        stages: dict[str, Endpoint] = {**self.models.stages}
        if isinstance(self.prompts, DocumentPrompts):
            stages["question_model"] = self.prompts.question_model
        stages |= {f"vary {model.name}": model for model in self.vary}
        for stage, options in stages.items():
            if options.price_in is None or options.price_out is None:
                raise ValueError(
                    f"generate.budget.money needs price_in and price_out of every model; {stage!r} has not both"
                )

    @property
    def models(self) -> Models:
        """Every model that a prompt passes."""
        judges = (self.judge,) if self.judge is not None else self.judges
        templates = self.prompts.answer_templates if isinstance(self.prompts, DocumentPrompts) else None
        return Models(generators=self.generators, evolve=self.evolve, judges=judges, templates=templates)

    @property
    def question_models(self) -> Models | None:
        """The model that writes questions about documents, as the one that answers requests; null without documents."""
        if not isinstance(self.prompts, DocumentPrompts):
            return None
        return Models(generators=(self.prompts.question_model.generator,))

    @property
    def roles(self) -> Mapping[str, AnswerRole]:
        """The role of each generator that has one, by its name."""
        return {generator.name: generator.role for generator in self.generators if generator.role is not None}

    @property
    def review_dataset(self) -> str:
        """The name of the Argilla dataset: `review.dataset`, or else `name`."""
        return self.review.dataset or self.name

    @property
    def adjudication_dataset(self) -> str:
        """The name of the Argilla dataset of the adjudicators."""
        return f"{self.review_dataset}{SUFFIX}"


class Services(BaseModel):
    """The addresses of the services and their keys, which come from the environment and never from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    hub_endpoint: str = DEFAULT_ENDPOINT
    hub_token: Annotated[str | None, Field(repr=False)] = None
    argilla_api_url: str | None = None
    argilla_api_key: Annotated[str | None, Field(repr=False)] = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Services:
        """Return the services that HF_ENDPOINT, HF_TOKEN, ARGILLA_API_URL and ARGILLA_API_KEY name."""
        return cls(
            hub_endpoint=address_from("HF_ENDPOINT", environment) or DEFAULT_ENDPOINT,
            hub_token=key_from("HF_TOKEN", environment),
            argilla_api_url=address_from("ARGILLA_API_URL", environment),
            argilla_api_key=key_from("ARGILLA_API_KEY", environment),
        )

    @field_validator("hub_token", "argilla_api_key")
    @classmethod
    def _is_a_key(cls, key: str | None) -> str | None:
        if key is not None and not is_key(key):
            raise ValueError("holds a blank, a line break or another character that no key has")
        return key

    @field_validator("hub_endpoint", "argilla_api_url")
    @classmethod
    def _carries_no_secret(cls, url: str | None) -> str | None:
        if url is not None and carries_secret(url):
            raise ValueError("carries a user, a password, a token or a query")
        return url


def load_config(path: Path) -> Config:
    """Return the config in a TOML file. Paths in it are relative to the file.

    Raises ConfigError with a sentence for each fault, which has the key, the value and what is allowed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no config file {path}.",
            remedy="Correct the path, or run `curation init` to write a config file.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The config file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    prompts, quality, review = values.get("prompts"), values.get("quality"), values.get("review")
    if isinstance(review, dict) and isinstance(review.get("gold"), str):
        review["gold"] = str(path.parent / review["gold"])
    if isinstance(prompts, dict) and isinstance(prompts.get("path"), str):
        prompts["path"] = str(path.parent / prompts["path"])
    if isinstance(quality, dict):
        quality |= {key: _beside(path, quality[key]) for key in ("benchmarks", "tokenizer") if key in quality}
    return parse_config(values, where=str(path))


def _beside(path: Path, value: Any) -> Any:
    """Return the path of a file or folder that is named relative to the config file. A name on the Hub stays."""
    if isinstance(value, list):
        return [_beside(path, name) for name in value]
    return str(path.parent / value) if isinstance(value, str) and value and (path.parent / value).exists() else value


def parse_config(values: Mapping[str, Any], *, where: str = "The config") -> Config:
    """Return the config in `values` (parsed TOML). Raises ConfigError with a sentence for each fault."""
    values = _with_resolver(values)
    try:
        # Strict, so that "yes" is not read as true. As JSON, because strict Python input refuses a list for a tuple.
        return Config.model_validate_json(to_json(values), strict=True)
    except ValidationError as error:
        # The cause is left out: it shows all values, and one of them may be an API key in the wrong place.
        raise ConfigError(f"{where} is not valid:\n{sentences(error, SECTIONS)}") from None


def _with_resolver(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values, with the default resolver of the review task if [labels] names none."""
    labels, review = values.get("labels"), values.get("review")
    if not isinstance(labels, dict) or "resolver" in labels:
        return values
    resolver = _default_resolver(_task_of(review)).resolver
    return {**values, "labels": {"resolver": resolver, **labels}}


def _task_of(review: Any) -> ReviewTask | None:
    """The review task with its options; null if [review] is missing, or not valid, as the reading of it will say."""
    task: Any = TASKS.get(_task_name(review)) if isinstance(review, dict) else None
    try:
        return task(**review) if task is not None else None
    except ConfigError:
        return None


SECTIONS: dict[str, type[BaseModel]] = {
    "": Config,
    "prompts.hub": HubPrompts,
    "prompts.file": FilePrompts,
    "prompts.list": ListPrompts,
    "prompts.documents": DocumentPrompts,
    "prompts.documents.question_model": QuestionModel,
    "prompts.preferences": PreferencePrompts,
    "prompts.answers": AnswerPrompts,
    "vary": VariationModel,
    "generators": Generator,
    "evolve": Evolver,
    "judge.ultrafeedback": UltraFeedbackJudge,
    "judge.rubric": RubricJudge,
    "judge.rubric.criteria": Criterion,
    "judges.ultrafeedback": UltraFeedbackJudge,
    "judges.rubric": RubricJudge,
    "judges.rubric.criteria": Criterion,
    "filters": Filter,
    "generate": Generate,
    "generate.budget": Budget,
    "review.pairwise": PairwiseTask,
    "review.binary": BinaryTask,
    "review.rating": RatingTask,
    "review.ranking": RankingTask,
    "review.safety": SafetyTask,
    **{f"review.{name}.skip_if": SkipIf for name in TASKS},
    "labels.majority": MajorityResolver,
    "labels.mean": MeanResolver,
    "labels.unanimous": UnanimousResolver,
    "labels.dawid-skene": DawidSkeneResolver,
    "quality": Quality,
    "publish": Publish,
    "store": StoreSection,
}
