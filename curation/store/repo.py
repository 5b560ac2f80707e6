"""A dataset repo on the Hub that is only ever changed by whole commits on a known head."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tenacity

from curation.errors import DataError, RefusedError, TemporaryError
from curation.hub import BYTES_PER_SECOND, hub_errors
from curation.patience import Service, in_time, patience_seconds
from curation.scratch import private_files, scratch_folder

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import RepoFile

TRIES = 6
CONFLICT = frozenset({409, 412})


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
        self._service = Service(f"the Hub at {api.endpoint}")
        self._sizes: dict[str, dict[str, int]] = {}

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
            sizes = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
        self._sizes = {revision: sizes}
        return sizes

    def download(self, path: str, revision: str) -> Path:
        """Return a cached local copy of a file at a revision."""
        with hub_errors(self.api, self.repo_id):
            return self._fetch(path, revision)

    def read(self, path: str, revision: str) -> bytes:
        """Return a file's bytes at a revision without leaving a copy in any cache."""
        with hub_errors(self.api, self.repo_id), scratch_folder() as folder:
            return self._fetch(path, revision, folder=str(folder)).read_bytes()

    def update(self, edit: Callable[[str], Change | None]) -> str | None:
        """Commit what `edit` returns for the head it is given, on that very head; return the new head.

        Somebody else's commit in between (412) makes `edit` run again on the new head: it must be a function of what it
        reads there. None from `edit` means that there is nothing to do; then so does None from here. A commit that was
        written although its answer was lost is found and not written twice. Raises TemporaryError if the Hub does not
        answer, or if others are quicker six times.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_after_delay(patience_seconds()),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            # What else is temporary was waited out below.
            retry=tenacity.retry_if_exception_type(MovedError),
            reraise=True,
        )
        return retrying(self._update_once, edit)

    def _update_once(self, edit: Callable[[str], Change | None]) -> str | None:
        from huggingface_hub.errors import HfHubHTTPError

        head = self.head()
        change = edit(head)
        if change is None:
            return None
        try:
            return self._commit(change, head)
        except TemporaryError as error:
            cause = error.__cause__
            if isinstance(cause, HfHubHTTPError) and cause.response.status_code in CONFLICT:
                # An earlier try of this very commit, whose answer was lost, may be what it conflicts with.
                if written := self._written(change, head):
                    return written
                raise MovedError(error.message, remedy=error.remedy) from error
            raise TemporaryError(
                f"{error.message} Whether the last commit to {self.repo_id} was written is not known.",
                remedy="Run the command again: it looks at what is there, and writes nothing twice.",
            ) from error

    def _commit(self, change: Change, head: str) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        additions = [CommitOperationAdd(path, content) for path, content in change.files.items()]
        try:
            with hub_errors(self.api, self.repo_id):
                self._upload(additions)
                commit = self.api.create_commit(
                    self.repo_id,
                    repo_type="dataset",
                    operations=[*additions, *(CommitOperationDelete(path) for path in change.delete)],
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

    def _upload(self, additions: list[CommitOperationAdd]) -> None:
        """Send what is large before the commit: Xet takes no timeout, and an upload left behind does no harm."""
        size = sum(addition.upload_info.size for addition in additions)
        with private_files():
            in_time(
                self._service,
                lambda: self.api.preupload_lfs_files(self.repo_id, additions, repo_type="dataset", free_memory=False),
                more_seconds=size / BYTES_PER_SECOND,
            )

    def _fetch(self, path: str, revision: str, *, folder: str | None = None) -> Path:
        size = self._sizes.get(revision, {}).get(path, 0)
        # A store holds people's names and comments, and its files land in a cache that others may be able to read.
        with private_files():
            local = in_time(
                self._service,
                lambda: self.api.hf_hub_download(
                    self.repo_id, path, repo_type="dataset", revision=revision, local_dir=folder
                ),
                more_seconds=size / BYTES_PER_SECOND,
            )
        return Path(local)

    def _written(self, change: Change, head: str) -> str | None:
        """Return the commit that followed on `head` if it left every file as `change` says, else null."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.api, self.repo_id):
            history = [commit.commit_id for commit in self.api.list_repo_commits(self.repo_id, repo_type="dataset")]
            if head not in history[1:]:
                return None
            after = history[history.index(head) - 1]
            paths = [*change.files, *change.delete]
            entries = self.api.get_paths_info(self.repo_id, paths, repo_type="dataset", revision=after)
        present = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
        same = present.keys() == change.files.keys() and all(
            _is_content(present[path], content) for path, content in change.files.items()
        )
        return after if same else None


class MovedError(TemporaryError):
    """Somebody else committed first."""


def _is_content(entry: RepoFile, content: bytes | Path) -> bool:
    """Whether a file on the Hub has this content: large ones have a SHA-256, others what git calls a blob."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if entry.lfs is not None:
        return bool(entry.lfs.sha256 == hashlib.sha256(data).hexdigest())
    return bool(entry.blob_id == hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest())
