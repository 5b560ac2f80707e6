"""status tells the truth and the next step, in every state of the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.local import Stack
from curation.local.reviewers import simulate_reviewers
from curation.review.page import plain_fields
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.test_loop import always, answers, argilla, dataset_id

pytestmark = pytest.mark.stack


def test_status_names_the_next_step_in_every_state(cli: CommandLine, stack: Stack) -> None:
    name = "states"
    path = write_config(cli.folder, name)
    config = str(path)

    def look(next_verb: str | None, **expected: Any) -> dict[str, Any]:
        """Compare what status says now, and the command that it hints at."""
        done = cli.run("status", config)
        hint = f"Next: curation {next_verb} {config}" if next_verb else ""
        assert [line for line in done.stderr.splitlines() if line.startswith("Next:")] == ([hint] if hint else [])
        report = cli.json("status", config)
        assert {key: report[key] for key in expected} == expected
        return report

    # No store.
    look("generate", records=0, waiting=0, published=False)
    cli.json("generate", config)
    # Sets, but no records.
    look("push", records=0, to_push=6, review_url=None)
    cli.json("push", config)
    # Records, but no answers: it is the reviewers' turn.
    report = look(None, records=6, to_push=0, waiting=0, progress={}, completed=0, in_argilla=6)
    assert report["review_url"].endswith("/annotation-mode")
    # Answers that are not synced, with a comment.
    rules = {"ann": always("a"), "simulated-bob": always("b")}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules=rules)
    with argilla(stack) as http:
        first = answers(http, name)[0]
        values = {**first["values"], "comment": {"value": "Both are\x1b[2J odd."}}
        http.put(f"/responses/{first['id']}", json={"status": "submitted", "values": values}).raise_for_status()
    progress = {"ann": {"submitted": 6}, "simulated-bob": {"submitted": 6}}
    look("sync", waiting=12, progress=progress, responses={}, commented=1)
    cli.json("sync", config)
    # Synced, not published.
    look("publish", waiting=0, responses={"submitted": 12}, published=False, rows={"dpo": 6, "kto": 12})
    cli.json("publish", config)
    look(None, published=True, up_to_date=True, row_counts=None)
    # One answer changes: sync, then publish again, though there are as many rows.
    with argilla(stack) as http:
        [edited] = [one for one in answers(http, name) if one["id"] == first["id"]]
        changed = {**edited["values"], "preference": {"value": "both_bad"}}
        http.put(f"/responses/{first['id']}", json={"status": "submitted", "values": changed}).raise_for_status()
    look("sync", waiting=1, up_to_date=True)
    cli.json("sync", config)
    look("publish", waiting=0, up_to_date=False)
    cli.json("publish", config)
    # Other settings of a model: the same prompts would be asked again.
    text = path.read_text()
    path.write_text(text.replace("temperature = 1.0", "temperature = 0.9"))
    report = look("generate", up_to_date=True)
    assert report["settings_changed"] == (
        "Settings changed (warm: temperature 1.0 -> 0.9): 6 prompts with answers of earlier settings. "
        "`generate` asks them again."
    )
    # Other settings of the labels: what is published is not what would be.
    path.write_text(text + '\n[labels]\nties = "drop"\n')
    look("publish", up_to_date=False)
    path.write_text(text)
    # The dataset is gone: restore puts it back with all answers; push makes it anew, and the answers stay in the store.
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
    look("restore", review_url=None, to_push=6, lost=12, responses={"submitted": 12}, up_to_date=True)
    assert "the dataset does not exist. The store holds 12 answers." in cli.run("status", config).stdout
    cli.json("push", config)
    look(None, waiting=0, to_push=0, lost=0, progress=progress)
    # Argilla does not answer: that is said, and is nothing to do about here but check.
    away = cli.run("status", config, ARGILLA_API_URL="http://127.0.0.1:9", CURATION_PATIENCE="5")
    assert (away.returncode, "did not answer" in away.stdout) == (0, True)
    assert f"Next: curation check {config}" in away.stderr


def test_status_shows_comments_if_asked(cli: CommandLine, stack: Stack) -> None:
    name = "comments"
    config = str(write_config(cli.folder, name))
    cli.json("generate", config)
    cli.json("push", config)
    with argilla(stack) as http:
        [record, other, *_] = http.get(f"/datasets/{dataset_id(http, name)}/records").json()["items"]
        for item, comment in ((record, "Both are\x1b[2J odd."), (other, "  ")):
            values = {"preference": {"value": "a"}, "comment": {"value": comment}}
            body = {"status": "submitted", "values": values}
            http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
    [comment] = cli.json("status", config, "--comments")["comments"]
    assert comment["comment"] == "Both are [2J odd."
    assert comment["record_id"] == record["external_id"]
    assert plain_fields(record["fields"])["prompt"][0]["content"].startswith(comment["prompt"].removesuffix("..."))
    assert cli.json("status", config)["comments"] == []
    shown = cli.run("status", config, "--comments").stdout
    assert f"  {stack.argilla.username} on {comment['prompt']}: Both are [2J odd.\n" in shown
    assert "1 comment by reviewers: `--comments` shows them.\n" in cli.run("status", config).stdout
    # Too few answers for a resolver are where a curation stands, and no error.
    with Path(config).open("a", encoding="utf-8") as file:
        file.write('\n[labels]\nresolver = "dawid-skene"\n')
    cli.json("sync", config)
    undecided = cli.run("status", config)
    assert (undecided.returncode, "Nothing can be decided: " in undecided.stdout) == (0, True)
    assert "Next:" not in undecided.stderr


def test_flags_are_listed_with_the_records(cli: CommandLine, stack: Stack) -> None:
    name = "flags"
    config = str(write_config(cli.folder, name))
    cli.json("generate", config)
    cli.json("push", config)
    with argilla(stack) as http:
        items = http.get(f"/datasets/{dataset_id(http, name)}/records").json()["items"]
        for item, flags in zip(items, (["unsafe"], ["unsafe", "personal_data"], ["unsafe"], ["unsafe"]), strict=False):
            values = {"preference": {"value": "a"}, "flags": {"value": flags}}
            body = {"status": "discarded" if item is items[0] else "submitted", "values": values}
            http.post(f"/records/{item['id']}/responses", json=body).raise_for_status()
    ids = [item["external_id"] for item in items[:4]]
    expected = [
        {"flag": "personal_data", "records": 1, "record_ids": [ids[1]]},
        {"flag": "unsafe", "records": 4, "record_ids": sorted(ids)},
    ]
    # Before a sync as after it.
    assert cli.json("status", config)["flagged"] == expected
    cli.json("sync", config)
    assert cli.json("status", config)["flagged"] == expected
    lines = cli.run("status", config).stdout.splitlines()
    assert f"Flagged as personal_data: 1 record ({ids[1]})." in lines
    assert f"Flagged as unsafe: 4 records ({', '.join(sorted(ids)[:3])}, ...)." in lines
