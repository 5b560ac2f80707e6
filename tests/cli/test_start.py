"""`curation recipes` and `curation init`, as somebody uses them who has no config yet."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import CommandLine
from tests.terminal import on_a_terminal


def repos(cli: CommandLine, file: str) -> tuple[str, str, str]:
    values = tomllib.loads((cli.folder / file).read_text())
    return values["name"], values["publish"]["repo_id"], values["store"]["repo_id"]


@pytest.mark.stack
def test_on_a_terminal_three_questions_make_a_file(cli: CommandLine) -> None:
    without_account = CommandLine({**cli.settings, "HF_TOKEN": ""}, cli.folder)
    code, text = on_a_terminal(without_account, "init", types="haiku_kto\nverse\nann\n")
    assert code == 0, text
    assert re.search("^preference +Prompts of Dolly", text, re.MULTILINE)
    assert "Which recipe? [preference]: " in text
    assert "What is the curation called? [haiku]: " in text
    assert "Which user or organisation on the Hub gets the repos?: " in text
    assert "Next: curation check verse.toml" in text
    assert repos(cli, "verse.toml") == ("verse", "ann/verse", "ann/verse-store")


@pytest.mark.stack
def test_with_yes_nothing_is_asked_and_the_repos_are_those_of_the_account(cli: CommandLine) -> None:
    code, text = on_a_terminal(cli, "init", "--yes")
    assert code == 0, text
    assert "?" not in text
    name, published, store = repos(cli, "helpful.toml")
    assert (name, published.partition("/")[2], store.partition("/")[2]) == ("helpful", "helpful", "helpful-store")
    assert published.partition("/")[0] != "acme"
    assert "is there already, and stays as it is" in cli.error("init", "--yes")


@pytest.mark.stack
def test_without_a_terminal_nothing_is_asked_either(cli: CommandLine) -> None:
    report = cli.json("init", "haiku_kto", "--owner", "ann", "--output", "a/b.toml")
    assert (report["path"], report["owner"], report["published"]) == ("a/b.toml", "ann", "ann/haiku")
    assert set(cli.json("recipes")["recipes"]) >= {"haiku_kto", "preference"}
    assert "There is no recipe 'x'; there are " in cli.error("init", "x")
