"""`[[vary]]`: which prompts are varied, how often, and by which model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from curation.generation.endpoint_options import Endpoint
from curation.generation.options import Generator
from curation.templates import VARIATION_PLACEHOLDERS, template_fault
from curation.types import Prompt

VARIATIONS = """\
Write {n} variations of the prompt below: new prompts that somebody else could send, of the same kind and in the same
language, each with another situation and other words. Do not answer the prompt.
The category of the prompt: {category}

Reply with a JSON list of {n} objects and nothing else:
[{{"prompt": "..."}}]

Prompt:
{prompt}
"""


class VariationModel(Endpoint):
    """One `[[vary]]` entry: a model that writes variations of prompts, which are asked like the prompts."""

    name: Annotated[str, Field(validate_default=True)] = ""
    """The name of this entry in reports. No two entries have the same name."""
    n: PositiveInt = 3
    """How many variations of each prompt are asked for."""
    categories: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Only the prompts of these categories are varied, as `category_column` has them. Without it: all prompts."""
    template: str = VARIATIONS
    """How variations are asked for. It has {prompt}, {n} and {category}."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """How much variations differ (the sampling temperature), 0 to 2."""
    max_new_tokens: PositiveInt = 2048
    """The largest number of tokens in a list of variations."""

    @field_validator("name")
    @classmethod
    def _name_is_model_id(cls, name: str, info: ValidationInfo) -> str:
        return name or str(info.data.get("model_id", ""))

    @field_validator("categories")
    @classmethod
    def _each_once(cls, categories: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if categories is not None and len(set(categories)) < len(categories):
            raise ValueError("has a category twice")
        return categories

    @field_validator("template")
    @classmethod
    def _asks_for_variations(cls, template: str) -> str:
        fault = template_fault(template, VARIATION_PLACEHOLDERS)
        if fault is not None:
            raise ValueError(fault)
        return template

    @property
    def generator(self) -> Generator:
        """The same model as one that answers prompts; here they are requests for variations."""
        return Generator(**self.model_dump(exclude={"n", "categories", "template"}))

    def varies(self, prompt: Prompt) -> bool:
        """Whether this entry is asked for variations of a prompt."""
        return self.categories is None or prompt.category in self.categories
