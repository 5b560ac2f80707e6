"""Prompts from a local file. The store records the file's name with the hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from curation import files
from curation.errors import DataError, MissingError
from curation.files import SUFFIXES, TEXT_COLUMN, suffix_of, with_class_names
from curation.prompts.rows import PromptColumns, read_prompts
from curation.types import Drop, Prompt


class FilePrompts(PromptColumns):
    """`[prompts] type = "file"`: reads one column of a file. In a .txt file each line is a prompt."""

    type: Literal["file"] = "file"
    """`"hub"`, `"file"`, `"list"`, `"documents"`, `"preferences"` or `"answers"`."""
    path: Path
    """A .jsonl, .ndjson, .json, .csv, .tsv, .txt (each also as .gz), .parquet or .arrow file; relative to the TOML
    file. Its hash is recorded. Each line of a .txt file is a prompt. How files are read."""

    @field_validator("path")
    @classmethod
    def _known_suffix(cls, path: Path) -> Path:
        if not suffix_of(path):
            raise ValueError(f"must end in {', '.join(SUFFIXES)}, or in .gz behind one of these")
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
        """Yield a Prompt or a Drop for each row of the file. Raises DataError with the line that cannot be read."""
        return read_prompts(self.rows(source, endpoint=endpoint, token=token), self, source=source)

    def rows(self, source: str, *, endpoint: str, token: str | None) -> Iterator[dict[str, Any] | str]:
        """Yield the values of each row by column, or the reason (a text) why the row is left out."""
        names = files.class_names(self.path)
        is_text = suffix_of(self.path) == ".txt"
        for row in files.read_rows(self.path):
            if row.too_large:
                yield "row_too_large"
            elif row.values is None:
                raise DataError(
                    f"{self.path}, line {row.number}, is {row.reason}.",
                    remedy="In a .jsonl file each line is an object; if the file is one array, name it .json.",
                )
            elif is_text:
                yield {self.column: row.values[TEXT_COLUMN]}
            else:
                yield with_class_names(row.values, names)
