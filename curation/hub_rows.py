"""Rows of a dataset on the Hub, read as needed: by the reader of files where it can, else as `datasets` streams them.

Both take a bounded amount of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal, cast

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
    from huggingface_hub import HfFileSystem

PROTOCOL = "hf://"
"""How `datasets` names files on the Hub: hf://datasets/owner/name@revision/path."""
READ_HERE = {"parquet": ("Parquet",), "arrow": ("Arrow",), "json": ("JSON",), "csv": ("CSV", "TSV"), "text": ("text",)}
"""The formats that the reader of files knows, by what `datasets` calls them."""
DESCRIBING = ("name", "version", "data_dir", "data_files", "description", "features")
"""What a config of `datasets` says of itself and of its files; all else says how these are read."""
ROWS_WITH_ALL_COLUMNS = 1000
"""So many rows of JSON tell the columns of a split: a row that lacks one has null there, as in `datasets`."""

Classes = Mapping[str, tuple[str, ...]]
ReadFile = Callable[[File], Iterator[FileRow]]


@dataclass(frozen=True, slots=True)
class HubSplit:
    """One split of a dataset on the Hub; `rows()` reads it from its start, with numbers from 1."""

    name: str
    rows: Callable[[], Iterator[FileRow]]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a dataset on the Hub, which is read as one of this machine; only what is needed is fetched."""

    path: str
    """Such as hf://datasets/owner/name@revision/data/train.jsonl."""
    file_system: HfFileSystem

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return PurePosixPath(self.path).name

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Return the content from its start."""
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
    """Return the splits of a config at a commit; null is the config that `datasets` takes without one.

    `read` gives the rows of a file that the reader of files knows. Columns of classes have names in place of numbers,
    but for those in `as_numbers`. Pictures and sounds stay bytes. Only the list of files is read here, and the card; of
    files that `datasets` reads, the first rows too. Raises what `datasets` raises if there is no such dataset or
    config; `rows()` raises DataError if a file cannot be read, and what `hub_errors` raises.
    """
    import datasets

    require_endpoint(endpoint)
    # The rows are streamed; what is kept in a cache is the card and the like, of a dataset that may be private.
    with private_files(), files.bounded_memory(repo_id):
        builder = datasets.load_dataset_builder(repo_id, config, revision=revision, token=token)
        hub_files = _files(builder, endpoint, token)
        readers: dict[str, Reader] = {}
        for split, split_files in hub_files.items():
            readers[split] = partial(_rows_of_files, split_files, _classes(builder.info), read)
        if not hub_files:
            for split, rows in builder.as_streaming_dataset().items():
                readers[str(split)] = partial(_streamed_rows, rows, f"{repo_id}, {split},")
    return tuple(
        HubSplit(split, partial(_rows, reader, f"{repo_id}, {split},", repo_id, endpoint, token, frozenset(as_numbers)))
        for split, reader in readers.items()
    )


def _files(builder: Any, endpoint: str, token: str | None) -> dict[str, tuple[HubFile, ...]]:
    """Return the files of each split if the reader of files reads all of them as `datasets` would; none otherwise."""
    from huggingface_hub import HfFileSystem

    system = HfFileSystem(endpoint=endpoint, token=token or False)
    named = builder.config.data_files or {}
    hub_files = {str(split): tuple(HubFile(path, system) for path in paths) for split, paths in named.items()}
    every = [file for split_files in hub_files.values() for file in split_files]
    formats = READ_HERE.get(builder.name, ())
    known = all(_is_on_the_hub(file) and FORMATS.get(suffix_of(file)) in formats for file in every)
    return hub_files if known and not _has_options(builder) and not _has_types(builder) else {}


def _is_on_the_hub(file: HubFile) -> bool:
    """Whether a file is one of a repo, and not one within an archive or elsewhere."""
    return file.path.startswith(PROTOCOL) and "::" not in file.path


def _has_options(builder: Any) -> bool:
    """Whether the card says how the files are read, such as the `field` of JSON that holds the rows."""
    config, plain = builder.config, type(builder.config)()
    options = {field.name for field in fields(config)} - set(DESCRIBING)
    changed = {name for name in options if getattr(config, name) != getattr(plain, name)}
    tabs = changed == {"sep"} and config.sep == "\t"
    return bool(changed) and not tabs


def _has_types(builder: Any) -> bool:
    """Whether the card names the types of columns, which files of text do not have: `datasets` converts them."""
    return builder.info.features is not None and builder.name not in ("parquet", "arrow")


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


def _rows_of_files(
    hub_files: tuple[HubFile, ...], classes: Classes, read: ReadFile
) -> Iterator[tuple[FileRow, Classes]]:
    columns = _columns(hub_files[0]) if hub_files else {}
    for file in hub_files:
        in_file = {**files.class_names(file), **classes}
        for row in read(file):
            values = None if row.values is None else columns | row.values
            yield FileRow(row.number, values, row.reason, row.too_large), in_file


def _columns(file: HubFile) -> dict[str, None]:
    """Return the columns of the first rows of a JSON file, each with null; none of others, whose rows have them all."""
    if FORMATS[suffix_of(file)] != "JSON":
        return {}
    return {column: None for row in islice(files.read_rows(file), ROWS_WITH_ALL_COLUMNS) for column in row.values or ()}


def _streamed_rows(stream: Any, name: str) -> Iterator[tuple[FileRow, Classes]]:
    # What opens pictures and sounds need not be there, and they may be damaged.
    rows = stream.decode(False) if stream.features else stream
    classes = _classes(stream)
    for number, values in enumerate(files.in_bounded_memory(iter(rows), name), 1):
        yield FileRow(number, values), classes


def _classes(described: Any) -> Classes:
    """Return the classes in the `features` of a dataset or of what its card says."""
    return classes_of(described.features.to_dict() if described.features else None)
