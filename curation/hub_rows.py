"""Reads the rows of a dataset on the Hub, as they are needed.

Files in formats that `curation.files` reads are read by it. All others are streamed by `datasets`, also those whose
card asks for something special. Both take a limited amount of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Literal, cast

from curation import files
from curation.errors import DataError
from curation.files import (
    FORMATS,
    UNREADABLE,
    File,
    FileRow,
    classes_of,
    suffix_of,
    with_class_names,
)
from curation.hub import connect, hub_errors, require_endpoint
from curation.scratch import private_files

if TYPE_CHECKING:
    from datasets import DatasetBuilder, DatasetInfo, IterableDataset
    from huggingface_hub import HfFileSystem

PROTOCOL = "hf://"
"""The start of the name that `datasets` has for a file on the Hub: hf://datasets/owner/name@revision/path."""
READ_HERE = {"parquet": ("Parquet",), "arrow": ("Arrow",), "json": ("JSON",), "csv": ("CSV", "TSV"), "text": ("text",)}
"""The formats that `curation.files` reads, by the name of the builder of `datasets` for them."""
DESCRIBING = ("name", "version", "data_dir", "data_files", "description", "features")
"""The options of a builder of `datasets` that describe it or its files. All other options say how files are read."""
ROWS_WITH_ALL_COLUMNS = 1000
"""The first rows of a JSON file tell the columns of its split. A row without one of them has null, as in `datasets`."""

Classes = Mapping[str, tuple[str, ...]]
"""The names of the classes in each column of classes: {"topic": ("art", "law")}."""
ReadFile = Callable[[File], Iterator[FileRow]]
Reader = Callable[[], Iterator[tuple[FileRow, Classes]]]
"""Yields the rows of a split, each with the classes of the file that it comes from."""


@dataclass(frozen=True, slots=True)
class HubSplit:
    """One split of a dataset on the Hub. Each call of `rows()` reads it from its start; rows are numbered from 1."""

    name: str
    rows: Callable[[], Iterator[FileRow]]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a dataset on the Hub, to be read like a local file. Only the parts that are read are downloaded."""

    path: str
    """Its name for `datasets`, such as hf://datasets/owner/name@revision/data/train.jsonl."""
    file_system: HfFileSystem

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return PurePosixPath(self.path).name

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Open the file for reading, at its start."""
        return cast(IO[bytes], self.file_system.open(self.path, mode))

    def __str__(self) -> str:
        return self.path.removeprefix(PROTOCOL)


def hub_splits(
    repo_id: str,
    config: str | None,
    *,
    revision: str,
    endpoint: str,
    token: str | None,
    as_numbers: Collection[str] = (),
    read: ReadFile,
) -> tuple[HubSplit, ...]:
    """Return the splits of a config at a commit. If `config` is None, it is the dataset's default config.

    `read` reads a file that `curation.files` can read. In columns of classes, numbers are replaced by the names of the
    classes, except in the columns `as_numbers`. Pictures and sounds stay bytes.

    This reads only the list of files and the card, and the first rows of files that `datasets` streams. It raises what
    `datasets` raises if there is no such dataset or config. `rows()` of a split raises DataError if a file cannot be
    read, and the errors of `hub_errors`.
    """
    import datasets

    require_endpoint(endpoint)
    # Rows are streamed. Only the card and the like go to a cache; the dataset may be private, so the cache must be too.
    with private_files(), files.bounded_memory(repo_id):
        builder = datasets.load_dataset_builder(repo_id, config, revision=revision, token=token)
        hub_files = _files(builder, endpoint, token)
        readers: dict[str, Reader] = {}
        for split, split_files in hub_files.items():
            readers[split] = partial(_rows_of_files, split_files, _classes(builder.info), read)
    if not hub_files:
        # Where torch is installed, `datasets` imports it for the first dataset that it streams. What that takes is no
        # memory of what is read, so this dataset is an empty one.
        datasets.IterableDataset.from_generator(lambda: iter(()))
        with private_files(), files.bounded_memory(repo_id):
            for split, rows in builder.as_streaming_dataset().items():
                readers[str(split)] = partial(_streamed_rows, rows, f"{repo_id}, {split},")
    return tuple(
        HubSplit(split, partial(_rows, reader, f"{repo_id}, {split},", repo_id, endpoint, token, frozenset(as_numbers)))
        for split, reader in readers.items()
    )


def _files(builder: DatasetBuilder, endpoint: str, token: str | None) -> dict[str, tuple[HubFile, ...]]:
    """Return the files of each split. If `datasets` must read any of them, return {}."""
    from huggingface_hub import HfFileSystem

    system = HfFileSystem(endpoint=endpoint, token=token or False)
    named = builder.config.data_files or {}
    hub_files = {str(split): tuple(HubFile(path, system) for path in paths) for split, paths in named.items()}
    formats = READ_HERE.get(builder.name, ())
    readable = all(
        _is_on_the_hub(file) and FORMATS.get(suffix_of(file)) in formats
        for split_files in hub_files.values()
        for file in split_files
    )
    return hub_files if readable and not _has_options(builder) and not _has_types(builder) else {}


def _is_on_the_hub(file: HubFile) -> bool:
    """Whether a file is in a repo on the Hub, and not in an archive or at another address."""
    return file.path.startswith(PROTOCOL) and "::" not in file.path


def _has_options(builder: DatasetBuilder) -> bool:
    """Whether the card has options for reading the files, such as `field`, the key of a JSON file that has the rows."""
    config, plain = builder.config, type(builder.config)()
    options = {field.name for field in fields(config)} - set(DESCRIBING)
    changed = {name for name in options if getattr(config, name) != getattr(plain, name)}
    only_tabs = changed == {"sep"} and config.sep == "\t"
    return bool(changed) and not only_tabs


def _has_types(builder: DatasetBuilder) -> bool:
    """Whether the card gives columns types that the files do not have, so that `datasets` converts the values."""
    return builder.info.features is not None and builder.name not in ("parquet", "arrow")


def _rows(
    read: Reader, name: str, repo_id: str, endpoint: str, token: str | None, as_numbers: frozenset[str]
) -> Iterator[FileRow]:
    from datasets.exceptions import DatasetsError

    try:
        with hub_errors(connect(endpoint, token), repo_id):
            for number, (row, classes) in enumerate(read(), 1):
                names = {column: names for column, names in classes.items() if column not in as_numbers}
                values = None if row.values is None else with_class_names(row.values, names)
                yield FileRow(number, values, row.reason, row.too_large)
    except (*UNREADABLE, DatasetsError) as error:
        raise DataError(f"{name} cannot be read: {' '.join(str(error).split())}") from error


def _rows_of_files(
    hub_files: tuple[HubFile, ...], classes: Classes, read: ReadFile
) -> Iterator[tuple[FileRow, Classes]]:
    columns = _columns(hub_files[0]) if hub_files else {}
    for file in hub_files:
        file_classes = {**files.class_names(file), **classes}
        for row in read(file):
            values = None if row.values is None else columns | row.values
            yield FileRow(row.number, values, row.reason, row.too_large), file_classes


def _columns(file: HubFile) -> dict[str, None]:
    """Return the columns of the first rows of a JSON file, each with the value None: {"prompt": None, "topic": None}.

    Rows of other formats have all columns, so for them this returns {}.
    """
    if FORMATS[suffix_of(file)] != "JSON":
        return {}
    return {column: None for row in islice(files.read_rows(file), ROWS_WITH_ALL_COLUMNS) for column in row.values or ()}


def _streamed_rows(stream: IterableDataset, name: str) -> Iterator[tuple[FileRow, Classes]]:
    # Pictures and sounds may be damaged, and the libraries that decode them may be missing.
    rows = stream.decode(False) if stream.features else stream
    classes = _classes(stream)
    for number, values in enumerate(files.in_bounded_memory(iter(rows), name), 1):
        yield FileRow(number, values), classes


def _classes(described: DatasetInfo | IterableDataset) -> Classes:
    """Return the classes in the `features` of a dataset, or of the info in its card."""
    return classes_of(described.features.to_dict() if described.features else None)
