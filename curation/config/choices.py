"""The sections that have several kinds: `[labels]` by `resolver`, `[judge]` by `type`, `[review]` by `task`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from curation.generation.judge_options import RubricJudge, UltraFeedbackJudge
from curation.labels import DawidSkeneResolver, MajorityResolver, MeanResolver, UnanimousResolver
from curation.review import BinaryTask, PairwiseTask, RankingTask, RatingTask, ReviewTask, SafetyTask


def _choice(value: Any, key: str, default: str) -> str:
    """Return what a section says under `key`, as a dict or as a model; the default if it says nothing."""
    return str(value.get(key, default) if isinstance(value, dict) else getattr(value, key, default))


def _resolver_name(value: Any) -> str:
    return _choice(value, "resolver", "majority")


Resolver = Annotated[
    Annotated[MajorityResolver, Tag("majority")]
    | Annotated[MeanResolver, Tag("mean")]
    | Annotated[UnanimousResolver, Tag("unanimous")]
    | Annotated[DawidSkeneResolver, Tag("dawid-skene")],
    Discriminator(_resolver_name),
]


def _judge_type(value: Any) -> str:
    return _choice(value, "type", "ultrafeedback")


Judge = Annotated[
    Annotated[UltraFeedbackJudge, Tag("ultrafeedback")] | Annotated[RubricJudge, Tag("rubric")],
    Discriminator(_judge_type),
]


def task_name(value: Any) -> str:
    """Return the task that `[review]` names, as a dict or as a model; "pairwise" if it names none."""
    return _choice(value, "task", "pairwise")


Review = Annotated[
    Annotated[PairwiseTask, Tag("pairwise")]
    | Annotated[BinaryTask, Tag("binary")]
    | Annotated[RatingTask, Tag("rating")]
    | Annotated[RankingTask, Tag("ranking")]
    | Annotated[SafetyTask, Tag("safety")],
    Discriminator(task_name),
]

OF_EQUAL_ANSWERS = frozenset({"majority", "unanimous"})
"""The resolvers that count equal answers. To them, ratings of 4 and 5 are as different as 1 and 5."""


def default_resolver(review: ReviewTask | None) -> MajorityResolver | MeanResolver:
    """Return the resolver where `[labels]` names none: the mean if the answers of the task have an order."""
    return MeanResolver() if review is not None and review.level == "ordinal" else MajorityResolver()
