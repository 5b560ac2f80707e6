"""deploy on the command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import pytest

from curation.hub import connect
from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack


def test_deploy_prints_calls_costs_and_each_secret_once(cli: CommandLine, stack: Stack) -> None:
    config, space = str(write_config(cli.folder, "lined")), "acme/lined-review"
    api = connect(stack.hub.url, stack.hub.token)

    rehearsal = cli.json("deploy", "argilla", config, "--dry-run")
    assert rehearsal["url"] is None
    assert rehearsal["calls"][1].startswith(f"create_repo({space!r}, repo_type='space', space_sdk='docker'")
    assert rehearsal["made"] == {}
    assert not api.repo_exists(space, repo_type="space")

    stack.hub.fail("^/api/repos/create$", status=402, body={"error": "no plan"})
    sentence = cli.error("deploy", "argilla", config)
    assert "What costs nothing: `curation local up` on a laptop" in sentence

    # As if an earlier run had been interrupted here. This Hub runs no Space, so the Argilla of the stack is it.
    api.create_repo(space, repo_type="space", space_sdk="docker")
    stack.hub.serve_space(space, stack.argilla.url)
    done = cli.run("deploy", "argilla", config, ARGILLA_API_KEY="", ARGILLA_PASSWORD="")
    assert done.returncode == 0, done.stderr
    key, password, *rest = done.stdout.splitlines()
    assert key.startswith("ARGILLA_API_KEY = ")
    assert password.startswith("ARGILLA_PASSWORD = ")
    assert rest[0].startswith(f"{space} answers at {stack.argilla.url}.")
    assert "Only members of acme may sign in." in done.stdout
    assert "PRO ($9 a month)" in done.stderr
    assert f"ARGILLA_API_URL={stack.argilla.url} curation check {config}" in done.stderr

    again = cli.json("deploy", "argilla", config, ARGILLA_API_KEY="")
    assert (again["calls"], again["made"], again["url"]) == ([], {}, stack.argilla.url)
    assert "exclude each other" in cli.error("deploy", "argilla", config, "--org", "acme", "--anyone")


def test_check_says_what_a_space_takes_and_costs(cli: CommandLine) -> None:
    config = str(write_config(cli.folder, "costly"))
    report = cli.json("check", config, exit_code=1, ARGILLA_API_URL="", ARGILLA_API_KEY="")
    [wanted] = [finding["message"] for finding in report["findings"] if finding["subject"] == "space"]
    assert wanted.startswith("there is none yet. `curation deploy argilla` makes one. A Docker Space takes a paid plan")
    for words in (
        "PRO ($9 a month)",
        "cpu-basic",
        "free of charge",
        "`curation local up`",
        "spaces/argilla/compose.yaml",
    ):
        assert words in wanted
