"""The published dataset: Parquet shards named by content, a card and a manifest, in one commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from curation.store.card import FUNNEL, LENGTHS
from curation.store.repo import Change, HubRepo

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MANIFEST = "curation.json"
PICTURES = frozenset({FUNNEL, LENGTHS})

Texts = Callable[[Collection[str]], Mapping[str, bytes]]
"""Of the paths that the repo holds besides: the card, its pictures and the manifest, by path."""


class PublishedDataset:
    """The repo that others load and train on."""

    def __init__(self, api: HfApi, repo_id: str) -> None:
        self.repo = HubRepo(api, repo_id)

    def publish(self, shards: Mapping[str, Path], texts: Texts, *, rows: int, private: bool) -> str | None:
        """Commit the shards, given by the path each gets, with card and manifest; return the commit.

        Only what is not there as it is to be is uploaded, and files that the last publish wrote and this one did not
        go. None if nothing would change. `private` counts when the repo is created; an existing repo keeps its
        visibility.
        """
        self.repo.create(private=private)

        def edit(revision: str) -> Change | None:
            present = self.repo.paths(revision)
            ours = set(self._written(revision, present)) & set(present)
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
            message = f"Publish {rows:,} rows" if stale or files.keys() - said.keys() else "Bring the card up to date"
            return Change(message=message, files=files, delete=tuple(sorted(stale)))

        return self.repo.update(edit)

    def _written(self, revision: str, present: list[str]) -> Iterator[str]:
        """The shards and pictures that the last publish wrote: only those are ours to delete."""
        if MANIFEST in present:
            yield from PICTURES
            for paths in json.loads(self.repo.read(MANIFEST, revision)).get("files", {}).values():
                yield from [paths] if isinstance(paths, str) else paths
