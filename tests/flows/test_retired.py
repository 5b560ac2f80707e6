"""Prompts that are asked again: their unanswered records are retired, answered ones stay, and all of it is counted."""

from __future__ import annotations

import pytest

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_loop import argilla, dataset_id

pytestmark = pytest.mark.stack


def test_records_of_prompts_that_were_asked_again_are_retired_unless_somebody_answered(
    cli: CommandLine, stack: Stack
) -> None:
    name = "shown-before"
    path = write_config(cli.folder, name)
    config = str(path)
    cli.json("generate", config)
    assert cli.json("push", config)["shown_before"] == 0
    first = set(stored(stack, name).records)
    with argilla(stack) as http:
        identity = dataset_id(http, name)
        items = http.get(f"/datasets/{identity}/records").json()["items"]
        submitted = {"status": "submitted", "values": {"preference": {"value": "a"}}}
        draft = {"status": "draft", "values": {"preference": {"value": "b"}}}
        for item, body in zip(items, (submitted, draft), strict=False):
            http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
        answered = {item["external_id"] for item in items[:2]}

        text = path.read_text()
        path.write_text(text.replace("temperature = 1.0", "temperature = 0.9"))
        cli.json("generate", config, "--yes")
        done = cli.run("push", config)
        assert "6 records in argilla/shown-before: 6 new, 0 there already." in done.stdout
        assert "6 new records of prompts that were shown before.\n" in done.stdout
        assert "4 earlier records of the same prompts retired, because nobody had answered" in done.stdout
        assert "2 earlier records of the same prompts kept: they have answers.\n" in done.stdout
        there = {item["external_id"] for item in http.get(f"/datasets/{identity}/records").json()["items"]}
    store = stored(stack, name)
    assert len(store.records) == 12
    assert store.retired == first - answered
    assert there == set(store.records) - store.retired
    again = cli.json("push", config)
    assert (again["added"], again["shown_before"], again["retired"], again["kept"]) == (0, 0, 0, 2)

    synced = cli.json("sync", config)
    assert (synced["records"], synced["submitted"], synced["missing_records"]) == (8, 1, [])
    status = cli.json("status", config)
    assert (status["records"], status["retired"], status["unresolved"]) == (8, 4, {"unreviewed": 7})

    # The earlier settings again: their answers are shown again, and nobody has answered the later ones.
    path.write_text(text)
    cli.json("generate", config)
    back = cli.json("push", config)
    assert (back["added"], back["shown_before"], back["retired"], back["kept"]) == (4, 0, 6, 0)
    assert stored(stack, name).retired == set(store.records) - first
    assert cli.json("sync", config)["missing_records"] == []
