"""What a command says: data on stdout, everything else on stderr, in the format that was asked for."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from curation.errors import CurationError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from curation.stages import Report


class Format(StrEnum):
    """human: sentences and hints; json: one object on stdout; quiet: exit codes and errors only."""

    human = "human"
    json = "json"
    quiet = "quiet"


class Output:
    """Says things in one format."""

    def __init__(self, format: Format) -> None:
        self.format = format

    def report(self, report: Report, *, hint: str | None) -> None:
        """Print what a stage gave back; `hint` is the command to run next."""
        if self.format is Format.json:
            sys.stdout.write(report.model_dump_json() + "\n")
        elif self.format is Format.human:
            sys.stdout.write("\n".join(report.lines) + "\n")
            sys.stdout.flush()
            if hint is not None:
                self.note(f"Next: {hint}")

    def note(self, sentence: str) -> None:
        """Print a sentence for people on stderr."""
        if self.format is Format.human:
            sys.stderr.write(sentence + "\n")
            sys.stderr.flush()

    def event(self, name: str, fields: BaseModel, *, line: str) -> None:
        """Tell stderr that something happened: people get the line, programs an object."""
        if self.format is Format.json:
            sys.stderr.write(json.dumps({"event": name, **fields.model_dump()}) + "\n")
            sys.stderr.flush()
        else:
            self.note(line)

    def data(self, text: str) -> None:
        """Print data on stdout, whatever the format."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def error(self, error: CurationError) -> None:
        """Print what went wrong: a sentence, or with json an object on stderr."""
        if self.format is Format.json:
            fields = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
            sys.stderr.write(json.dumps(fields, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(f"Error: {error}\n")
