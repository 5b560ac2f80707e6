"""The published dataset: Parquet shards that are named by their content, a card and a manifest, in one commit."""

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
FILES_OF_NEW_REPOS = frozenset({".gitattributes", "README.md", "LICENSE"})
"""Files that a new repo may have: the Hub, or the person who created the repo there, puts them into it."""

MakeTexts = Callable[[Collection[str]], Mapping[str, bytes]]
"""Returns the card, its pictures and the manifest by their paths. It is given the paths of other people's files."""


class PublishedDataset:
    """The repo that others load and train on. `name` is the name of the curation that it belongs to."""

    def __init__(self, api: HfApi, repo_id: str, *, name: str) -> None:
        self.repo = HubRepo(api, repo_id)
        self.name = name

    def head(self) -> str | None:
        """Return the commit that is published now, None if there is no repo yet."""
        return self.repo.head() if self.repo.exists() else None

    def check(self, *, private: bool) -> str | None:
        """Return the head of the repo, None if there is no repo yet.

        Raises the same errors as `publish` if the repo belongs to somebody else or is public against `private`.
        """
        head = self.head()
        if head is not None:
            self._our_files(head, self.repo.sizes(head), private=private)
        return head

    def manifest(self, head: str | None) -> dict[str, Any] | None:
        """Return the content of curation.json at `head`; None if there is no such file or it cannot be read."""
        if head is None or MANIFEST not in self.repo.sizes(head):
            return None
        try:
            manifest = json.loads(self.repo.read(MANIFEST, head))
        except ValueError:
            # `publish` reports this: it refuses to write into such a repo.
            return None
        return manifest if isinstance(manifest, dict) else None

    def publish(
        self, shards: Mapping[str, Path], make_texts: MakeTexts, *, rows: int, private: bool, head: str | None
    ) -> str | None:
        """Commit the shards with the card and the manifest; return the new commit, None if nothing changes.

        `shards` are local files by their paths in the repo: {"dpo/train-0123456789abcdef.parquet": Path(...)}. Only
        files that differ from those in the repo are uploaded, and files of the last publish that are no longer needed
        are deleted. `private` is for a new repo; an existing repo keeps its visibility.

        `head` is what `head()` gave before the store was read. Raises TemporaryError if somebody published since then,
        because they may have read a newer store; RefusedError if the repo belongs to something else.
        """
        self.repo.create(private=private)

        def edit(revision: str) -> Change | None:
            present = self.repo.sizes(revision)
            ours = self._our_files(revision, present, private=private) & set(present)
            texts = make_texts(set(present) - ours - shards.keys())
            # A shard is named by its content, so its path says whether it changed. Texts must be compared.
            files: dict[str, bytes | Path] = {path: local for path, local in shards.items() if path not in present}
            files |= {
                path: text
                for path, text in texts.items()
                if path not in present or self.repo.read(path, revision) != text
            }
            stale = ours - shards.keys() - texts.keys()
            if not files and not stale:
                return None
            if head is not None and revision != head:
                raise TemporaryError(
                    f"{self.repo.repo_id} was changed while these rows were made, perhaps from newer answers.",
                    remedy="Run `curation publish` again.",
                )
            message = f"Publish {rows:,} rows" if stale or files.keys() - texts.keys() else "Bring the card up to date"
            return Change(message=message, files=files, delete=tuple(sorted(stale)))

        commit = self.repo.update(edit)
        if commit is None and (current := self.repo.head()) != head:
            # Our commit was written but the answer was lost, so the second try had nothing to change.
            return current
        return commit

    def _our_files(self, revision: str, present: Collection[str], *, private: bool) -> set[str]:
        """Return the paths of the shards and pictures that the last publish wrote. Only these may be deleted."""
        if MANIFEST not in present:
            self._require_new(present, private=private)
            return set()
        try:
            manifest = json.loads(self.repo.read(MANIFEST, revision))
            shards = {path for paths in manifest.get("files", {}).values() for path in paths}
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"{MANIFEST} of {self.repo.repo_id} cannot be read, so we do not know which files `publish` wrote.",
                remedy=f"Restore {MANIFEST} from an earlier commit, or give publish.repo_id a new repo.",
            ) from error
        if manifest.get("name", self.name) != self.name:
            raise RefusedError(
                f"{self.repo.repo_id} is the dataset of {manifest['name']!r}, not of {self.name!r}.",
                remedy="Give this curation another publish.repo_id, or correct `name`.",
            )
        return shards | PICTURES

    def _require_new(self, present: Collection[str], *, private: bool) -> None:
        """Raise RefusedError if the repo has files of something else, or is public although it should be private."""
        foreign = [path for path in present if path not in FILES_OF_NEW_REPOS]
        if foreign:
            raise RefusedError(
                f"{self.repo.repo_id} holds files that curation did not write: {', '.join(sorted(foreign)[:3])}.",
                remedy="Give publish.repo_id a repo of its own.",
            )
        if private and not self.repo.is_private():
            raise RefusedError(
                f"{self.repo.repo_id} is public, and publish.private is true.",
                remedy="Set private = false under [publish], or make the repo private.",
            )
