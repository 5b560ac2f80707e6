"""The whole config: its sections, what must hold between them, and the model of every section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from curation.config.choices import OF_EQUAL_ANSWERS, Judge, Resolver, Review, default_resolver
from curation.config.sections import Generate, Publish, StoreSection
from curation.documents import DocumentPrompts, QuestionModel
from curation.generation.endpoint_options import Endpoint
from curation.generation.judge_options import Criterion, RubricJudge, UltraFeedbackJudge
from curation.generation.options import Budget, Evolver, Generator, Models
from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
from curation.preferences import AnsweredPrompts, AnswerPrompts, PreferencePrompts
from curation.prompts import FilePrompts, HubPrompts, ListPrompts
from curation.quality.filters import Filter
from curation.quality.options import Quality
from curation.review import TASKS, BinaryTask, PairwiseTask, RankingTask, RatingTask, SafetyTask
from curation.review.adjudication import SUFFIX
from curation.review.budget import SkipIf
from curation.section import LONGEST_DATASET, NAME, Section
from curation.types import AnswerRole
from curation.variations import VariationModel


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
    labels: Resolver = Field(default_factory=lambda values: default_resolver(values.get("review")))
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
    def _sections_agree(self) -> Config:
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
