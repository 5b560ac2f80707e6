"""What would steer a terminal is shown, wherever it comes from."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import curation.cli
from curation.cli.output import Format, Output
from curation.cli.visible import visible, visible_json, visible_lines
from curation.errors import ConfigError
from tests.conftest import CommandLine

ESCAPES = {
    "\x1b[2J": "\\x1b[2J",
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x1b]8;;http://a\x1b\\": "\\x1b]8;;http://a\\x1b\\",
    "\x9b31m": "\\x9b31m",
    "\x7f\b\r": "\\x7f\\x08\\r",
    "\u202eexe.txt": "\\u202eexe.txt",
    "\u2066a\u2069": "\\u2066a\\u2069",
    "\u2028ok": "\\u2028ok",
    "\udc9b": "\\udc9b",
}
HOSTILE = "".join(ESCAPES)
STEERS = set("\x1b\x07\x9b\x7f\b\r\u202e\u2066\u2069\u2028\udc9b")
NAME = "a\x1b[2J\u202eb\x9bc"


@pytest.mark.parametrize(("text", "seen"), ESCAPES.items())
def test_characters_that_control_a_terminal_are_escaped(text: str, seen: str) -> None:
    assert visible(text) == seen


@pytest.mark.parametrize(
    "text", ["a b~", "\u00fc \u65e5\u672c \u05d0\u200f", "\U0001f469\u200d\U0001f467 e\u0301", "\\x1b"]
)
def test_other_characters_are_printed_unchanged(text: str) -> None:
    assert visible(text) == visible_lines(text) == visible_json(text) == text


def test_a_line_end_in_a_name_starts_no_new_line() -> None:
    assert visible("a\nok    token") == "a\\nok    token"
    assert visible_lines("x.toml is not valid:\n  a: no\nok    token") == "x.toml is not valid:\n  a: no\\nok    token"


def test_escaped_json_has_the_same_data() -> None:
    text = json.dumps({HOSTILE: [HOSTILE]}, ensure_ascii=False)
    assert json.loads(visible_json(text)) == {HOSTILE: [HOSTILE]}
    assert not set(visible_json(text)) & STEERS


@pytest.mark.parametrize("format", [Format.human, Format.json])
def test_all_methods_of_output_escape_control_characters(format: Format, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(format)
    out.note(HOSTILE)
    out.data(HOSTILE)
    out.error(ConfigError(HOSTILE, remedy=HOSTILE))
    out.trace(ValueError(HOSTILE))
    said = "".join(capsys.readouterr())
    assert not set(said) & STEERS
    assert said.count("\\x1b[2J") + said.count("\\u001b[2J") >= 4


def test_only_one_file_of_the_command_line_writes() -> None:
    """So that nothing can be printed past `write`; the live table of rich gets its texts through `visible`."""
    writers = set()
    for path in Path(curation.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                *("print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write", "stream.write"),
                *("traceback.print_exception", "traceback.print_exc"),
            }:
                writers.add(path.name)
    assert writers == {"output.py"}


@pytest.mark.slow
def test_names_of_files_folders_and_columns_cannot_control_the_terminal(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    folder.mkdir()
    rows = f"prompt,chosen,rejected,{NAME}\nWhy?,So.,{NAME},x\nWhy?,So.,,x\n"
    (folder / f"{NAME}.csv").write_text(rows, encoding="utf-8")
    (folder / "x.toml").write_text('name = "x"\n"a\\u001b[2J\\u202eb\\u009bc" = 1\n', encoding="utf-8")
    for arguments, names in (
        (["lint", str(folder)], ("\\x1b[2J", "\\u202e", "\\x9b")),
        (["lint", str(folder), "--format", "json"], ("\\u001b[2J", "\\u202e", "\\u009b")),
        (["check", str(folder / "x.toml")], ("\\x1b[2J", "\\u202e", "\\x9b")),
        (["check", f"none{NAME}.toml", "--debug"], ("\\x1b[2J", "\\u202e", "\\x9b")),
        (["lint", "a.csv", NAME], ("\\x1b[2J", "\\u202e", "\\x9b")),
        ([f"verb{NAME}"], ("\\x1b[2J", "\\u202e", "\\x9b")),
    ):
        done = CommandLine({}, tmp_path).run(*arguments, TERM="dumb", NO_COLOR="1")
        said = done.stdout + done.stderr
        assert not set(said) & STEERS, arguments
        assert [name for name in names if name not in said] == [], said
