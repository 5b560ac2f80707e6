"""How the rows of two states of the published dataset differ: only files that are not in both are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curation.derive.row_changes import ConfigChange, RowChange, config_changes, mixed
from curation.derive.shards import only_in

BATCH = 1000

Shards = Mapping[str, Collection[str]]
"""Paths of files of rows by "config/split": {"dpo/train": ["dpo/train-0a1b.parquet"]}."""
LocalPath = Callable[[str], Path]
"""Returns where a file of rows is on this machine."""


def row_differences(
    before: Shards, now: Shards, *, old: LocalPath, new: LocalPath
) -> tuple[dict[str, ConfigChange], tuple[RowChange, ...]]:
    """Return how many rows of each config come, go and change, and ten of them."""
    changes: dict[str, ConfigChange] = {}
    examples: list[list[RowChange]] = []
    for name in dict.fromkeys(split.partition("/")[0] for split in (*now, *before)):
        changes[name], examples_of_config = config_changes(
            name, partial(_rows, only_in(before, now, name), old), partial(_rows, only_in(now, before, name), new)
        )
        examples += examples_of_config
    return changes, mixed(examples)


def _rows(shards: Shards, local_path: LocalPath) -> Iterator[dict[str, Any]]:
    """Yield the rows of shards, each with the name of its split in the column `split`."""
    for split, paths in shards.items():
        for path in paths:
            with pq.ParquetFile(local_path(path)) as file:
                for batch in file.iter_batches(BATCH):
                    for row in batch.to_pylist():
                        yield {**row, "split": split.partition("/")[2]}
