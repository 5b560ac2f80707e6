"""The rows of a dataset, wherever it is: a file, a folder of files, or a dataset on the Hub; read as needed."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from curation.errors import DataError, MissingError
from curation.hub import connect, hub_errors, require_endpoint

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FORMATS = {
    ".jsonl": "JSON",
    ".ndjson": "JSON",
    ".json": "JSON",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".arrow": "Arrow",
}
SUFFIXES = tuple(FORMATS)
"""What is read, in lower or upper case; text also with ".gz" behind it."""

UNREAD = frozenset({".zst", ".zip", ".bz2", ".xz", ".lz4", ".7z", ".tar", ".tgz", ".xlsx", ".lance"})
"""What may hold rows too, and is not read."""

NOT_DATA = frozenset(
    {"curation.json", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""JSON files that lie beside data in a dataset's folder."""

REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
CSV_ROWS = 10_000
"""How many rows of a CSV file have one type in a column, as in `datasets`."""
PARQUET_ROWS, PARQUET_BYTES, PARQUET_BUFFER = 1000, 8 << 20, 1 << 20
"""At most so many rows and so many bytes of a Parquet or Arrow file are held at once."""

ARROW_FILE = b"ARROW1"
"""How a file in Arrow's file format begins; one in its stream format does not."""

UNREADABLE = (OSError, EOFError, TypeError, ValueError, RuntimeError, zlib.error)
"""What readers raise of files that are damaged or hold something else; Arrow's and pandas' errors are among them."""

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
    """Return the splits of a file, a folder or a Hub dataset ("owner/name"), "train..." first in each config.

    `revision` is one of the Hub's, by default the newest commit. In a folder the config is the name of the first
    subfolder. The split is the word in the file's name, as in "dpo/train-1.parquet", or all that stands before the
    numbers of a shard, as in "data/train_prefs-00000-of-00001.parquet". Only the first bytes are read here. Raises
    MissingError if there is no such dataset, DataError if it has no such config or split or nothing that can be read,
    AuthError and TemporaryError of the Hub.
    """
    if _is_local(dataset):
        found = _local(Path(dataset))
    else:
        found = _hub(dataset, config, revision=revision, endpoint=endpoint, token=token)
    kept = _selected(_selected(found, "config", config, dataset), "split", split, dataset)
    return tuple(sorted(kept, key=lambda item: (item.config, not item.name.startswith("train"), item.name)))


def _is_local(dataset: str) -> bool:
    """Whether this is a path: it is there, or it looks like nothing else."""
    return Path(dataset).exists() or _suffix(Path(dataset)) != "" or not REPO_ID.fullmatch(dataset)


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
    if not _suffix(path):
        raise DataError(
            f"{path} is none of the files that can be read: {', '.join(SUFFIXES)}.", remedy="Save it as one of these."
        )
    _, split = _place(Path(path.name))
    return (Split("default", split, partial(read_file, path, name=path.name)),)


def _suffix(path: Path) -> str:
    """Return the one of `SUFFIXES` that a file's name has, in any case and before ".gz"; "" if it has none."""
    suffix = _last_suffix(path)
    return suffix if suffix in SUFFIXES else ""


def _last_suffix(path: Path) -> str:
    """Return the last suffix of a file's name, in lower case and before ".gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


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
    return _suffix(path) != "" and path.name not in NOT_DATA and _is_there(path, folder)


def _is_there(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def unread(dataset: str) -> tuple[str, ...]:
    """Return the files of a folder that may hold rows but are of no kind that is read; none of a dataset on the Hub."""
    folder = Path(dataset)
    files = folder.rglob("*") if folder.is_dir() else ()
    found = (path for path in files if _last_suffix(path) in UNREAD and _is_there(path, folder))
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


def _place(path: Path) -> tuple[str, str]:
    """Return config and split of a file in a dataset's folder."""
    folders = [part for part in path.parts[:-1] if part != "data"]
    named = _split_of_shard(path) or _split_in(path.stem)
    split = named or next(filter(None, map(_split_in, reversed(folders))), None)
    configs = [part for part in folders if _split_in(part) is None]
    return (configs[0] if configs else "default", split or "train")


def _split_of_shard(path: Path) -> str | None:
    """Return the name before a shard's numbers: in `data/`, as `datasets` does, and where it has the word of a split.

    Of "train/part-00000-of-00001.parquet" the folder says what it is.
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
    """Yield the rows of a file of `SUFFIXES`; in JSONL the number is the line's.

    A line that is not a JSON object is a row without values. DataError if the file as a whole cannot be read. A .json
    file that holds one array or one object is read at once, everything else as needed.
    """
    suffix = _suffix(path)
    try:
        if suffix in (".jsonl", ".ndjson") or (suffix == ".json" and not _holds_one_value(path)):
            yield from _jsonl(path, name)
            return
        readers: dict[str, Callable[[Path], Iterator[Any]]] = {
            ".json": _json,
            ".csv": _csv,
            ".tsv": partial(_csv, separator="\t"),
            ".parquet": _parquet,
            ".arrow": _arrow,
        }
        for number, value in enumerate(readers[suffix](path), 1):
            yield _source_row(f"{name}:{number}", value)
    except UNREADABLE as error:
        raise DataError(f"{path} is no {FORMATS[suffix]} file that can be read: {_on_one_line(error)}") from error


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _holds_one_value(path: Path) -> bool:
    """Whether a file is one array, or one object over several lines, rather than one object a line."""
    with _open(path) as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    return re.match(rb"\[|\{\s*\n", start) is not None


def _source_row(where: str, value: Any) -> SourceRow:
    if isinstance(value, dict):
        return SourceRow(where, value)
    return SourceRow(where, None, "not a JSON object")


def _jsonl(path: Path, name: str) -> Iterator[SourceRow]:
    with _open(path) as file:
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
    """Yield the items of an array; an object is one row, as in `datasets`."""
    with _open(path) as file:
        value = json.loads(file.read())
    yield from value if isinstance(value, list) else [value]


def _csv(path: Path, separator: str = ",") -> Iterator[dict[str, Any]]:
    """Yield the rows as `datasets` reads them, by pandas: "N/A" is null, a column of numbers or booleans is that."""
    import pandas as pd  # type: ignore[import-untyped]
    import pyarrow as pa

    with _open(path) as file, pd.read_csv(file, sep=separator, chunksize=CSV_ROWS) as chunks:
        for chunk in chunks:
            yield from pa.Table.from_pandas(chunk).to_pylist()


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, buffer_size=PARQUET_BUFFER, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata)):
            yield from batch.to_pylist()


def _rows_at_once(metadata: Any) -> int:
    """Return how many rows of a Parquet file have about `PARQUET_BYTES`, at least one."""
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return _rows_of_size(metadata.num_rows, size)


def _arrow(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file in either format of Arrow's; `Dataset.save_to_disk` writes streams."""
    with path.open("rb") as file:
        for batch in _arrow_batches(file):
            # As `datasets` does: what is damaged inside would end this process when it is read.
            batch.validate(full=True)
            step = _rows_of_size(batch.num_rows, batch.nbytes)
            for start in range(0, batch.num_rows, step):
                yield from batch.slice(start, step).to_pylist()


def _arrow_batches(file: IO[bytes]) -> Iterator[Any]:
    import pyarrow as pa

    if file.read(len(ARROW_FILE)) == ARROW_FILE:
        whole = pa.ipc.open_file(file)
        yield from map(whole.get_batch, range(whole.num_record_batches))
    else:
        file.seek(0)
        yield from pa.ipc.open_stream(file)


def _rows_of_size(rows: int, size: int) -> int:
    return max(1, min(PARQUET_ROWS, int(PARQUET_BYTES * rows / max(size, 1))))


def _hub(
    repo_id: str, config: str | None, *, revision: str | None, endpoint: str, token: str | None
) -> tuple[Split, ...]:
    """Return the splits of a dataset on the Hub, at the commit that `revision` is now."""
    import datasets

    # Of what it raises it also writes a line, which would stand before the error that we say.
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
            streams = {
                name: datasets.load_dataset(repo_id, name, revision=revision, token=token, streaming=True)
                for name in ([config] if config is not None else configs)
            }
    except (*UNREADABLE, datasets.exceptions.DatasetsError) as error:
        raise DataError(f"{repo_id} holds no data files that `datasets` can read: {_on_one_line(error)}") from error
    return tuple(
        Split(name, str(split), partial(_hub_rows, _undecoded(rows), api, repo_id, f"{name}/{split}"))
        for name, stream in streams.items()
        for split, rows in stream.items()
    )


def _undecoded(rows: Any) -> Any:
    """Leave images and sounds the bytes that they are: what opens them need not be there, and they may be damaged."""
    return rows.decode(False) if rows.features else rows


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
    except (*UNREADABLE, ArrowException, DatasetsError) as error:
        raise DataError(f"{repo_id}, {name}, cannot be read: {_on_one_line(error)}") from error
