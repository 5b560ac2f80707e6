"""All that a command says: data on stdout, everything else on stderr, in the format that was asked for."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

import typer

from curation.cli.visible import visible, visible_json, visible_lines
from curation.errors import CurationError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from curation.report import Report

WIDTH_WITHOUT_TERMINAL = 160


class Format(StrEnum):
    """human: sentences and hints; json: one object on stdout; quiet: exit codes and errors only."""

    human = "human"
    json = "json"
    quiet = "quiet"


class Output:
    """Says things in one format. Nothing else in the package writes to stdout, stderr or a terminal for a command."""

    def __init__(self, format: Format) -> None:
        self.format = format

    @property
    def draws(self) -> bool:
        """Whether people look at a terminal, on which what changes can be drawn in place."""
        return self.format is Format.human and sys.stderr.isatty()

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there who can answer a question."""
        return sys.stdin.isatty()

    @property
    def attended(self) -> bool:
        """Whether somebody sits at a terminal who reads what is printed and can answer."""
        return self.can_ask and sys.stdout.isatty()

    def report(self, report: Report, *, hint: str | None) -> None:
        """Print what a stage gave back; `hint` is the command to run next."""
        self.facts(report.model_dump_json(), report.lines)
        if hint is not None:
            self.note(f"Next: {hint}")

    def facts(self, fields: str, lines: Iterable[str], *, whole: bool = False) -> None:
        """Print on stdout what was found out: programs get the `fields`, an object as JSON, and people the lines.

        Lines that are to be copied stay `whole`.
        """
        if self.format is Format.json:
            _write_json(sys.stdout, fields)
        elif self.format is Format.human:
            _say(sys.stdout, "\n".join(map(visible, lines)), whole=whole)

    def note(self, sentence: str) -> None:
        """Print a sentence for people on stderr."""
        if self.format is Format.human:
            _say(sys.stderr, visible(sentence, keep="\n"))

    def event(self, name: str, fields: Mapping[str, Any], *, lines: Iterable[str] = ()) -> None:
        """Tell stderr that something happened: programs get an object with the fields, people the lines."""
        if self.format is Format.json:
            _write_json(sys.stderr, json.dumps({"event": name, **fields}, ensure_ascii=False))
        else:
            for line in lines:
                self.note(visible(line))

    def confirm(self, question: str) -> bool:
        """Ask on stderr, and return whether the answer is yes; raises typer.Abort if there is none."""
        return typer.confirm(question, err=True)

    def ask(self, question: str, *, default: str | None) -> str:
        """Ask on stderr, and return the answer; raises typer.Abort if there is none."""
        return str(typer.prompt(question, default=default, err=True))

    def console(self) -> Console:
        """Return rich's console on stderr, for what is drawn in place where `draws` is true."""
        from rich.console import Console

        return Console(stderr=True)

    def show(self, *parts: RenderableType) -> None:
        """Print on stdout what rich lays out for people, one part below the other."""
        from rich.console import Console

        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
        with console.capture() as captured:
            for part in parts:
                console.print(part)
        _write(sys.stdout, captured.get())

    def data(self, text: str) -> None:
        """Print data on stdout, whatever the format."""
        _say(sys.stdout, visible(text, keep="\n"), whole=True)

    def error(self, error: CurationError) -> None:
        """Print what went wrong: a sentence, or with json an object on stderr."""
        if self.format is Format.json:
            fields = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
            _write_json(sys.stderr, json.dumps(fields, ensure_ascii=False))
        else:
            _say(sys.stderr, visible_lines(f"Error: {error}"))

    def trace(self, error: BaseException) -> None:
        """Print the traceback of an error on stderr."""
        _write(sys.stderr, visible("".join(traceback.format_exception(error)), keep="\n"))


COMMANDS = ("Next: ", "curation ", "eval ")
COLOURS = {"ok    ": "32", "up    ": "32", "FAIL  ": "31", "DOWN  ": "31", "Error:": "31"}
"""The words that a line may begin with, and the colour of each on a terminal (ECMA-48: 31 is red, 32 green)."""


def _say(stream: TextIO, text: str, *, whole: bool = False) -> None:
    """Print lines for people; on a terminal they are broken between words unless they are to be copied `whole`."""
    if stream.isatty():
        lines = text.split("\n")
        if not whole:
            width = shutil.get_terminal_size().columns
            lines = [part for line in lines for part in wrapped(line, width)]
        text = "\n".join(map(coloured, lines) if coloured_terminal() else lines)
    _write(stream, text + "\n")


def _write_json(stream: TextIO, text: str) -> None:
    """Write one line of JSON."""
    _write(stream, visible_json(text) + "\n")


def _write(stream: TextIO, text: str) -> None:
    """Write to stdout or stderr. Everything that is printed comes through here, after `curation.cli.visible`.

    Whoever reads a pipe may have gone (`curation ... | head`): then the rest is left out, which is said once, and the
    work goes on, because it may have been paid for.
    """
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Else Python fails once more when it flushes the stream at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout:
            _write(sys.stderr, "Nobody reads the output any more; the rest of it is left out.\n")


def wrapped(line: str, width: int) -> list[str]:
    """Return a line in parts of at most `width` characters, broken between words; a longer word stays whole.

    What follows the first part is indented by two more than the line is, or below the words behind a mark such as
    "ok". A row of a table, in which words stand apart, and a command, which is to be copied, stay whole too.
    """
    mark = next((word for word in COLOURS if line.startswith(word) and word.endswith(" ")), "")
    text = line[len(mark) :].lstrip()
    if len(line) <= width or "  " in text or text.startswith(COMMANDS):
        return [line]
    indent = len(line) - len(text)
    return textwrap.wrap(
        text,
        max(width, 20 + indent),
        initial_indent=line[:indent],
        subsequent_indent=" " * (indent if mark else indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def coloured(line: str) -> str:
    """Return a line with the word that it begins with in colour, if that says whether something is well."""
    for word, colour in COLOURS.items():
        if line.startswith(word):
            return f"\x1b[{colour}m{word}\x1b[0m{line[len(word) :]}"
    return line


def coloured_terminal() -> bool:
    """Whether terminals get colours: not if NO_COLOR is set (no-color.org)."""
    return not os.environ.get("NO_COLOR")
