"""Rows of a dataset on the Hub, read as needed: Parquet by the reader of files, all else as `datasets` streams it.

Both take a bounded amount of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from curation.errors import DataError
from curation.files import (
    UNREADABLE,
    FileRow,
    bounded_memory,
    classes_in_schema,
    classes_of,
    in_bounded_memory,
    read_parquet_file,
    with_class_names,
)
from curation.hub import connect, hub_errors, require_endpoint
from curation.scratch import private_files

PROTOCOL = "hf://"
"""How `datasets` names files on the Hub: hf://datasets/owner/name@revision/path."""

Classes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class HubSplit:
    """One split of a dataset on the Hub; `rows()` reads it from its start, with numbers from 1."""

    name: str
    rows: Callable[[], Iterator[FileRow]]


def hub_splits(
    repo_id: str,
    config: str | None,
    *,
    revision: str,
    endpoint: str,
    token: str | None,
    as_numbers: Collection[str] = (),
) -> tuple[HubSplit, ...]:
    """Return the splits of a config at a commit; null is the config that `datasets` takes without one.

    Columns of classes have names in place of numbers, but for those in `as_numbers`. Pictures and sounds stay bytes.
    Only the list of files is read here, and the card. Raises what `datasets` raises if there is no such dataset or
    config; `rows()` raises DataError if a file cannot be read, and what `hub_errors` raises.
    """
    import datasets

    require_endpoint(endpoint)
    # The rows are streamed; what is kept in a cache is the card and the like, of a dataset that may be private.
    with private_files(), bounded_memory(repo_id):
        builder = datasets.load_dataset_builder(repo_id, config, revision=revision, token=token)
    files = builder.config.data_files
    if builder.name == "parquet" and files and all(_is_on_the_hub(paths) for paths in files.values()):
        readers = {
            str(split): partial(_parquet_rows, list(paths), _classes(builder.info), endpoint, token)
            for split, paths in files.items()
        }
    else:
        # Of some files the first rows are read here, of others all.
        with bounded_memory(repo_id):
            streams = builder.as_streaming_dataset()
        readers = {str(split): partial(_streamed_rows, rows, f"{repo_id}, {split},") for split, rows in streams.items()}
    return tuple(
        HubSplit(split, partial(_rows, reader, f"{repo_id}, {split},", repo_id, endpoint, token, frozenset(as_numbers)))
        for split, reader in readers.items()
    )


def _is_on_the_hub(paths: Sequence[str]) -> bool:
    return all(path.startswith(PROTOCOL) and "::" not in path for path in paths)


Reader = Callable[[], Iterator[tuple[FileRow, Classes]]]
"""Yields the rows of a split, each with the names of the classes of its file."""


def _rows(
    read: Reader, name: str, repo_id: str, endpoint: str, token: str | None, as_numbers: frozenset[str]
) -> Iterator[FileRow]:
    from datasets.exceptions import DatasetsError

    try:
        with hub_errors(connect(endpoint, token), repo_id):
            for number, (row, classes) in enumerate(read(), 1):
                names = {column: known for column, known in classes.items() if column not in as_numbers}
                values = None if row.values is None else with_class_names(row.values, names)
                yield FileRow(number, values, row.reason, row.too_large)
    except (*UNREADABLE, DatasetsError) as error:
        raise DataError(f"{name} cannot be read: {' '.join(str(error).split())}") from error


def _parquet_rows(
    paths: Sequence[str], classes: Classes, endpoint: str, token: str | None
) -> Iterator[tuple[FileRow, Classes]]:
    from huggingface_hub import HfFileSystem

    files = HfFileSystem(endpoint=endpoint, token=token or False)
    for path in paths:
        with files.open(path, "rb") as file:
            name = path.removeprefix(PROTOCOL)
            with bounded_memory(name):
                in_file = {**classes_in_schema(file), **classes}
            for row in read_parquet_file(file, name=name, size=file.size):
                yield row, in_file


def _streamed_rows(stream: Any, name: str) -> Iterator[tuple[FileRow, Classes]]:
    # What opens pictures and sounds need not be there, and they may be damaged.
    rows = stream.decode(False) if stream.features else stream
    classes = _classes(stream)
    for number, values in enumerate(in_bounded_memory(iter(rows), name), 1):
        yield FileRow(number, values), classes


def _classes(described: Any) -> Classes:
    """Return the classes in the `features` of a dataset or of what its card says."""
    return classes_of(described.features.to_dict() if described.features else None)
