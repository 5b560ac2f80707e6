"""The published dataset: Parquet shards named by content, a card and a manifest, in one commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from curation.store.parquet import content_name, write_parquet
from curation.store.repo import Change, HubRepo
from curation.types import Row

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD, MANIFEST = "README.md", "curation.json"

Tables = Mapping[tuple[str, str], Sequence[Row]]
"""Rows by (config, split), such as ("dpo", "train"); a split without rows is left out."""


class PublishedDataset:
    """The repo that others load and train on."""

    def __init__(self, api: HfApi, repo_id: str) -> None:
        self.repo = HubRepo(api, repo_id)

    def publish(
        self,
        tables: Tables,
        *,
        private: bool,
        card: Callable[[Mapping[str, str]], str],
        manifest: Callable[[Mapping[str, str]], str],
    ) -> str | None:
        """Commit the tables with card and manifest; return the commit, or None if the same rows are published already.

        `card` and `manifest` get the path of each split's file by "config/split". `private` counts when the repo is
        created; an existing repo keeps its visibility.
        """
        files = {key: write_parquet(rows, type(rows[0])) for key, rows in tables.items() if rows}
        shards = {
            content_name(config, content, prefix=f"{split}-"): content for (config, split), content in files.items()
        }
        paths = {f"{config}/{split}": path for (config, split), path in zip(files, shards, strict=True)}
        self.repo.create(private=private)

        def edit(revision: str) -> Change | None:
            present = self.repo.paths(revision)
            stale = [path for path in self._shards(revision, present) if path in present and path not in shards]
            new = [path for path in shards if path not in present]
            if not new and not stale and CARD in present:
                return None
            return Change(
                message=f"Publish {sum(len(rows) for rows in tables.values())} rows",
                files={
                    **{path: shards[path] for path in new},
                    CARD: card(paths).encode(),
                    MANIFEST: manifest(paths).encode(),
                },
                delete=tuple(stale),
            )

        return self.repo.update(edit)

    def _shards(self, revision: str, present: list[str]) -> list[str]:
        """The files that the last publish wrote: only those are ours to delete."""
        if MANIFEST not in present:
            return []
        return list(json.loads(self.repo.read(MANIFEST, revision)).get("files", {}).values())
