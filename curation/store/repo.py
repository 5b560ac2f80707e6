"""A dataset repo on the Hub that is only ever changed by whole commits on a known head."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tenacity

from curation.errors import DataError, RefusedError, TemporaryError
from curation.hub import hub_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TRIES = 6
TRY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does: files to write (their content, or where it is on this machine) and paths to delete."""

    message: str
    files: Mapping[str, bytes | Path]
    delete: tuple[str, ...] = field(default=())


class HubRepo:
    """One dataset repo; every change is read, computed and committed on one head, and computed anew if that moved."""

    def __init__(self, api: HfApi, repo_id: str) -> None:
        self.api = api
        self.repo_id = repo_id

    def exists(self) -> bool:
        """Whether the repo is there and we may see it."""
        with hub_errors(self.api, self.repo_id):
            return bool(self.api.repo_exists(self.repo_id, repo_type="dataset"))

    def create(self, *, private: bool, must_be_private: bool = False) -> None:
        """Create the repo unless it exists. Raises RefusedError if it must be private and is public."""
        with hub_errors(self.api, self.repo_id):
            self.api.create_repo(self.repo_id, repo_type="dataset", private=private, exist_ok=True)
        if must_be_private:
            self.require_private()

    def require_private(self) -> None:
        """Raise RefusedError if the repo is public."""
        if not self.is_private():
            raise RefusedError(
                f"{self.repo_id} is public, and a store holds the names and answers of reviewers.",
                remedy=f"Make it private at {self.api.endpoint}/datasets/{self.repo_id}/settings.",
            )

    def is_private(self) -> bool:
        """Whether only those may see it who were let in."""
        with hub_errors(self.api, self.repo_id):
            return bool(self.api.dataset_info(self.repo_id).private)

    def head(self) -> str:
        """Return the commit that main points to."""
        with hub_errors(self.api, self.repo_id):
            return str(self.api.dataset_info(self.repo_id).sha)

    def sizes(self, revision: str) -> dict[str, int]:
        """Return the sizes in bytes of all files at a revision, by path."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.api, self.repo_id):
            tree = self.api.list_repo_tree(self.repo_id, repo_type="dataset", revision=revision, recursive=True)
            return {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

    def download(self, path: str, revision: str) -> Path:
        """Return a cached local copy of a file at a revision."""
        with hub_errors(self.api, self.repo_id):
            return Path(self.api.hf_hub_download(self.repo_id, path, repo_type="dataset", revision=revision))

    def read(self, path: str, revision: str) -> bytes:
        """Return a file's bytes at a revision without leaving a copy in any cache."""
        with hub_errors(self.api, self.repo_id), tempfile.TemporaryDirectory(prefix="curation-") as folder:
            local = self.api.hf_hub_download(
                self.repo_id, path, repo_type="dataset", revision=revision, local_dir=folder
            )
            return Path(local).read_bytes()

    def update(self, edit: Callable[[str], Change | None]) -> str | None:
        """Commit what `edit` returns for the head it is given, on that very head; return the new head.

        Somebody else's commit in between (412), or an answer that got lost, makes `edit` run again on the new head: it
        must be a function of what it reads there. None from `edit` means that there is nothing to do; then so does None
        from here. Raises TemporaryError if that does not succeed in six tries or a minute.
        """
        retrying = tenacity.Retrying(
            # Uploads have retries of their own, over a minute long: once is enough then.
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_after_delay(TRY_SECONDS),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            retry=tenacity.retry_if_exception_type(TemporaryError),
            reraise=True,
        )
        return retrying(self._update_once, edit)

    def _update_once(self, edit: Callable[[str], Change | None]) -> str | None:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        head = self.head()
        change = edit(head)
        if change is None:
            return None
        try:
            with hub_errors(self.api, self.repo_id):
                commit = self.api.create_commit(
                    self.repo_id,
                    repo_type="dataset",
                    operations=[
                        *(CommitOperationAdd(path, content) for path, content in change.files.items()),
                        *(CommitOperationDelete(path) for path in change.delete),
                    ],
                    commit_message=change.message,
                    parent_commit=head,
                )
        except ValueError as error:
            # What the client raises where the Hub refuses the YAML of a card; the words after the first line are its.
            why = " ".join(str(error).split()).removeprefix("Invalid metadata in README.md.")
            raise DataError(
                f"Nothing was written to {self.repo_id}: the Hub does not accept the card.{why}",
                remedy="Correct `license` under [publish], or what else it names.",
            ) from error
        return str(commit.oid)
