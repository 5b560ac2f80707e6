"""Prompts from a dataset on the Hub, read at one commit, which the store records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from curation import files
from curation.errors import DataError, MissingError
from curation.files import FileRow
from curation.hub import connect, hub_errors
from curation.hub_rows import HubSplit, hub_splits
from curation.prompts.rows import PromptColumns, read_prompts
from curation.section import REPO_ID
from curation.types import Drop, Prompt

RepoId = Annotated[str, Field(pattern=REPO_ID)]


class HubPrompts(PromptColumns):
    """`[prompts] type = "hub"`: reads one column of one split of a dataset on the Hub."""

    type: Literal["hub"] = "hub"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""
    repo_id: RepoId
    """The dataset, as owner/name."""
    config: str = "default"
    """One of its configs; "default" is the dataset's own default, whatever its name."""
    split: str = "train"
    """One of its splits."""
    revision: str = "main"
    """A branch, a tag or a commit. The commit that it stands for is recorded."""

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with its commit, such as "acme/prompts@<sha>".

        Raises AuthError if the dataset is private and there is no token, MissingError if there is no such dataset or
        revision, TemporaryError if the Hub does not answer.
        """
        api = connect(endpoint, token)
        with hub_errors(api, self.repo_id):
            info = api.dataset_info(self.repo_id, revision=self.revision)
        return f"{self.repo_id}@{info.sha}"

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield a Prompt or a Drop for each row of the dataset at `source`, which is what `resolve` returned.

        Rows are streamed, not downloaded as a whole. Raises DataError if there is no such config or split, MissingError
        if the dataset has no data files.
        """
        return read_prompts(self.rows(source, endpoint=endpoint, token=token), self, source=source)

    def rows(self, source: str, *, endpoint: str, token: str | None) -> Iterator[dict[str, Any] | str]:
        """Yield the values of each row by column, or the reason (a text) why it is left out; errors as in `load`."""
        split = self._split(source.rpartition("@")[2], endpoint=endpoint, token=token)
        return _values(split.rows(), source)

    def _split(self, revision: str, *, endpoint: str, token: str | None) -> HubSplit:
        import datasets

        config = None if self.config == "default" else self.config
        try:
            splits = hub_splits(
                self.repo_id, config, revision=revision, endpoint=endpoint, token=token, read=files.read_rows
            )
        except ValueError as error:
            raise DataError(
                f"{self.repo_id} has no config {self.config!r}: {error}", remedy="Correct `config` under [prompts]."
            ) from error
        except datasets.exceptions.DatasetNotFoundError as error:
            raise MissingError(f"The dataset {self.repo_id} holds no data files that `datasets` can read.") from error
        by_name = {split.name: split for split in splits}
        if self.split not in by_name:
            raise DataError(
                f"{self.repo_id} has no split {self.split!r} in its config {self.config!r}; it has "
                f"{', '.join(by_name) or 'none'}.",
                remedy="Correct `split` under [prompts].",
            )
        return by_name[self.split]


def _values(rows: Iterator[FileRow], source: str) -> Iterator[dict[str, Any] | str]:
    """Yield the values of each row by column, or the reason (a text) why the row is left out."""
    for row in rows:
        if row.values is None and not row.too_large:
            raise DataError(
                f"{source}, row {row.number}, is {row.reason}.",
                remedy="In .jsonl each line is an object; a file that is one array is named .json.",
            )
        yield "row_too_large" if row.values is None else row.values
