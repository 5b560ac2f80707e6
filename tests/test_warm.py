"""A command in a fork of the warm interpreter does what it does in an interpreter of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.local import Stack
from tests.between import Between, once
from tests.configs import write_config
from tests.conftest import WARM, CommandLine
from tests.warm import WarmInterpreter

pytestmark = pytest.mark.stack


@pytest.fixture
def warm(cli: CommandLine) -> WarmInterpreter:
    return WARM[0]


def test_a_command_in_a_fork_ends_and_writes_as_in_an_interpreter_of_its_own(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(write_config(cli.folder, "warm"))
    commands = [("push", "missing.toml"), ("status", config), ("check", config, "--format", "json"), ("lint", "--fast")]
    forked = [cli.run(*command) for command in commands]
    monkeypatch.setattr("tests.conftest.WARM", [])
    for command, ours in zip(commands, forked, strict=True):
        own = cli.run(*command)
        assert (ours.returncode, ours.stdout, ours.stderr) == (own.returncode, own.stdout, own.stderr), command
    assert [ours.returncode for ours in forked] == [1, 0, 0, 2]


def test_a_fork_keeps_what_it_downloads_in_the_folder_of_its_command(cli: CommandLine, warm: WarmInterpreter) -> None:
    config = str(write_config(cli.folder, "warm-home"))
    cli.json("generate", config)
    assert [path.name for path in (cli.folder / "hf").iterdir()]
    elsewhere = CommandLine(cli.settings, cli.folder / "elsewhere")
    elsewhere.folder.mkdir()
    elsewhere.json("push", config)
    assert [path.name for path in (elsewhere.folder / "hf").iterdir()]


def test_a_command_that_begins_while_another_runs_has_an_interpreter_of_its_own(cli: CommandLine, stack: Stack) -> None:
    config = str(write_config(cli.folder, "warm-twice"))
    codes: list[int] = []
    act = once(
        lambda request: "/api/v1/me" in request, lambda: codes.append(cli.run("push", "missing.toml").returncode)
    )
    with Between(stack.argilla.url, act) as argilla:
        cli.json("generate", config)
        codes.append(cli.run("push", config, ARGILLA_API_URL=argilla.url).returncode)
    assert codes == [1, 0]


def test_commands_run_by_turns_in_interpreters_that_hash_strings_differently(cli: CommandLine) -> None:
    turns = []
    for _ in range(4):
        turns.append(WARM[0])
        cli.run("push", "missing.toml")
    assert turns[0] is turns[2] is not turns[1] is turns[3]


def test_only_a_verb_with_the_variables_of_the_stack_is_forked(
    cli: CommandLine, warm: WarmInterpreter, tmp_path: Path
) -> None:
    environment = cli.environment()
    assert warm.fits(("push", "a.toml"), environment)
    assert warm.fits(("push", "a.toml"), {**environment, "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_other"})
    assert not warm.fits(("push", "a.toml"), {**environment, "HF_ENDPOINT": "http://127.0.0.1:9"})
    assert not warm.fits(("push", "a.toml"), {**environment, "HF_HUB_OFFLINE": "1"})
    assert not warm.fits(("serve", "a.toml"), environment)
    assert not warm.fits((), environment)
