"""The rows of a dataset, wherever it is: a file, a folder of files, or a dataset on the Hub; read as needed."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import DataError, MissingError
from curation.hub import connect, hub_errors, require_endpoint

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
NOT_DATA = frozenset(
    {"curation.json", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""JSON files that lie beside data in a dataset's folder."""

REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
CSV_FIELD_LIMIT = 1 << 30

# The words that `datasets` reads as the name of a split in a file's or folder's name.
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
    """One row and where it stands, "dpo/train:12"; `values` is null if the row is no JSON object, `reason` says why."""

    where: str
    values: dict[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """One split of one config; `rows()` reads it from its start."""

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
    """Return the splits of a file, a folder or a Hub dataset ("owner/name"), those named "train" first in each config.

    `revision` is one of the Hub's, by default the newest commit. In a folder the config is the name of the first
    subfolder and the split the word in the file's name, as in "dpo/train-00000.parquet". Only the first bytes are read
    here. Raises MissingError if there is no such dataset, DataError if it has no such config or split or nothing that
    can be read, AuthError and TemporaryError of the Hub.
    """
    if _is_local(dataset):
        found = _local(Path(dataset))
    else:
        found = _hub(dataset, config, revision=revision, endpoint=endpoint, token=token)
    kept = _selected(_selected(found, "config", config, dataset), "split", split, dataset)
    return tuple(sorted(kept, key=lambda item: (item.config, item.name != "train", item.name)))


def _is_local(dataset: str) -> bool:
    """Whether this is a path: it is there, or it looks like nothing else."""
    return Path(dataset).exists() or Path(dataset).suffix in SUFFIXES or not REPO_ID.fullmatch(dataset)


def _selected(splits: tuple[Split, ...], kind: str, wanted: str | None, dataset: str) -> tuple[Split, ...]:
    if wanted is None:
        return splits
    names = {split: split.config if kind == "config" else split.name for split in splits}
    kept = tuple(split for split in splits if names[split] == wanted)
    if not kept:
        raise DataError(
            f"{dataset} has no {kind} {wanted!r}; it has {', '.join(sorted(set(names.values())))}.",
            remedy=f"Name one of these with --{kind}.",
        )
    return kept


def _local(path: Path) -> tuple[Split, ...]:
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise MissingError(f"There is no file or folder {path}.", remedy="A dataset on the Hub is named as owner/name.")
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path} is none of the files that can be read: {', '.join(SUFFIXES)}.")
    return (Split("default", _split_in(path.stem) or "train", partial(read_file, path, name=path.name)),)


def _folder(folder: Path) -> tuple[Split, ...]:
    files = sorted(path for path in folder.rglob("*") if _is_data(path, folder))
    if not files:
        raise DataError(f"The folder {folder} holds no {', '.join(SUFFIXES)} file.")
    placed = sorted((_place(path.relative_to(folder)), path) for path in files)
    return tuple(
        Split(config, split, partial(_read_files, tuple(path for _, path in group), folder))
        for (config, split), group in groupby(placed, key=lambda item: item[0])
    )


def _is_data(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix in SUFFIXES and path.name not in NOT_DATA and not hidden and path.is_file()


def _place(path: Path) -> tuple[str, str]:
    """Return config and split of a file in a dataset's folder."""
    folders = [part for part in path.parts[:-1] if part != "data"]
    split = _split_in(path.stem) or next(filter(None, map(_split_in, reversed(folders))), None)
    configs = [part for part in folders if _split_in(part) is None]
    return (configs[0] if configs else "default", split or "train")


def _split_in(name: str) -> str | None:
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _read_files(paths: tuple[Path, ...], folder: Path) -> Iterator[SourceRow]:
    for path in paths:
        yield from read_file(path, name=path.relative_to(folder).as_posix())


def read_file(path: Path, *, name: str) -> Iterator[SourceRow]:
    """Yield the rows of a .jsonl, .json, .csv or .parquet file; in JSONL the number is the line's.

    A line that is not a JSON object is a row without values. DataError if the file as a whole cannot be read. A .json
    file that holds one array is read at once, everything else as needed.
    """
    if path.suffix == ".jsonl" or (path.suffix == ".json" and not _holds_array(path)):
        yield from _jsonl(path, name)
        return
    readers = {".json": _json, ".csv": _csv, ".parquet": _parquet}
    for number, value in enumerate(readers[path.suffix](path), 1):
        yield _source_row(f"{name}:{number}", value)


def _holds_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _source_row(where: str, value: Any) -> SourceRow:
    if isinstance(value, dict):
        return SourceRow(where, value)
    return SourceRow(where, None, "not a JSON object")


def _jsonl(path: Path, name: str) -> Iterator[SourceRow]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{name}:{number}"
            try:
                value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except (ValueError, RecursionError) as error:
                yield SourceRow(where, None, f"not JSON: {error}")
            else:
                yield _source_row(where, value)


def _json(path: Path) -> Iterator[Any]:
    try:
        yield from json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}.") from error


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    # The default limit of 128 KiB a field would refuse long texts that every other format takes.
    csv.field_size_limit(CSV_FIELD_LIMIT)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                yield {str(column): _typed(str(column), value) for column, value in row.items()}
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from error


def _typed(column: str, value: Any) -> Any:
    """Return a field as `datasets` reads it: nothing is null, and a column of numbers or booleans is that."""
    if value == "":
        return None
    if column != "label" and "score" not in column and "rating" not in column:
        return value
    try:
        return json.loads(str(value).lower())
    except ValueError:
        return value


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
    except ArrowException as error:
        raise DataError(f"{path} is not a Parquet file that can be read: {error}.") from error


def _hub(
    repo_id: str, config: str | None, *, revision: str | None, endpoint: str, token: str | None
) -> tuple[Split, ...]:
    """Return the splits of a dataset on the Hub, at the commit that `revision` is now."""
    import datasets

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
            streams = {
                name: datasets.load_dataset(repo_id, name, revision=revision, token=token, streaming=True)
                for name in ([config] if config is not None else configs)
            }
    except (ValueError, FileNotFoundError, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"{repo_id} holds no data files that `datasets` can read: {error}") from error
    return tuple(
        Split(name, str(split), partial(_hub_rows, rows, api, repo_id, f"{name}/{split}"))
        for name, stream in streams.items()
        for split, rows in stream.items()
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


def _hub_rows(rows: Any, api: HfApi, repo_id: str, name: str) -> Iterator[SourceRow]:
    from datasets.exceptions import DatasetsError
    from pyarrow import ArrowException

    try:
        with hub_errors(api, repo_id):
            for number, values in enumerate(rows, 1):
                yield SourceRow(f"{name}:{number}", values)
    except (ArrowException, ValueError, DatasetsError) as error:
        raise DataError(f"{repo_id}, {name}, cannot be read: {error}") from error
