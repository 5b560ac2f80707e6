"""The manifest of a store: its files, the sources of its prompts, and the Argilla dataset that it was synced with."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, JsonValue

from curation.types import Row

Settings = dict[str, dict[str, JsonValue]]
"""The options of each model by its stage: {"generate small": {"temperature": 0.7, ...}, "judge gpt": {...}}."""

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1


class PromptsRead(Row):
    """What one `generate` read: the source with its revision, the number of rows, and the dropped rows by reason.

    For example source="acme/prompts@<sha>", read=1000, dropped={"duplicate": 12}.
    """

    source: str
    read: int
    dropped: dict[str, int]

    @property
    def name(self) -> str:
        """The source without its revision."""
        return self.source.rpartition("@")[0]


class LastSync(Row):
    """What the last `sync` that saw everything left: the numbers of its report.

    `activity` is a hash of what Argilla said of its last activity before that. As long as it says the same, there is
    nothing to read.
    """

    activity: str
    records: int
    responses: int
    submitted: int


class ReviewedDataset(Row):
    """The Argilla dataset that the store was last synced with. If the dataset is created again, it gets another id.

    `last_sync` is null if the next `sync` has to look at everything, because there is something to say each time.
    `read_all_at` is when a `sync` began that read all records, and not only those whose answers had changed.
    `last_activity_at` is when somebody answered last, as
    Argilla said at the last `sync`: if it ever says an earlier time, it was set back to an older copy of its data.
    """

    workspace: str
    dataset: str
    dataset_id: str
    guidelines: str
    last_sync: LastSync | None = None
    read_all_at: datetime | None = None
    last_activity_at: datetime | None = None


class Manifest(Row):
    """The content of manifest.json.

    - `files`: the Parquet files of each table, oldest first: {"candidate_sets": ("candidate_sets/0123....parquet",)}.
    - `prompts`: what was last read of each source, by the source's name without its revision.
    - `settings`: the options of every model, by the hash that candidate sets carry and then by stage.
    - `forgotten`: the ids of the Argilla accounts whose answers never count again.
    - `pseudonym_key`: the key that turns usernames into pseudonyms. With it and a list of usernames anybody could turn
      pseudonyms back into names, so it must stay in the private store.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    pseudonym_key: str
    files: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    prompts: dict[str, PromptsRead] = Field(default_factory=dict)
    settings: dict[str, Settings] = Field(default_factory=dict)
    review: ReviewedDataset | None = None
    forgotten: tuple[str, ...] = ()
