"""`[prompts] type = "preferences"` and `type = "answers"`: prompts whose answers exist already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt, field_validator, model_validator

from curation.files import SUFFIXES, suffix_of
from curation.prompts.file import FilePrompts
from curation.prompts.hub import HubPrompts, RepoId
from curation.section import Section
from curation.types import Drop, Prompt


class AnsweredPrompts(Section):
    """What both kinds of prompts with answers have in common: where they are read."""

    type: str
    path: Path | None = None
    """A file in a format of `type = "file"`, relative to the TOML file. Its hash is recorded. Either this or
    `repo_id`."""
    repo_id: RepoId | None = None
    """A dataset on the Hub, as owner/name."""
    config: str = "default"
    """With `repo_id`: one of its configs; "default" is the dataset's own default, whatever its name."""
    split: str = "train"
    """With `repo_id`: one of its splits."""
    revision: str = "main"
    """With `repo_id`: a branch, a tag or a commit. The commit that it stands for is recorded."""
    category_column: str | None = None
    """The kind of prompt, published."""
    subcategory_column: str | None = None
    """A more precise kind of prompt, published."""
    limit: PositiveInt | None = None
    """Read only the first so many rows."""

    @field_validator("path")
    @classmethod
    def _known_suffix(cls, path: Path | None) -> Path | None:
        if path is not None and not suffix_of(path):
            raise ValueError(f"must end in {', '.join(SUFFIXES)}, or in .gz behind one of these")
        return path

    @model_validator(mode="after")
    def _one_place(self) -> AnsweredPrompts:
        if (self.path is None) == (self.repo_id is None):
            raise ValueError("needs either path or repo_id, and not both")
        return self

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with its hash or commit. Raises what the sources of the types file and hub raise."""
        return self.rows_of.resolve(endpoint=endpoint, token=token)

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield an AnsweredPrompt for each prompt, and a Drop with the reason for each row that cannot be used.

        Rows that ask the same are one prompt with the answers of all. Raises DataError if the first row has no columns
        of a known layout, and what the sources of the types file and hub raise.
        """
        from curation.preferences.source import load_answered

        return load_answered(self, source, endpoint=endpoint, token=token)

    @property
    def rows_of(self) -> FilePrompts | HubPrompts:
        """The file or dataset as a source of rows."""
        if self.path is not None:
            return FilePrompts(path=self.path)
        assert self.repo_id is not None
        return HubPrompts(repo_id=self.repo_id, config=self.config, split=self.split, revision=self.revision)


class PreferencePrompts(AnsweredPrompts):
    """`[prompts] type = "preferences"`: preference data that exists, to be reviewed by people and published anew.

    What the source says of each answer is kept as `imported`. Reviewers never see it.
    """

    type: Literal["preferences"] = "preferences"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""


class AnswerPrompts(AnsweredPrompts):
    """`[prompts] type = "answers"`: answers that exist, several to a prompt, to be reviewed or judged.

    A label that the source may have is not read.
    """

    type: Literal["answers"] = "answers"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""
    column: str | None = None
    """The prompts: each a text or a list of `{role, content}`. If it is not named, that of a well-known layout."""
    answers_column: str | None = None
    """The lists of answers: texts, messages, or objects with a text and maybe a model. If it is not named, the columns
    of a well-known layout."""
    models_column: str | None = None
    """The lists of the models' names, in the order of the answers."""
