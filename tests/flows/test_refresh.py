"""refresh: sync and publish in one command, as a schedule runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.test_loop import always, argilla, dataset_id, heads, published, pushed, review

pytestmark = pytest.mark.stack


def test_a_refresh_copies_responses_and_publishes_their_rows(cli: CommandLine, stack: Stack) -> None:
    name = "refreshed"
    config = str(write_config(cli.folder, name))
    cli.json("generate", config)
    assert "Run `curation push` first" in cli.error("refresh", config)
    cli.json("push", config)

    before_any_response = cli.json("refresh", config)
    assert (before_any_response["sync"]["responses"], before_any_response["publish"]) == (0, None)
    assert before_any_response["no_rows"].startswith("No row to publish from 6 records")

    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    first = cli.json("refresh", config)
    assert (first["sync"]["added"], first["publish"]["rows"]) == (12, {"dpo": 6, "kto": 12})
    assert len(published(stack, cli.folder, name, "dpo")) == 6

    there = heads(stack, name)
    sync_line, publish_line = cli.run("refresh", config).stdout.splitlines()
    assert sync_line.startswith("sync: 12 responses (12 submitted) to 6 records: nothing changed in Argilla")
    assert publish_line.startswith("publish: Nothing new: 6 dpo, 12 kto rows at ")
    assert heads(stack, name) == there


def test_a_refresh_shows_what_was_synced_also_if_its_publish_is_refused(cli: CommandLine, stack: Stack) -> None:
    name = "refresh-refused"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    cli.json("refresh", config)
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("\n[labels]\nmin_reviewers = 3\n")
    there = heads(stack, name)
    error = " ".join(cli.error("refresh", config).split())
    assert "sync: 12 responses (12 submitted) to 6 records: nothing changed in Argilla" in error
    assert "Error: No row to publish from 6 records (6 too_few_reviewers)" in error
    assert heads(stack, name) == there


def test_a_lost_argilla_dataset_is_not_taken_for_rows_that_need_no_people(cli: CommandLine, stack: Stack) -> None:
    name = "refresh-lost"
    config = str(write_config(cli.folder, name, more="[labels]\njudge_fallback = true\n"))
    cli.json("generate", config)
    judged = cli.json("refresh", config)
    assert (judged["sync"], sorted(judged["publish"]["rows"])) == (None, ["dpo", "kto"])
    status = cli.run("status", config, ARGILLA_API_URL="")
    assert "published" in status.stdout
    assert "Next:" not in status.stderr, "all is published, and nobody need answer"

    cli.json("push", config)
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    assert cli.json("refresh", config)["sync"]["added"] == 12
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
    assert "curation restore" in cli.error("refresh", config)
