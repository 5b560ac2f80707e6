"""Reads the rows of a dataset one after the other: of a file, a folder of files, or a dataset on the Hub."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curation.errors import DataError, MissingError
from curation.files import (
    FOLDER_SUFFIXES,
    FORMATS,
    SUFFIXES,
    UNREADABLE,
    File,
    FileRow,
    class_names,
    last_suffix,
    read_rows,
    suffix_of,
    with_class_names,
)
from curation.hub import connect, hub_errors, require_endpoint
from curation.hub_rows import HubSplit, hub_splits

if TYPE_CHECKING:
    from huggingface_hub import HfApi

UNREAD = frozenset({".zst", ".zip", ".bz2", ".xz", ".lz4", ".7z", ".tar", ".tgz", ".xlsx", ".lance"})
"""Suffixes of files that may hold rows but cannot be read."""

NOT_DATA = frozenset(
    {"curation.json", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""JSON files in the folder of a dataset that hold no rows."""

REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
CSV_ROWS = 10_000
"""The type of a column of CSV is decided for so many rows at a time, as in `datasets`."""
CSV_CHARACTERS = 1 << 25
"""If the rows are long, it is decided for the rows with so many characters: 10,000 rows would take too much memory."""
LABEL = "label"
"""A column of classes in which trainers read the numbers."""

# The words in the name of a file or folder that `datasets` takes for a split, with the name of that split.
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a dataset.

    - `where`: the file or split, and the line or number of the row: "dpo/train:12"
    - `values`: the values by column; None if the row cannot be used
    - `reason`: why it cannot be used
    - `too_large`: whether it cannot be used only because of its size
    """

    where: str
    values: dict[str, Any] | None
    reason: str = ""
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """One split of one config. Each call of `rows()` reads it from its start."""

    config: str
    name: str
    rows: Callable[[], Iterator[SourceRow]]


def open_dataset(
    dataset: str,
    *,
    config: str | None = None,
    split: str | None = None,
    revision: str | None = None,
    endpoint: str,
    token: str | None,
) -> tuple[Split, ...]:
    """Return the splits of a file, a folder or a Hub dataset ("owner/name"). In each config, "train..." comes first.

    `revision` is a revision on the Hub, by default the newest commit. In a folder, the names of files and folders tell
    config and split:

        dpo/train-1.parquet                       config "dpo", split "train"
        data/train_prefs-00000-of-00001.parquet   config "default", split "train_prefs"

    Rows are read later, by `rows()`. Raises MissingError if there is no such dataset, DataError if it has no such
    config or split, or no file that can be read, and AuthError and TemporaryError of the Hub.
    """
    if _is_local(dataset):
        splits = _local(Path(dataset))
    else:
        splits = _hub(dataset, config, revision=revision, endpoint=endpoint, token=token)
    selected = _selected(_selected(splits, "config", config, dataset), "split", split, dataset)
    return tuple(sorted(selected, key=lambda item: (item.config, not item.name.startswith("train"), item.name)))


def _is_local(dataset: str) -> bool:
    """Whether the name of a dataset is a path: it exists, ends like a file, or cannot be a name on the Hub."""
    return Path(dataset).exists() or suffix_of(Path(dataset)) != "" or not REPO_ID.fullmatch(dataset)


def _selected(splits: tuple[Split, ...], kind: str, name: str | None, dataset: str) -> tuple[Split, ...]:
    if name is None:
        return splits
    names = {split: split.config if kind == "config" else split.name for split in splits}
    selected = tuple(split for split in splits if names[split] == name)
    if not selected:
        raise DataError(
            f"{dataset} has no {kind} {name!r}; it has {', '.join(sorted(set(names.values())))}.",
            remedy=f"Name one of these with --{kind}.",
        )
    return selected


def _local(path: Path) -> tuple[Split, ...]:
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise MissingError(f"There is no file or folder {path}.", remedy="A dataset on the Hub is named as owner/name.")
    if not suffix_of(path):
        raise DataError(
            f"{path} is not one of the files that can be read: {', '.join(SUFFIXES)}.",
            remedy="Save it as one of these.",
        )
    _, split = _place(Path(path.name))
    return (Split("default", split, partial(read_file, path, name=path.name)),)


def _folder(folder: Path) -> tuple[Split, ...]:
    files = sorted(path for path in folder.rglob("*") if _is_data(path, folder))
    if not files:
        raise DataError(f"The folder {folder} holds no {', '.join(FOLDER_SUFFIXES)} file.")
    placed = sorted((_place(path.relative_to(folder)), path) for path in files)
    return tuple(
        Split(config, split, partial(_read_files, tuple(path for _, path in group), folder))
        for (config, split), group in groupby(placed, key=lambda item: item[0])
    )


def _is_data(path: Path, folder: Path) -> bool:
    return suffix_of(path) in FOLDER_SUFFIXES and path.name not in NOT_DATA and _is_there(path, folder)


def _is_there(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def unread(dataset: str) -> tuple[str, ...]:
    """Return the files of a folder that may hold rows but cannot be read; () for a dataset on the Hub."""
    folder = Path(dataset)
    files = folder.rglob("*") if folder.is_dir() else ()
    skipped = (path for path in files if last_suffix(path) in UNREAD and _is_there(path, folder))
    return tuple(sorted(path.relative_to(folder).as_posix() for path in skipped))


def _place(path: Path) -> tuple[str, str]:
    """Return the config and the split of a file, by its path in the folder of a dataset."""
    folders = [part for part in path.parts[:-1] if part != "data"]
    named = _split_of_shard(path) or _split_in(path.stem)
    split = named or next(filter(None, map(_split_in, reversed(folders))), None)
    configs = [part for part in folders if _split_in(part) is None]
    return (configs[0] if configs else "default", split or "train")


def _split_of_shard(path: Path) -> str | None:
    """Return what stands before the numbers of a shard, if that names a split; otherwise None.

    It names a split if it contains the word of one, and always in the folder `data/`, as for `datasets`. The split of
    "train/part-00000-of-00001.parquet" is told by its folder, not by "part".
    """
    shard = re.match(r"(.+)-\d{5}-of-\d{5}", path.name)
    if shard is None or (path.parent.name != "data" and _split_in(shard[1]) is None):
        return None
    return shard[1]


def _split_in(name: str) -> str | None:
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _read_files(paths: tuple[Path, ...], folder: Path) -> Iterator[SourceRow]:
    for path in paths:
        yield from read_file(path, name=path.relative_to(folder).as_posix())


def read_file(path: Path, *, name: str) -> Iterator[SourceRow]:
    """Yield the rows of a file in a format of `curation.files`, with the values that `datasets` would read.

    A line that is not a JSON object, and a row that is too large, is a row without values. Raises DataError if the file
    cannot be read, also if a row of CSV has too few or too many cells.
    """
    names = class_names(path)
    for row in _read_typed(path):
        values = None if row.values is None else _with_names(row.values, names)
        yield SourceRow(f"{name}:{row.number}", values, row.reason, row.too_large)


def _with_names(values: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the values with the names of classes in place of numbers, except in the column `label`."""
    return with_class_names(values, {column: classes for column, classes in names.items() if column != LABEL})


def _read_typed(path: File) -> Iterator[FileRow]:
    rows = read_rows(path)
    return _typed(rows, path) if FORMATS[suffix_of(path)] in ("CSV", "TSV") else rows


def _typed(rows: Iterable[FileRow], path: File) -> Iterator[FileRow]:
    """Yield rows of texts with the types that pandas gives them, as `datasets` does.

    For example "N/A" becomes null, and a column of texts that are all numbers becomes numbers.
    """
    for batch in _batches(rows):
        try:
            values = iter(_values_by_pandas([row.values for row in batch if row.values is not None]))
        except UNREADABLE as error:
            raise DataError(f"{path} is no CSV file that can be read: {_on_one_line(error)}") from error
        for row in batch:
            yield row if row.values is None else FileRow(row.number, next(values))


def _batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    batch, characters = [], 0
    for row in rows:
        batch.append(row)
        characters += sum(map(len, (row.values or {}).values()))
        if len(batch) >= CSV_ROWS or characters >= CSV_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _values_by_pandas(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the values that pandas reads if the rows are written as CSV, in the plain form that every reader knows."""
    import pandas as pd

    if not rows:
        return []
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    text.seek(0)
    values: list[dict[str, Any]] = pa.Table.from_pandas(pd.read_csv(text)).to_pylist()
    return values


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _hub(
    repo_id: str, config: str | None, *, revision: str | None, endpoint: str, token: str | None
) -> tuple[Split, ...]:
    """Return the splits of a dataset on the Hub, at the commit that `revision` is now."""
    import datasets

    # Before it raises an error, `datasets` logs it: that line would stand before our own error message.
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    require_endpoint(endpoint)
    api = connect(endpoint, token)
    revision = _commit(api, repo_id, revision)
    try:
        with hub_errors(api, repo_id):
            configs = datasets.get_dataset_config_names(repo_id, revision=revision, token=token)
            if config is not None and config not in configs:
                raise DataError(
                    f"{repo_id} has no config {config!r}; it has {', '.join(sorted(configs))}.",
                    remedy="Name one of these with --config.",
                )
            read_config = partial(hub_splits, repo_id, revision=revision, endpoint=endpoint, token=token)
            splits_of = {
                name: read_config(name, as_numbers={LABEL}, read=_read_typed)
                for name in ([config] if config is not None else configs)
            }
    except (*UNREADABLE, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"{repo_id} holds no data files that `datasets` can read: {_on_one_line(error)}") from error
    return tuple(
        Split(name, split.name, partial(_hub_rows, split, f"{name}/{split.name}"))
        for name, splits in splits_of.items()
        for split in splits
    )


def _commit(api: HfApi, repo_id: str, revision: str | None) -> str:
    try:
        with hub_errors(api, repo_id):
            return str(api.dataset_info(repo_id, revision=revision).sha)
    except MissingError as error:
        if revision is not None:
            raise
        raise MissingError(
            f"{repo_id} is no file or folder here, and no dataset on {api.endpoint} that HF_TOKEN may see.",
            remedy="Correct the name, or use another token.",
        ) from error


def _hub_rows(split: HubSplit, name: str) -> Iterator[SourceRow]:
    for row in split.rows():
        yield SourceRow(f"{name}:{row.number}", row.values, row.reason, row.too_large)
