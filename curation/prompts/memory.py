"""Prompts that are written in the configuration itself: a list in a launch script or in the TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from curation import ids
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt


class ListPrompts(PromptColumns):
    """`[prompts] type = "list"`: the prompts are written in the configuration."""

    type: Literal["list"] = "list"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""
    rows: Annotated[tuple[JsonValue, ...], Field(min_length=1)]
    """The prompts themselves: each a text, a list of `{role, content}`, or a table with the columns above."""

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return "list@" and a hash of the prompts: "list@0123456789abcdef". No service is asked."""
        return f"list@{ids.content_hash('prompts', *self.rows)}"

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield a Prompt or a Drop for each entry. Raises DataError with the column that an entry lacks."""
        rows = (row if isinstance(row, dict) else {self.column: row} for row in self.rows)
        return read_prompts(rows, self, source=source)
