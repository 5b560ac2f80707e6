"""check finds what the verbs would: prompts, repos, models and Argilla, before anything is paid for or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.hub import connect
from curation.local import Stack
from curation.local.inference import Fault, ScriptedServer
from tests.configs import two_models, write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, with_models
from tests.flows.test_loop import always, argilla, dataset_id, pushed, review
from tests.scripts import scripted_reply

pytestmark = pytest.mark.stack


def findings(cli: CommandLine, config: Path | str, *options: str, exit_code: int = 0) -> dict[str, Any]:
    """Return what check says of each subject; those at fault begin with "FAIL "."""
    report = cli.json("check", str(config), *options, exit_code=exit_code)
    return {one["subject"]: ("" if one["ok"] else "FAIL ") + one["message"] for one in report["findings"]}


def faults(found: dict[str, Any]) -> dict[str, str]:
    return {subject: message.removeprefix("FAIL ") for subject, message in found.items() if message.startswith("FAIL ")}


def test_prompts_are_counted_and_their_cost_is_estimated(cli: CommandLine, stack: Stack) -> None:
    config = write_config(cli.folder, "counted", prompts=["", "One?", "Two?", "Two?", "Three?"])
    found = findings(cli, config)
    assert "5 prompts of " in found["prompts"]
    assert "2 dropped (1 duplicate, 1 empty); 3 prompts need at most 9 requests and at most " in found["prompts"]
    assert found["store"] == "acme/counted-store will be created"
    assert found["published"] == "acme/counted will be created"
    cli.json("generate", str(config))
    cli.json("push", str(config))
    found = findings(cli, config)
    assert found["prompts"].endswith("2 dropped (1 duplicate, 1 empty); 3 have answers; there is nothing to ask")
    assert found["store"] == "acme/counted-store holds answers to 3 prompts, 3 records and 0 responses"


@pytest.mark.parametrize(
    ("rows", "keys", "sentence"),
    [
        (["One?"], 'column = "question"', "no column 'question'; it has 'instruction'"),
        (["", "  "], "", "would be dropped: 2 empty."),
        ([], "", "has no prompts."),
    ],
    ids=["column", "empty", "none"],
)
def test_check_fails_if_every_prompt_would_be_dropped(
    cli: CommandLine, rows: list[str], keys: str, sentence: str
) -> None:
    config = write_config(cli.folder, "nothing", prompts=rows or ["One?"])
    if not rows:
        (cli.folder / "prompts.jsonl").write_text("")
    config.write_text(config.read_text().replace('path = "prompts.jsonl"', f'path = "prompts.jsonl"\n{keys}'))
    [(subject, message)] = faults(findings(cli, config, exit_code=1)).items()
    assert subject == "prompts"
    assert sentence in message


def test_generate_fails_without_any_prompt(cli: CommandLine) -> None:
    config = write_config(cli.folder, "none-at-all")
    (cli.folder / "prompts.jsonl").write_text("")
    done = cli.run("generate", str(config))
    assert done.returncode == 1
    assert "has no prompts" in done.stdout + done.stderr
    write_config(cli.folder, "none-at-all")
    cli.json("generate", str(config))
    again = cli.run("generate", str(config))
    assert again.returncode == 0
    assert "Nothing to ask: every prompt that was not dropped has its answers." in again.stdout


def test_a_missing_model_is_noticed_by_asking_for_one_token(cli: CommandLine) -> None:
    with ScriptedServer(scripted_reply, faults=[Fault(kind="status", status=404, model="large")]) as server:
        config = two_models(write_config(cli.folder, "no-such-model", every="price_in = 0\nprice_out = 0"))
        found = findings(with_models(cli, server), config, exit_code=1)
        assert {request.max_tokens for request in chats(server)} == {1}
        assert len(chats(server)) == 3
    [(_, message)] = faults(found).items()
    assert "has no model 'large', or there is no endpoint" in message
    assert "Correct model_id, provider or base_url in the config file." in message
    assert any(said.startswith("small answers at http://127.0.0.1:") for said in found.values())


def test_a_store_or_dataset_of_another_curation_is_a_fault(cli: CommandLine, stack: Stack) -> None:
    config = pushed(cli, "first-one")
    review(stack, "first-one", ann=always("a"))
    cli.json("sync", config)
    cli.json("publish", config)
    other = write_config(cli.folder, "second-one")
    other.write_text(other.read_text().replace("acme/second-one", "acme/first-one"))
    found = faults(findings(cli, other, exit_code=1))
    assert found.keys() == {"store", "published"}
    assert "acme/first-one-store is the store of 'first-one', not of 'second-one'" in found["store"]
    assert "acme/first-one is the dataset of 'first-one', not of 'second-one'" in found["published"]
    connect(stack.hub.url, stack.hub.token).create_repo("acme/open-one-store", repo_type="dataset", private=False)
    found = faults(findings(cli, write_config(cli.folder, "open-one"), exit_code=1))
    assert "is public, and a store holds the names" in found["store"]


def test_answers_in_the_store_beside_a_missing_dataset_are_a_fault(cli: CommandLine, stack: Stack) -> None:
    name = "gone-dataset"
    config = pushed(cli, name)
    review(stack, name, ann=always("a"))
    cli.json("sync", config)
    with argilla(stack) as http:
        http.delete(f"/datasets/{dataset_id(http, name)}").raise_for_status()
    [(subject, message)] = faults(findings(cli, config, exit_code=1)).items()
    assert subject == "argilla"
    assert "There is no dataset argilla/gone-dataset, and the store holds 6 answers to its records." in message
    assert "Run `curation restore`" in message
    cli.json("push", config)
    assert not faults(findings(cli, config))
