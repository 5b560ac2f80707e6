"""Every command that a page tells people to run exists, with its options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from curation.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("spaces/*/README.md")])
VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SPAN = re.compile(r"`([^`]+)`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = {"sh", "shell", "bash"}
COMMAND = re.compile(r"(?:^|[ /;(])curation ([a-z]+)((?:[ \n]+(?![#|&>;])[^\s)`;]+)*)")


def commands_of(page: Path) -> list[tuple[str, list[str]]]:
    """Return what the page says after `curation`: [("schedule", ["CONFIG", "--on", "jobs"])]."""
    text = page.read_text(encoding="utf-8")
    lines = [line for language, block in BLOCK.findall(text) if language in SHELLS for line in block.splitlines()]
    spans = [span.replace("\n", " ") for span in SPAN.findall(BLOCK.sub("", text)) if span.startswith("curation ")]
    return [(match[1], match[2].split()) for written in (*lines, *spans) for match in COMMAND.finditer(written)]


def fault(verb: str, words: list[str]) -> str | None:
    """Return what of a command does not exist, None if all does."""
    command: Any = VERBS.get(verb)
    if command is None:
        return verb
    if hasattr(command, "commands") and words and not words[0].startswith("-"):
        verb, words = words[0], words[1:]
        command = command.commands.get(verb)
        if command is None:
            return verb
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((word for word in unknown if word not in {*options, "--help", "--version"}), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    assert [(verb, words) for verb, words in commands_of(page) if fault(verb, words) is not None] == []


def test_the_page_for_the_person_on_call_names_what_mends() -> None:
    verbs = {verb for verb, _ in commands_of(ROOT / "docs" / "operations.md")}
    assert verbs >= {"check", "deploy", "explain", "publish", "refresh", "restore", "schedule", "sync", "verify"}


def test_a_command_or_an_option_that_is_gone_is_noticed() -> None:
    assert fault("no-such-verb", []) == "no-such-verb"
    assert fault("deploy", ["nothing", "CONFIG"]) == "nothing"
    assert fault("publish", ["CONFIG", "--no-such-option"]) == "--no-such-option"
    assert fault("deploy", ["sync", "CONFIG", "--renew-secrets"]) is None
