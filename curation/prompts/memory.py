"""Prompts that stand in the configuration itself: a list in a launch script, or in the TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from curation import ids
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt


class ListPrompts(PromptColumns):
    """`[prompts] type = "list"`: the prompts themselves."""

    type: Literal["list"] = "list"
    """`"hub"`, `"file"` or `"list"`."""
    rows: Annotated[tuple[JsonValue, ...], Field(min_length=1)]
    """The prompts themselves: each a text, a list of `{role, content}`, or a table with the columns above."""

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with a hash of its content: "list@0123456789abcdef". The Hub is not asked."""
        return f"list@{ids.content_hash('prompts', *self.rows)}"

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield a prompt or a drop per entry; DataError names the column that a row lacks."""
        rows = (row if isinstance(row, dict) else {self.column: row} for row in self.rows)
        return read_prompts(rows, self, source=source)
