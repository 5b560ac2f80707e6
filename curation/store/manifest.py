"""The manifest of a store: what it holds, where its prompts came from, and which Argilla dataset it is in step with."""

from __future__ import annotations

from pydantic import Field, JsonValue

from curation.types import Row

Settings = dict[str, dict[str, JsonValue]]
"""The options of each model by its stage, such as "generate small"."""

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


class PromptsRead(Row):
    """What a `generate` read: the source with its revision, rows read, and rows dropped by reason."""

    source: str
    read: int
    dropped: dict[str, int]

    @property
    def name(self) -> str:
        """The source without its revision."""
        return self.source.rpartition("@")[0]


class ReviewedDataset(Row):
    """The Argilla dataset that the store is in step with; its id changes when it is created anew."""

    workspace: str
    dataset: str
    dataset_id: str
    guidelines: str


class Manifest(Row):
    """`files` names the Parquet files of each table in the order in which they were written.

    `prompts` has what was last read of each source, by its name; `settings` the options of every model that candidate
    sets were made with, by their hash and then by stage.
    `forgotten` are the ids of the Argilla accounts whose answers are left out for good.
    `pseudonym_key` turns reviewers into pseudonyms; whoever has it and a list of usernames can turn them back, so it
    stays in the private store.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    pseudonym_key: str
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    prompts: dict[str, PromptsRead] = Field(default_factory=dict)
    settings: dict[str, Settings] = Field(default_factory=dict)
    review: ReviewedDataset | None = None
    forgotten: tuple[str, ...] = ()
