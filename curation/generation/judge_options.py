"""The kinds of `[judge]`: by the aspects of UltraFeedback, or by the criteria of a rubric."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from curation.generation.endpoint_options import Endpoint
from curation.section import ASPECT, Section

Aspect = Literal["overall-rating", "helpfulness", "honesty", "instruction-following", "truthfulness"]

OVERALL: Aspect = "overall-rating"

MORE_ROOM = 4
"""How many times `max_new_tokens` a judge may write that is asked again because it had no room to answer."""


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
