"""verify: the books of a curation close after each step, and each gap is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import with_models
from tests.flows.test_answers_stay import delete_records, items
from tests.flows.test_loop import always, answers, argilla, hub, pushed, review

pytestmark = pytest.mark.stack


def reply(request: Request) -> str:
    """Two different answers; an empty one if the prompt asks for nothing."""
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    if "Say nothing" in request.prompt:
        return ""
    return f"Answer at {request.temperature} to {request.prompt}"


def sums(report: dict[str, Any]) -> dict[str, tuple[int, dict[str, int]]]:
    """Return the total and the parts of each sum."""
    return {
        balance["name"]: (balance["total"], {name: count for name, count in balance["parts"].items() if count})
        for balance in report["balances"]
    }


def gaps(report: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """Return, by what is wrong, the last sum that does not close for it, and how many things are wrong."""
    return {gap["what"]: (balance["name"], gap["count"]) for balance in report["balances"] for gap in balance["gaps"]}


def ids(report: dict[str, Any], name: str) -> list[str]:
    """Return the ids that the gaps of a sum name."""
    [balance] = [balance for balance in report["balances"] if balance["name"] == name]
    return [id for gap in balance["gaps"] for id in gap["ids"]]


def test_the_books_close_after_every_step_and_what_is_missing_is_named(cli: CommandLine, stack: Stack) -> None:
    name = "books"
    prompts = [f"What is {number} plus {number}?" for number in range(6)]
    faulty = ["What is 0 plus 0?", "", "Say nothing, please."]
    config = str(write_config(cli.folder, name, prompts=[*prompts, *faulty], more="[labels]\nresolver = 'unanimous'\n"))
    with ScriptedServer(reply) as server:
        cli = with_models(cli, server)
        assert "does not exist" in cli.error("verify", config)
        cli.run("generate", config)
    report = cli.json("verify", config, exit_code=1)
    assert sums(report)["prompts of the source"] == (9, {"asked": 7, "duplicate": 1, "empty": 1})
    assert sums(report)["prompts asked"] == (7, {"answered": 6, "generate empty_reply": 1})
    assert gaps(report)["neither shown to reviewers nor left out"] == ("candidate sets", 7)

    cli.json("push", config)
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    with argilla(stack) as http:
        changed = answers(http, name)[0]
        body = {"status": "submitted", "values": {"preference": {"value": "b"}}}
        http.put(f"/responses/{changed['id']}", json=body).raise_for_status()
    report = cli.json("verify", config, exit_code=1)
    assert gaps(report) == {"given in Argilla since the last sync": ("responses", 12)}
    cli.json("sync", config)
    report = cli.json("verify", config, exit_code=1)
    assert gaps(report) == {"not published": ("rows of kto", 10)}
    assert (len(ids(report, "rows of dpo")), len(ids(report, "rows of kto"))) == (5, 10)
    cli.json("publish", config)
    report = cli.json("verify", config)
    assert sums(report) == {
        "prompts of the source": (9, {"asked": 7, "duplicate": 1, "empty": 1}),
        "prompts asked": (7, {"answered": 6, "generate empty_reply": 1}),
        "candidate sets": (7, {"shown": 6, "fewer_than_two_answers": 1}),
        "records to answer": (6, {"in Argilla": 6}),
        "responses": (12, {"in Argilla": 12}),
        "sets for dpo": (7, {"with rows": 5, "not_unanimous": 1, "fewer_than_two_answers": 1}),
        "rows of dpo": (5, {"published": 5}),
        "sets for kto": (7, {"with rows": 5, "not_unanimous": 1, "fewer_than_two_answers": 1}),
        "rows of kto": (10, {"published": 10}),
    }
    assert gaps(report) == {}
    assert "All 9 sums close." in cli.run("verify", config).stdout

    with argilla(stack) as http:
        # An answer is changed, one is withdrawn, and a record is deleted with its two answers.
        gone = items(http, name)[0]["external_id"]
        delete_records(http, name, 1)
        discarded, withdrawn, *_ = answers(http, name)
        http.put(f"/responses/{discarded['id']}", json={"status": "discarded"}).raise_for_status()
        http.delete(f"/responses/{withdrawn['id']}").raise_for_status()
    # Somebody removes the rows of kto for training from the published dataset.
    api, repo = hub(stack), f"acme/{name}"
    manifest = json.loads(Path(api.hf_hub_download(repo, "curation.json", repo_type="dataset")).read_text())
    [shard] = manifest["files"].pop("kto/train")
    rows = pq.read_table(api.hf_hub_download(repo, shard, repo_type="dataset")).num_rows
    api.upload_file(
        path_or_fileobj=json.dumps(manifest).encode(), path_in_repo="curation.json", repo_id=repo, repo_type="dataset"
    )
    report = cli.json("verify", config, exit_code=1)
    assert gaps(report) == {
        "not in Argilla": ("records to answer", 1),
        "changed or withdrawn in Argilla since the last sync": ("responses", 2),
        "not published": ("rows of kto", rows),
    }
    assert sums(report)["responses"] == (12, {"in Argilla": 8, "kept": 2})
    assert ids(report, "records to answer") == [gone]
    lines = cli.run("verify", config).stdout
    assert (
        f"FAIL  records to answer: 6 = 5 in Argilla\n        1 not in Argilla ({gone}). Run `curation push`.\n" in lines
    )
    assert "3 sums of 9 not closed." in lines


def test_what_cannot_be_read_leaves_its_sum_open_and_the_others_are_checked(cli: CommandLine, stack: Stack) -> None:
    name = "books-unread"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a")})
    cli.json("sync", config)
    cli.json("publish", config, "--allow-shrink")
    assert not cli.json("verify", config)["temporary"]
    # Nobody listens on this port.
    report = cli.json("verify", config, exit_code=3, ARGILLA_API_URL="http://127.0.0.1:9", CURATION_PATIENCE="1")
    assert report["temporary"]
    unknown = {balance["name"]: balance["unknown"] for balance in report["balances"] if balance["unknown"]}
    assert list(unknown) == ["records and responses"]
    assert "127.0.0.1:9" in unknown["records and responses"]
    (cli.folder / "prompts.jsonl").unlink()
    report = cli.json("verify", config, exit_code=1)
    assert [balance["name"] for balance in report["balances"] if balance["unknown"]] == ["prompts of the source"]
