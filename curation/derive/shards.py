"""From tables of rows to Parquet shards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from curation import export
from curation.derive.tally import Shard
from curation.errors import RefusedError
from curation.export.strings import Render
from curation.store.parquet import digest_name, table_bytes


def accepted_table(config: str, table: pa.Table, *, render: Render | None) -> pa.Table:
    """Return the rows of a config that is trained on, as strings with `render`.

    Raises RefusedError if TRL would not train on them as they are meant.
    """
    if render is not None:
        table = export.as_strings(table, render)
    faults = list(export.faults(config, table))
    if faults:
        raise RefusedError(
            f"TRL would not train on these rows as they are meant: {'; '.join(faults)}.",
            remedy="Nothing was published; `curation lint` says more of a dataset that is there.",
        )
    return table


def write_shard(config: str, split: str, table: pa.Table, folder: Path) -> Shard:
    """Write a table into `folder` under the name that follows from its content."""
    content = table_bytes(table)
    digest = hashlib.sha256(content).hexdigest()
    path = digest_name(config, digest, prefix=f"{split}-")
    (folder / config).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return Shard(config, split, path, table.num_rows, len(content), digest)


def paths_by_split(shards: Iterable[Shard]) -> dict[str, list[str]]:
    """Return the paths of shards by "config/split", in their order: {"dpo/train": ["dpo/train-0a1b.parquet"]}."""
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for shard in shards:
        paths[f"{shard.config}/{shard.split}"].append(shard.path)
    return dict(paths)


def only_in(
    shards: Mapping[str, Collection[str]], others: Mapping[str, Collection[str]], config: str
) -> dict[str, list[str]]:
    """Return the paths of a config's shards by split, without those that are in the same split of `others`.

    Files are named by their content, so files that are on both sides have the same rows.
    """
    return {
        split: [path for path in paths if path not in others.get(split, ())]
        for split, paths in shards.items()
        if split.startswith(f"{config}/")
    }
