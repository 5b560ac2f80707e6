"""Everything that a command prints: data on stdout, everything else on stderr, in the format of `--format`."""

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
from curation.environment import without_secrets
from curation.errors import CurationError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from curation.report import Report

WIDTH_WITHOUT_TERMINAL = 160


class Format(StrEnum):
    """human: sentences and hints. json: one object on stdout. quiet: only errors, and the exit code."""

    human = "human"
    json = "json"
    quiet = "quiet"


class Output:
    """Prints in one format. Nothing else in the package writes to stdout, stderr or a terminal for a command."""

    def __init__(self, format: Format) -> None:
        self.format = format

    @property
    def draws(self) -> bool:
        """Whether stderr is a terminal for people, on which progress can be drawn in place."""
        return self.format is Format.human and sys.stderr.isatty()

    @property
    def can_ask(self) -> bool:
        """Whether somebody can answer a question: stdin is a terminal."""
        return sys.stdin.isatty()

    @property
    def attended(self) -> bool:
        """Whether somebody reads what is printed and can answer: stdin and stdout are terminals."""
        return self.can_ask and sys.stdout.isatty()

    def report(self, report: Report, *, hint: str | None) -> None:
        """Print the report of a stage, and `hint`, the command to run next."""
        self.facts(report.model_dump_json(), report.lines)
        if hint is not None:
            self.note(f"Next: {hint}")

    def facts(self, fields: str, lines: Iterable[str], *, whole: bool = False) -> None:
        """Print a result on stdout: `fields`, an object as JSON, for programs, or the lines for people.

        With `whole` the lines are not broken, so that they can be copied.
        """
        if self.format is Format.json:
            _write_json(sys.stdout, without_secrets(fields))
        elif self.format is Format.human:
            _print_lines(sys.stdout, without_secrets("\n".join(map(visible, lines))), whole=whole)

    def note(self, sentence: str) -> None:
        """Print a sentence for people on stderr."""
        if self.format is Format.human:
            _print_lines(sys.stderr, without_secrets(visible(sentence, keep="\n")))

    def event(self, name: str, fields: Mapping[str, Any], *, lines: Iterable[str] = ()) -> None:
        """Print on stderr that something happened: an object with the fields for programs, or the lines for people."""
        if self.format is Format.json:
            _write_json(sys.stderr, without_secrets(json.dumps({"event": name, **fields}, ensure_ascii=False)))
        else:
            for line in lines:
                self.note(visible(line))

    def confirm(self, question: str) -> bool:
        """Ask a question on stderr, and return whether the answer is yes. Raises typer.Abort if there is no answer."""
        return typer.confirm(question, err=True)

    def ask(self, question: str, *, default: str | None) -> str:
        """Ask on stderr, and return the answer; raises typer.Abort if there is none."""
        return str(typer.prompt(question, default=default, err=True))

    def console(self) -> Console:
        """Return rich's console on stderr, to draw progress in place if `draws` is true."""
        from rich.console import Console

        return Console(stderr=True)

    def show(self, *parts: RenderableType) -> None:
        """Print parts that rich lays out on stdout, one below the other."""
        from rich.console import Console

        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
        with console.capture() as captured:
            for part in parts:
                console.print(part)
        _write(sys.stdout, captured.get())

    def data(self, text: str) -> None:
        """Print data on stdout, whatever the format."""
        _print_lines(sys.stdout, visible(text, keep="\n"), whole=True)

    def error(self, error: CurationError) -> None:
        """Print an error on stderr: a sentence, or an object with json."""
        if self.format is Format.json:
            fields = {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
            _write_json(sys.stderr, without_secrets(json.dumps(fields, ensure_ascii=False)))
        else:
            _print_lines(sys.stderr, without_secrets(visible_lines(f"Error: {error}")))

    def trace(self, error: BaseException) -> None:
        """Print the traceback of an error on stderr."""
        text = visible("".join(traceback.format_exception(error)), keep="\n")
        _write(sys.stderr, without_secrets(text))


COMMANDS = ("Next: ", "curation ", "eval ")
COLOURS = {"ok    ": "32", "up    ": "32", "WARN  ": "33", "FAIL  ": "31", "DOWN  ": "31", "Error:": "31"}
"""Marks at the beginning of a line, and the colour of each on a terminal (ECMA-48: 31 red, 32 green, 33 yellow)."""


def _print_lines(stream: TextIO, text: str, *, whole: bool = False) -> None:
    """Print lines for people. On a terminal they are broken between words, unless they stay `whole`."""
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
    """Write to stdout or stderr. Everything that is printed goes through here, after `curation.cli.visible`.

    If the reader of a pipe has closed it (`curation ... | head`), the rest of the output is left out, with one sentence
    about it. The work goes on, because it may have been paid for.
    """
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Without this, Python would fail again when it flushes the stream at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout:
            _write(sys.stderr, "Nobody reads the output any more; the rest of it is left out.\n")


def wrapped(line: str, width: int) -> list[str]:
    """Return a line in parts of at most `width` characters, broken between words; a longer word stays whole.

    Further parts are indented by two more than the line, or below the text after a mark such as "ok". Rows of tables
    (recognised by two blanks between words) and commands stay whole, because they would be hard to read or to copy.
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
    """Return a line with its mark in colour, if it begins with one."""
    for word, colour in COLOURS.items():
        if line.startswith(word):
            return f"\x1b[{colour}m{word}\x1b[0m{line[len(word) :]}"
    return line


def coloured_terminal() -> bool:
    """Whether colours are wanted: not if NO_COLOR is set (no-color.org)."""
    return not os.environ.get("NO_COLOR")
