"""The command line as a program among others: its version, help and completion, pipes that close, folders nowhere."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import CommandLine

PAIR = '{"prompt": "Why?", "chosen": "So.", "rejected": ""}\n'
NOWHERE = "/proc/nowhere/at-all"
"""Where not even root can make a folder."""


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    """The command line without any service."""
    return CommandLine({}, tmp_path)


def test_the_version_is_printed(line: CommandLine) -> None:
    done = line.run("--version")
    assert (done.returncode, done.stdout) == (0, f"curation {version('curation')}\n")


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], ["generate"], ["local"], ["local", "up"], ["cache", "prune"]])
def test_every_command_prints_its_help_with_h(line: CommandLine, command: list[str]) -> None:
    short, long = line.run(*command, "-h"), line.run(*command, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert "Usage:" in short.stdout


@pytest.mark.slow
def test_lists_of_verbs_have_whole_sentences_and_are_shown_if_a_verb_is_missing(line: CommandLine) -> None:
    whole = "Run all steps on this machine, with a small model and simulated reviewers."
    assert whole in " ".join(line.run("--help").stdout.split())
    missing = line.run("local")
    assert missing.returncode == 2
    assert "  down    Stop the servers, and keep their data.\n" in missing.stderr


@pytest.mark.slow
def test_a_shell_can_complete_verbs_and_options(line: CommandLine) -> None:
    def completed(words: str, place: int) -> list[str]:
        asked = {"_CURATION_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        return line.run(**asked).stdout.split()

    assert completed("curation ge", 1) == ["generate"]
    assert completed("curation local ", 2) == ["up", "down", "status", "env", "batch"]
    assert "--only-missing" in completed("curation generate --", 2)
    assert "_CURATION_COMPLETE=complete_bash" in line.run("--show-completion", SHELL="/bin/bash").stdout


@pytest.mark.slow
def test_a_closed_pipe_gives_a_sentence_and_the_usual_exit_code(line: CommandLine) -> None:
    (line.folder / "pairs.jsonl").write_text(PAIR)
    read = line.run("lint", "pairs.jsonl")
    assert read.returncode == 1
    code, said = line.unread("lint", "pairs.jsonl", stderr_too=False)
    assert (code, said) == (1, "Nobody reads the output any more; the rest of it is left out.\n")
    assert line.unread("lint", "pairs.jsonl") == (1, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs Linux")
def test_a_folder_that_the_stack_cannot_create_is_refused_with_a_sentence(line: CommandLine) -> None:
    said = line.error("local", "up", "--folder", NOWHERE)
    assert said.startswith(f"Error: The stack cannot keep its data in {NOWHERE}: ")
    assert "--folder" in said
    (line.folder / "file").write_text("")
    assert "cannot keep its data" in line.error("local", "up", "--folder", "file/below")
    assert "No stack runs in" in line.run("local", "down", "--folder", NOWHERE).stderr
