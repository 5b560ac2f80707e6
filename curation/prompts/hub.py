"""Prompts from a dataset on the Hub, at a commit that is resolved first and recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from curation.errors import DataError, MissingError
from curation.files import classes_of, with_class_names
from curation.hub import connect, hub_errors, require_endpoint
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt

REPO_ID = r"^[\w.-]+/[\w.-]+$"
RepoId = Annotated[str, Field(pattern=REPO_ID)]


class HubPrompts(PromptColumns):
    """`[prompts] type = "hub"`: one column of one split of a dataset on the Hub."""

    type: Literal["hub"] = "hub"
    repo_id: RepoId
    config: str = "default"
    split: str = "train"
    revision: str = "main"

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with its commit, such as "acme/prompts@<sha>".

        Raises AuthError without a token for a private dataset, MissingError if there is no such dataset or revision,
        TemporaryError if the Hub does not answer.
        """
        api = connect(endpoint, token)
        with hub_errors(api, self.repo_id):
            info = api.dataset_info(self.repo_id, revision=self.revision)
        return f"{self.repo_id}@{info.sha}"

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield a prompt or a drop per row of the dataset at `source` (what `resolve` returned), read as needed."""
        import datasets

        require_endpoint(endpoint)
        revision = source.rpartition("@")[2]
        try:
            rows = datasets.load_dataset(
                self.repo_id,
                None if self.config == "default" else self.config,
                split=self.split,
                revision=revision,
                token=token,
                streaming=True,
            )
        except ValueError as error:
            raise DataError(
                f"{self.repo_id} has no config {self.config!r} with a split {self.split!r}: {error}",
                remedy="Correct `config` or `split` under [prompts].",
            ) from error
        except datasets.exceptions.DatasetNotFoundError as error:
            raise MissingError(f"The dataset {self.repo_id} holds no data files that `datasets` can read.") from error
        names = classes_of(rows.features.to_dict() if rows.features else None)
        return read_prompts((with_class_names(row, names) for row in rows), self, source=source)
