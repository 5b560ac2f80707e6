"""The folder of the sync Space fits the server that it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import typer
import yaml

from curation.cli.app import app

SPACE = Path(__file__).parent.parent / "spaces" / "sync"
DOCKERFILE = (SPACE / "Dockerfile").read_text(encoding="utf-8")
README = (SPACE / "README.md").read_text(encoding="utf-8")


def command() -> list[str]:
    """Return the command that the container runs."""
    [line] = re.findall(r"^CMD (.+)$", DOCKERFILE, re.M)
    return [str(word) for word in json.loads(line)]


def test_the_container_runs_a_command_that_there_is() -> None:
    program, verb, *arguments = command()
    commands: Any = typer.main.get_command(app)
    assert program == "curation"
    with commands.commands[verb].make_context(verb, arguments) as context:
        # Only inside a container everything may be listened to, so the file says it in so many words.
        assert (context.params["host"], str(context.params["config"])) == ("0.0.0.0", "curation.toml")


def test_the_card_names_the_port_and_asks_for_the_sign_in() -> None:
    card = yaml.safe_load(README.split("---")[1])
    assert (card["sdk"], card["hf_oauth"]) == ("docker", True)
    assert str(card["app_port"]) == command()[-1]


def test_the_variables_of_the_readme_are_read_by_the_package() -> None:
    known = (SPACE.parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:CURATION|ARGILLA|HF)_[A-Z_]+\b", README))
    assert len(named) >= 6
    assert {name for name in named if f"| `{name}` |" not in known} == set()
