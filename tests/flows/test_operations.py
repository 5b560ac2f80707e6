"""What docs/operations.md says about things that break is what happens, on the real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.local import Stack
from tests.conftest import CommandLine
from tests.flows.test_loop import always, argilla, dataset_id, published, pushed, review

pytestmark = pytest.mark.stack

NOBODY = "http://127.0.0.1:9"


def rows(stack: Stack, cli: CommandLine, name: str) -> list[str]:
    return sorted(str(row["prompt"]) for row in published(stack, cli.folder, name, "dpo"))


def test_exit_codes_tell_a_schedule_what_somebody_must_mend(cli: CommandLine, stack: Stack) -> None:
    name = "on-call"
    config = pushed(cli, name)
    assert cli.run("refresh", config).returncode == 0
    review(stack, name, **{"on-call-one": always("a"), "on-call-two": always("a")})
    assert cli.run("refresh", config).returncode == 0
    before = rows(stack, cli, name)
    assert len(before) == 6

    assert "HF_TOKEN was refused (401)" in cli.error("refresh", config, HF_TOKEN="hf_expired")
    assert "ARGILLA_API_KEY" in cli.error("refresh", config, ARGILLA_API_KEY="expired-key")
    assert "did not answer" in cli.error("refresh", config, exit_code=3, HF_ENDPOINT=NOBODY, CURATION_PATIENCE="1")
    assert "answer" in cli.error("refresh", config, exit_code=3, ARGILLA_API_URL=NOBODY, CURATION_PATIENCE="1")
    assert cli.run("refresh", config, "--no-such-option").returncode == 2

    # A publish was wrong: the config is corrected, and the same rows are there again.
    right = Path(config).read_text()
    Path(config).write_text(right.replace("[publish]\n", '[publish]\nformats = ["kto"]\n'))
    assert "kto" in cli.run("publish", config, "--dry-run").stdout
    refused = cli.error("refresh", config)
    assert "max_shrink" in refused
    assert "--allow-shrink" in refused
    assert cli.run("publish", config, "--allow-shrink").returncode == 0
    Path(config).write_text(right)
    assert cli.json("refresh", config)["publish"]["rows"] == {"dpo": 6, "kto": 12}
    assert rows(stack, cli, name) == before
    assert cli.run("verify", config).returncode == 0


def test_after_a_reset_or_a_reviewer_who_left_the_rows_are_the_same(cli: CommandLine, stack: Stack) -> None:
    name = "on-call-reset"
    config = pushed(cli, name)
    review(stack, name, **{"reset-one": always("a"), "reset-two": always("a")})
    cli.json("refresh", config)
    before = rows(stack, cli, name)

    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
    assert "curation restore" in cli.error("refresh", config)
    assert cli.run("restore", config).returncode == 0
    assert cli.json("refresh", config)["sync"]["added"] == 0
    assert rows(stack, cli, name) == before

    with argilla(stack) as http:
        [user] = [item["id"] for item in http.get("/users").json()["items"] if item["username"] == "reset-one"]
        http.delete(f"/users/{user}").raise_for_status()
    # Argilla moves nothing when an account is deleted, so the next full pass sees it.
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("\n[review]\nfull_every = 0\n")
    left = cli.run("refresh", config)
    assert left.returncode == 0, left.stderr
    assert "No longer in the workspace: reset-one (6 responses). Their answers are kept" in left.stdout
    assert rows(stack, cli, name) == before
    assert cli.json("sync", config, "--forget", "reset-one")["forgotten"] == 6
    assert cli.run("refresh", config).returncode == 0
    assert rows(stack, cli, name) == before
