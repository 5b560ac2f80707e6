"""Variations as users ask for them: expected, asked for once, answered and published beside the prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer
from tests.conftest import CommandLine
from tests.flows.running import chats, sets_by_question, stored, with_models
from tests.flows.test_loop import hub, published

pytestmark = pytest.mark.stack

TOML = """\
name = "{name}"

[prompts]
type = "file"
path = "prompts.jsonl"
category_column = "category"
subcategory_column = "subcategory"

[[vary]]
model_id = "writer"
name = "widener"
n = 3
categories = {categories}
template = "VARY {{n}} {{category}} {{prompt}}"
max_attempts = 2

[[generators]]
model_id = "small"
name = "kind"
role = "chosen"
max_attempts = 2

[[generators]]
model_id = "large"
name = "rude"
role = "rejected"
max_attempts = 2

[labels]
accept_roles = true

[publish]
repo_id = "acme/{name}"
formats = ["dpo"]
test_size = 0.0

[store]
repo_id = "acme/{name}-store"
"""
LOCK = "How do I open the lock of a bicycle whose key I lost on the way home?"
NIGHT = "How do I open a garden gate at night without waking the neighbours?"
CAKE = "How long does a cake with three eggs stay in the oven?"
ROWS = [
    {"instruction": LOCK, "category": "edge_case", "subcategory": "safe_target"},
    {"instruction": NIGHT, "category": "edge_case", "subcategory": "safe_context"},
    {"instruction": CAKE, "category": "other", "subcategory": "baking"},
]
SHED = "Which tool opens a garden shed whose padlock has rusted shut over the winter?"
SUITCASE = "My suitcase forgot its own code. What now?"
TENT = "May I cut the zip of my own tent when it is stuck?"


def write(folder: Path, name: str, *, categories: str = '["edge_case"]', more: str = "") -> str:
    (folder / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    (folder / f"{name}.toml").write_text(TOML.format(name=name, categories=categories) + more)
    return f"{name}.toml"


def reply(request: Request) -> str:
    """Variations of the lock: one of them repeats it. Of the gate the first reply is prose, the second holds one."""
    first = request.messages[0]["content"]
    if first == f"VARY 3 edge_case: safe_target {LOCK}":
        return json.dumps([{"prompt": SHED}, {"prompt": LOCK.upper()}, {"prompt": SUITCASE}])
    if first == f"VARY 3 edge_case: safe_context {NIGHT}":
        return "I would rather not." if len(request.messages) == 1 else f"1. {TENT}"
    assert not first.startswith("VARY"), first
    return f"{request.model} answer to {first}"


def varied(server: ScriptedServer) -> list[Request]:
    """Return the requests for variations."""
    return [request for request in chats(server) if request.messages[0]["content"].startswith("VARY")]


def test_variations_are_expected_asked_for_once_and_answered_like_prompts(cli: CommandLine, stack: Stack) -> None:
    config = write(cli.folder, "varied")
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        checked = line.run("check", config)
        assert checked.returncode == 0, checked.stdout
        assert "3 prompts + 6 variations = 9 prompts expected, from 2 requests for variations." in checked.stdout
        # Two requests for variations, two answers to each of nine prompts.
        assert "9 prompts need at most 20 requests" in checked.stdout
        assert "variations: widener" in checked.stdout
        preview = line.run("generate", config, "--preview", "2")
        assert preview.returncode == 0, preview.stderr
        assert "= 9 prompts expected" in preview.stderr
        # The first prompt and its first variation.
        assert "small answer to Which tool opens" in preview.stdout
        assert len(varied(server)) == 1
        report = line.json("generate", config)
        assert (report["prompts"], report["made"]) == (9, 6)
        assert report["dropped"] == {"no_variation": 2, "repeated_variation": 1}
        variations = report["variations"]
        assert (variations["prompts"], variations["expected"], variations["variations"]) == (3, 6, 3)
        assert (variations["requests"], variations["failed"]) == (2, 0)
        asked = len(chats(server))
        # One request for each prompt, and one more because of prose.
        assert len(varied(server)) == 3
        # The replies are in the store: without the cache, too, nothing is asked twice.
        assert line.json("generate", config, "--no-cache")["already"] == 6
        assert len(chats(server)) == asked
        # Every request that was paid for is counted.
        usage = line.json("status", config)["spending"]["requests"]
    assert usage == 3 + 2 * 6
    sets = sets_by_question(stored(stack, "varied"))
    assert set(sets) == {LOCK, NIGHT, CAKE, SHED, SUITCASE, TENT}
    lock, shed, tent = (sets[text].prompt for text in (LOCK, SHED, TENT))
    assert (shed.category, shed.subcategory, shed.language) == ("edge_case", "safe_target", "en")
    assert shed.source == f"{lock.source}#{lock.id}"
    assert (tent.category, tent.subcategory) == ("edge_case", "safe_context")
    assert cli.json("publish", config)["rows"]["dpo"] == 6
    rows = published(stack, cli.folder, "varied", "dpo")
    assert {row["prompt"][0]["content"]: (row["category"], row["subcategory"]) for row in rows} == {
        LOCK: ("edge_case", "safe_target"),
        SHED: ("edge_case", "safe_target"),
        SUITCASE: ("edge_case", "safe_target"),
        NIGHT: ("edge_case", "safe_context"),
        TENT: ("edge_case", "safe_context"),
        CAKE: ("other", "baking"),
    }
    assert all(row["chosen"][0]["content"] == f"small answer to {row['prompt'][0]['content']}" for row in rows)
    # The published source is the file, not each prompt that was varied.
    manifest = hub(stack).hf_hub_download("acme/varied", "curation.json", repo_type="dataset", local_dir=cli.folder)
    assert json.loads(Path(manifest).read_text())["sources"] == [lock.source]
    verified = cli.json("verify", config)
    [balance] = [balance for balance in verified["balances"] if balance["name"] == "prompts of the source"]
    assert (balance["gaps"], balance["unknown"]) == ([], None), balance


def test_a_category_that_no_prompt_has_is_refused_before_anything_is_asked(cli: CommandLine) -> None:
    config = write(cli.folder, "varied-unknown", categories='["edge_cases"]')
    with ScriptedServer(reply) as server:
        fault = with_models(cli, server).error("generate", config)
        assert not chats(server)
    assert "names the category 'edge_cases', and no prompt of" in fault
    assert "there are: 'edge_case', 'other'" in fault


def test_the_cost_of_variations_is_confirmed_before_anything_is_asked(cli: CommandLine) -> None:
    config = write(cli.folder, "varied-costly", more="\n[generate]\nconfirm_above = 1.0\n")
    with ScriptedServer(reply) as server:
        fault = with_models(cli, server).error("generate", config)
        assert not chats(server)
    # Two requests for variations, two answers to each of nine prompts.
    assert "Nothing was asked: 9 prompts need at most 20 requests" in fault


def test_replies_that_cannot_be_read_fail_with_a_reason_and_the_prompts_are_answered(cli: CommandLine) -> None:
    config = write(cli.folder, "varied-unread")

    def stubborn(request: Request) -> str:
        return "I would rather not." if request.messages[0]["content"].startswith("VARY") else "An answer."

    with ScriptedServer(stubborn) as server:
        line = with_models(cli, server)
        report = line.json("generate", config, exit_code=1)
        assert (report["made"], report["dropped"], report["variations"]["failed"]) == (3, {"no_variation": 6}, 2)
        [failure] = report["failures"]
        assert (failure["stage"], failure["reason"], failure["count"]) == ("question", "unreadable_variations", 2)
        again = [request for request in chats(server) if len(request.messages) == 3]
        assert len(again) == 2
        assert all("could not be read as a list of prompts" in request.prompt for request in again)
