"""`[[filters]]`: rules of one's own about prompts and answers, such as "three lines"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import SchemaError, SchemaValidator, core_schema

from curation.quality.words import words
from curation.section import FILTER_NAME, Section
from curation.wording import counted

FilterType = Literal["lines", "words", "characters", "regex"]


class Filter(Section):
    """`[[filters]]`: a rule. Prompts or answers that break it are dropped.

    `type = "lines"`, `"words"` and `"characters"` count, and need `min`, `max` or both; `"regex"` needs `pattern`.
    For example `{type = "lines", min = 3, max = 3}` keeps answers of three lines.
    """

    type: FilterType
    """What the rule is about: `"lines"`, `"words"`, `"characters"` or `"regex"`."""
    on: Literal["prompts", "answers"] = "answers"
    """What is looked at: `"answers"`, or of `"prompts"` the last message of the user."""
    name: Annotated[str, StringConstraints(pattern=FILTER_NAME)] | None = None
    """The reason that reports give for what the rule drops; if it is not named, the `type`."""
    min: Annotated[int, Field(ge=1)] | None = None
    """The smallest number that is kept, 1 or more. Lines are those with something to read."""
    max: Annotated[int, Field(ge=1)] | None = None
    """The largest number that is kept, 1 or more."""
    pattern: Annotated[str, Field(min_length=1)] | None = None
    """A regular expression of Rust's syntax, which has no look-around: it may match anywhere in the text."""
    drop_matches: bool = False
    """`true`: drop what the pattern matches, instead of what it does not match."""

    @field_validator("pattern")
    @classmethod
    def _is_a_regular_expression(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                _compiled(pattern)
            except SchemaError as error:
                reason = re.split("(?i)error: ", str(error))[-1].strip().rstrip(".")
                raise ValueError(f"is no regular expression: {reason}") from error
        return pattern

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Filter:
        counts = self.min is not None or self.max is not None
        if self.type == "regex":
            if self.pattern is None:
                raise ValueError("type = 'regex' needs a pattern")
            if counts:
                raise ValueError("min and max are for what is counted: lines, words and characters")
            return self
        if self.pattern is not None or self.drop_matches:
            raise ValueError("pattern and drop_matches are for type = 'regex'")
        if not counts:
            raise ValueError(f"type = {self.type!r} needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min = {self.min} is more than max = {self.max}")
        return self

    @property
    def reason(self) -> str:
        """The reason that reports give for what the rule drops."""
        return self.name or self.type

    @property
    def fault(self) -> str:
        """What is dropped, in words: "not 3 to 5 lines", "it does not match '^Dear'"."""
        if self.pattern is not None:
            return f"it {'matches' if self.drop_matches else 'does not match'} {self.pattern!r}"
        noun = self.type.removesuffix("s")
        if self.min is None:
            return f"more than {counted(self.max or 0, noun)}"
        if self.max is None:
            return f"fewer than {counted(self.min, noun)}"
        return f"not {counted(self.min, noun) if self.min == self.max else f'{self.min:,} to {self.max:,} {self.type}'}"

    def keeps(self, text: str) -> bool:
        """Whether the rule keeps a text."""
        if self.pattern is not None:
            return _compiled(self.pattern).isinstance_python(text) is not self.drop_matches
        number = _COUNTS[self.type](text)
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> SchemaValidator:
    """A validator of texts that contain a match.

    pydantic brings Rust's regular expressions, whose time grows with the text alone: no pattern takes forever on an
    answer that somebody else wrote. Raises SchemaError for what is no pattern.
    """
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _lines(text: str) -> int:
    return sum(bool(line.strip()) for line in re.split(r"\r\n|[\n\r\u2028\u2029]", text))


def _words(text: str) -> int:
    return len(words(text))


def _characters(text: str) -> int:
    return len(text.strip())


_COUNTS = {"lines": _lines, "words": _words, "characters": _characters}
