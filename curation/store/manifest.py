"""The manifest of a store: what it holds, where its prompts came from, and which Argilla dataset it is in step with."""

from __future__ import annotations

from pydantic import Field

from curation.types import Row

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


class PromptsRead(Row):
    """What the last `generate` read: the source with its revision, rows read, and rows dropped by reason."""

    source: str
    read: int
    dropped: dict[str, int]


class ReviewedDataset(Row):
    """The Argilla dataset that the store is in step with; its id changes when it is created anew."""

    workspace: str
    dataset: str
    dataset_id: str
    guidelines: str


class Manifest(Row):
    """`files` names the Parquet files of each table in the order in which they were written.

    `pseudonym_key` turns reviewers into pseudonyms; whoever has it and a list of usernames can turn them back, so it
    stays in the private store.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    pseudonym_key: str
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    prompts: PromptsRead | None = None
    review: ReviewedDataset | None = None
