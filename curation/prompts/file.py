"""Prompts from a local JSONL, Parquet or CSV file, recorded with the hash of its content."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from curation.errors import DataError, MissingError
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt

SUFFIXES = (".jsonl", ".parquet", ".csv")
CSV_FIELD_LIMIT = 1 << 30


class FilePrompts(PromptColumns):
    """`[prompts] type = "file"`: one column of a .jsonl, .parquet or .csv file."""

    type: Literal["file"] = "file"
    path: Path

    @field_validator("path")
    @classmethod
    def _known_suffix(cls, path: Path) -> Path:
        if path.suffix not in SUFFIXES:
            raise ValueError(f"must end in {', '.join(SUFFIXES)}")
        return path

    def resolve(self, *, endpoint: str, token: str | None) -> str:
        """Return the source with 16 hex digits of the file's SHA-256: "prompts.jsonl@0123456789abcdef".

        Raises MissingError if there is no such file. The Hub's `endpoint` and `token` are not used.
        """
        if not self.path.is_file():
            raise MissingError(f"There is no file {self.path}.", remedy="Correct `path` under [prompts].")
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{self.path.name}@{digest[:16]}"

    def load(self, source: str, *, endpoint: str, token: str | None) -> Iterator[Prompt | Drop]:
        """Yield a prompt or a drop per row of the file; DataError names the line that cannot be read."""
        readers = {".jsonl": _jsonl, ".parquet": _parquet, ".csv": _csv}
        return read_prompts(readers[self.path.suffix](self.path), self, source=source)


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}, line {number}, is not JSON: {error}.") from error
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}, is not a JSON object.")
            yield row


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    # The default limit of 128 KiB a field would refuse long prompts that every other format takes.
    csv.field_size_limit(CSV_FIELD_LIMIT)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.DictReader(file)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from error


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1000):
            yield from batch.to_pylist()
    except ArrowException as error:
        raise DataError(f"{path} is not a Parquet file: {error}.") from error
