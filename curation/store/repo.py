"""A dataset repo on the Hub. It is only changed by commits that name the head they were computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tenacity

from curation.errors import DataError, RefusedError, TemporaryError
from curation.hub import hub_errors
from curation.patience import BYTES_PER_SECOND, Service, in_time, patience_seconds
from curation.scratch import private_files, scratch_folder

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import LastCommitInfo, RepoFile

TRIES = 6
MAIN = "main"
PATHS_AT_ONCE = 100
CONFLICT = frozenset({409, 412})


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does: the files to write (path -> content, or a local file with it) and the paths to delete.

    `copies` are files to take from other commits: path -> commit.
    """

    message: str
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    delete: tuple[str, ...] = field(default=())


class HubRepo:
    """One dataset repo. If somebody else commits before us, our change is computed again from the new head."""

    def __init__(self, api: HfApi, repo_id: str) -> None:
        self.api = api
        self.repo_id = repo_id
        self._service = Service(f"the Hub at {api.endpoint}")
        self._sizes: dict[str, dict[str, int]] = {}
        self._uploaded: dict[str, CommitOperationAdd] = {}

    def exists(self) -> bool:
        """Whether the repo exists and our token may see it."""
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
        """Whether only people with access can see the repo."""
        with hub_errors(self.api, self.repo_id):
            return bool(self.api.dataset_info(self.repo_id).private)

    def head(self, branch: str = MAIN) -> str:
        """Return the commit that a branch points to."""
        with hub_errors(self.api, self.repo_id):
            return str(self.api.dataset_info(self.repo_id, revision=None if branch == MAIN else branch).sha)

    def history(self, revision: str) -> list[str]:
        """Return the commits of a revision, the newest first."""
        with hub_errors(self.api, self.repo_id):
            commits = self.api.list_repo_commits(self.repo_id, repo_type="dataset", revision=revision)
            return [commit.commit_id for commit in commits]

    def tags(self) -> dict[str, str]:
        """Return the commit of each tag."""
        with hub_errors(self.api, self.repo_id):
            refs = self.api.list_repo_refs(self.repo_id, repo_type="dataset")
            return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, name: str, commit: str) -> None:
        """Tag a commit, unless there is such a tag."""
        with hub_errors(self.api, self.repo_id):
            self.api.create_tag(self.repo_id, tag=name, revision=commit, repo_type="dataset", exist_ok=True)

    def digests(self, revision: str) -> dict[str, str]:
        """Return, by path, a name for the content of each file at a revision: equal content has the same name."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.api, self.repo_id):
            tree = self.api.list_repo_tree(self.repo_id, repo_type="dataset", revision=revision, recursive=True)
            return {entry.path: entry.blob_id for entry in tree if isinstance(entry, RepoFile)}

    def sizes(self, revision: str) -> dict[str, int]:
        """Return the sizes in bytes of all files at a revision, by path."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.api, self.repo_id):
            tree = self.api.list_repo_tree(self.repo_id, repo_type="dataset", revision=revision, recursive=True)
            sizes = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
        self._sizes = {revision: sizes}
        return sizes

    def last_commits(self, paths: Sequence[str], revision: str) -> dict[str, LastCommitInfo]:
        """Return, by path, the last commit that changed each file at a revision: its oid, title and date."""
        from huggingface_hub.hf_api import RepoFile

        with hub_errors(self.api, self.repo_id):
            entries = [
                entry
                for start in range(0, len(paths), PATHS_AT_ONCE)
                for entry in self.api.get_paths_info(
                    self.repo_id,
                    list(paths[start : start + PATHS_AT_ONCE]),
                    expand=True,
                    repo_type="dataset",
                    revision=revision,
                )
            ]
        files = [entry for entry in entries if isinstance(entry, RepoFile)]
        return {file.path: file.last_commit for file in files if file.last_commit is not None}

    def download(self, path: str, revision: str) -> Path:
        """Return a cached local copy of a file at a revision."""
        with hub_errors(self.api, self.repo_id):
            return self._fetch(path, revision)

    def read(self, path: str, revision: str) -> bytes:
        """Return a file's bytes at a revision without leaving a copy in any cache."""
        with hub_errors(self.api, self.repo_id), scratch_folder() as folder:
            return self._fetch(path, revision, folder=str(folder)).read_bytes()

    def upload(self, files: Mapping[str, Path]) -> None:
        """Upload large files of a later commit (path -> local file). Nobody sees them before that commit."""
        from huggingface_hub import CommitOperationAdd

        additions = [CommitOperationAdd(path, local) for path, local in files.items()]
        with hub_errors(self.api, self.repo_id):
            self._upload(additions)
        self._uploaded.update(zip(files, additions, strict=True))

    def propose(self, change: Change, *, parent: str, description: str) -> None:
        """Open a pull request with this change to the commit `parent`; its title is the message of the change."""
        self._commit(change, parent, description=description)

    def update(self, edit: Callable[[str], Change | None], *, branch: str = MAIN) -> str | None:
        """Commit the change that `edit(head)` returns to a branch, with its `head` as parent; return the new head.

        If somebody else committed in between (the Hub answers 412), `edit` is called again with the new head, so it
        must compute its change from what it reads at that head. If `edit` returns None there is nothing to do, and this
        returns None. If the commit was written but the Hub's answer got lost, it is recognised and not written twice.
        Raises TemporaryError if the Hub does not answer, or if others committed first six times in a row.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_after_delay(patience_seconds()),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            # Other temporary faults were retried by the HTTP client (see `hub_client`).
            retry=tenacity.retry_if_exception_type(MovedError),
            reraise=True,
        )
        return retrying(self._update_once, edit, branch)

    def _update_once(self, edit: Callable[[str], Change | None], branch: str) -> str | None:
        from huggingface_hub.errors import HfHubHTTPError

        head = self.head(branch)
        change = edit(head)
        if change is None:
            return None
        try:
            return self._commit(change, head, branch=branch)
        except TemporaryError as error:
            cause = error.__cause__
            if isinstance(cause, HfHubHTTPError) and cause.response.status_code in CONFLICT:
                # The conflict may be with our own commit: an earlier attempt was written, but its answer was lost.
                if commit := self._commit_with(change, head, branch):
                    return commit
                raise MovedError(error.message, remedy=error.remedy) from error
            raise TemporaryError(
                f"{error.message} We do not know whether the last commit to {self.repo_id} was written.",
                remedy="Run the command again: it looks at the repo first, and writes nothing twice.",
            ) from error

    def _commit(self, change: Change, head: str, *, branch: str = MAIN, description: str | None = None) -> str:
        """Commit to a branch; with a description open a pull request instead."""
        from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

        additions = [
            self._uploaded.get(path) or CommitOperationAdd(path, content) for path, content in change.files.items()
        ]
        try:
            with hub_errors(self.api, self.repo_id):
                self._upload(additions)
                commit = self.api.create_commit(
                    self.repo_id,
                    repo_type="dataset",
                    operations=[
                        *additions,
                        *(
                            CommitOperationCopy(path, path, src_revision=commit)
                            for path, commit in change.copies.items()
                        ),
                        *(CommitOperationDelete(path) for path in change.delete),
                    ],
                    commit_message=change.message,
                    commit_description=description,
                    create_pr=description is not None,
                    revision=branch,
                    parent_commit=head,
                )
        except ValueError as error:
            # The client raises this if the Hub refuses the YAML of a card. The Hub's own words follow the first line.
            reason = " ".join(str(error).split()).removeprefix("Invalid metadata in README.md.")
            raise DataError(
                f"Nothing was written to {self.repo_id}: the Hub does not accept the card.{reason}",
                remedy="Correct `license` under [publish], or the other setting that the Hub names.",
            ) from error
        return str(commit.oid)

    def _upload(self, additions: list[CommitOperationAdd]) -> None:
        """Upload the large files before the commit.

        Xet has no timeout, so the upload runs in a thread that is abandoned if it takes too long. An upload without a
        commit does no harm.
        """
        size = sum(addition.upload_info.size for addition in additions)
        with private_files():
            in_time(
                self._service,
                lambda: self.api.preupload_lfs_files(self.repo_id, additions, repo_type="dataset", free_memory=False),
                more_seconds=size / BYTES_PER_SECOND,
            )

    def _fetch(self, path: str, revision: str, *, folder: str | None = None) -> Path:
        size = self._sizes.get(revision, {}).get(path, 0)
        # A store holds people's names and comments. Without this, other users of the machine could read the cache.
        with private_files():
            local = in_time(
                self._service,
                lambda: self.api.hf_hub_download(
                    self.repo_id, path, repo_type="dataset", revision=revision, local_dir=folder
                ),
                more_seconds=size / BYTES_PER_SECOND,
            )
        return Path(local)

    def _commit_with(self, change: Change, head: str, branch: str) -> str | None:
        """Return the commit after `head` if it made exactly this change, otherwise None."""
        from huggingface_hub.hf_api import RepoFile

        history = self.history(branch)
        if head not in history[1:]:
            return None
        next_commit = history[history.index(head) - 1]
        with hub_errors(self.api, self.repo_id):
            paths = [*change.files, *change.copies, *change.delete]
            entries = self.api.get_paths_info(self.repo_id, paths, repo_type="dataset", revision=next_commit)
        present = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
        same = present.keys() == change.files.keys() | change.copies.keys() and all(
            _has_content(present[path], content) for path, content in change.files.items()
        )
        return next_commit if same else None


class MovedError(TemporaryError):
    """Somebody else committed first, so the head is no longer the one that our change was computed from."""


def _has_content(entry: RepoFile, content: bytes | Path) -> bool:
    """Whether a file on the Hub has this content, by its SHA-256 (large files) or its git blob id (others)."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    if entry.lfs is not None:
        return bool(entry.lfs.sha256 == hashlib.sha256(data).hexdigest())
    return bool(entry.blob_id == hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest())
