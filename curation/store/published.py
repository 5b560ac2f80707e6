"""The published dataset: Parquet shards named by content, a card and a manifest, in one commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import DataError, RefusedError, TemporaryError
from curation.store.repo import Change, HubRepo

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MANIFEST = "curation.json"
CARD = "README.md"
FUNNEL, LENGTHS = "images/funnel.svg", "images/lengths.svg"
PICTURES = frozenset({FUNNEL, LENGTHS})
OF_NEW_REPOS = frozenset({".gitattributes", "README.md", "LICENSE"})
"""Files that the Hub, or somebody who made a repo there, puts into a new one."""

Texts = Callable[[Collection[str]], Mapping[str, bytes]]
"""Of the paths that the repo holds besides: the card, its pictures and the manifest, by path."""


class PublishedDataset:
    """The repo that others load and train on, of the curation with this name."""

    def __init__(self, api: HfApi, repo_id: str, *, name: str) -> None:
        self.repo = HubRepo(api, repo_id)
        self.name = name

    def head(self) -> str | None:
        """Return the commit that is published now, null if there is no repo yet."""
        return self.repo.head() if self.repo.exists() else None

    def check(self, *, private: bool) -> str | None:
        """Return the head of the repo, null if there is none yet; raises what `publish` would if it is not ours."""
        head = self.head()
        if head is not None:
            self._written(head, self.repo.sizes(head), private=private)
        return head

    def manifest(self, head: str | None) -> dict[str, Any] | None:
        """Return what was published at `head`, as a program reads it; null if nothing was, or it cannot be read."""
        if head is None or MANIFEST not in self.repo.sizes(head):
            return None
        try:
            manifest = json.loads(self.repo.read(MANIFEST, head))
        except ValueError:
            # `publish` refuses to write over it, and says why.
            return None
        return manifest if isinstance(manifest, dict) else None

    def publish(
        self, shards: Mapping[str, Path], texts: Texts, *, rows: int, private: bool, head: str | None
    ) -> str | None:
        """Commit the shards, given by the path each gets, with card and manifest; return the commit.

        Only what is not there as it is to be is uploaded, and files that the last publish wrote and this one did not
        go. None if nothing would change. `private` counts when the repo is created; an existing repo keeps its
        visibility. `head` is what was published before the store was read: raises TemporaryError if somebody published
        since, who may have read a newer store; RefusedError if the repo is not this curation's.
        """
        self.repo.create(private=private)

        def edit(revision: str) -> Change | None:
            present = self.repo.sizes(revision)
            written = self._written(revision, present, private=private)
            ours = set(written) & set(present)
            said = texts(set(present) - ours - shards.keys())
            # A shard is named by its content. What is said of the rows may change while no row does.
            files: dict[str, bytes | Path] = {path: local for path, local in shards.items() if path not in present}
            files |= {
                path: text
                for path, text in said.items()
                if path not in present or self.repo.read(path, revision) != text
            }
            stale = ours - shards.keys() - said.keys()
            if not files and not stale:
                return None
            if head is not None and revision != head:
                raise TemporaryError(
                    f"{self.repo.repo_id} was changed while these rows were made, perhaps from newer answers.",
                    remedy="Run `curation publish` again.",
                )
            message = f"Publish {rows:,} rows" if stale or files.keys() - said.keys() else "Bring the card up to date"
            return Change(message=message, files=files, delete=tuple(sorted(stale)))

        commit = self.repo.update(edit)
        if commit is None and (now := self.repo.head()) != head:
            # The answer to the commit was lost; it is there all the same.
            return now
        return commit

    def _written(self, revision: str, present: Collection[str], *, private: bool) -> list[str]:
        """The shards and pictures that the last publish wrote: only those are ours to delete."""
        if MANIFEST not in present:
            self._require_new(present, private=private)
            return []
        try:
            manifest = json.loads(self.repo.read(MANIFEST, revision))
            written = [path for paths in manifest.get("files", {}).values() for path in paths]
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"{MANIFEST} of {self.repo.repo_id} cannot be read, so it is not known which files are ours.",
                remedy=f"Restore {MANIFEST} from an earlier commit, or give publish.repo_id a new repo.",
            ) from error
        if manifest.get("name", self.name) != self.name:
            raise RefusedError(
                f"{self.repo.repo_id} is the dataset of {manifest['name']!r}, not of {self.name!r}.",
                remedy="Give this curation another publish.repo_id, or correct `name`.",
            )
        return [*PICTURES, *written]

    def _require_new(self, present: Collection[str], *, private: bool) -> None:
        """Raise RefusedError if there is something in the repo that nobody of us wrote, or if all would see it."""
        others = [path for path in present if path not in OF_NEW_REPOS]
        if others:
            raise RefusedError(
                f"{self.repo.repo_id} holds files that curation did not write: {', '.join(sorted(others)[:3])}.",
                remedy="Give publish.repo_id a repo of its own.",
            )
        if private and not self.repo.is_private():
            raise RefusedError(
                f"{self.repo.repo_id} is public, and publish.private is true.",
                remedy="Set private = false under [publish], or make the repo private.",
            )
