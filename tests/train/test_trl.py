"""The published configs, unchanged, in TRL: two steps of DPO and KTO, whatever the hash seed."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = [
    pytest.mark.stack,
    pytest.mark.train,
    # Looked for, not imported: collecting this file must not cost the import of torch.
    pytest.mark.skipif(
        find_spec("trl") is None or find_spec("torch") is None, reason="torch and TRL are missing: make test ALL=1"
    ),
]

ROOT = Path(__file__).parents[2]
NAME = "trained"
SEEDS = ("0", "1")
CYCLE = ("a", "b", "a", "both_good", "b", "both_bad", "b", "a")
EDITS = 4
TALK = [
    {"role": "system", "content": "You are brief.\n"},
    {"role": "user", "content": "Which planet is the largest?"},
    {"role": "assistant", "content": "Jupiter."},
]
PROMPTS: list[object] = [
    *(f"Question {number}: what is {number} times {number}?" for number in range(18)),
    "Write Python:\n\n```python\ndef f(x):\n    return x  # <|not special|>\n```\n\n\tTabs,  two spaces.",
    "ما هي عاصمة مصر؟",
    "Was heißt 👩‍👩‍👧‍👦 auf Deutsch? 𝄞 é e\u0301",
    [*TALK, {"role": "user", "content": "And the smallest?"}],
    [*TALK, {"role": "user", "content": "How far is it?"}],
    [{"role": "user", "content": " Leading and trailing space? "}],
]


def by_turns(fields: Fields) -> str:
    """Every kind of answer, by the prompt: the same one in every run."""
    return CYCLE[len(fields["prompt"][-1]["content"]) % len(CYCLE)]


def write_edits(stack: Stack) -> None:
    """Let the reviewer add a better text to some of the answers."""
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    with httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=30, trust_env=False) as http:
        [dataset] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == NAME]
        records = http.get(f"/datasets/{dataset}/records", params={"include": "responses", "limit": "100"}).json()
        for number, record in enumerate(records["items"][:EDITS]):
            [response] = record["responses"]
            values = {
                **response["values"],
                "edit": {"value": f"Better, number {number}:\n\n- *one*\n- \u202btwo\u202c"},
            }
            body = {"status": "submitted", "values": values}
            http.put(f"/responses/{response['id']}", json=body).raise_for_status()


def curate(cli: CommandLine, stack: Stack) -> dict[str, Any]:
    """Run the loop once; return the report of publish."""
    config = str(write_config(cli.folder, NAME, prompts=PROMPTS))
    assert cli.json("generate", config)["made"] == len(PROMPTS)
    cli.json("push", config)
    rules = {"simulated-one": by_turns}
    assert simulate_reviewers(stack.argilla, workspace="argilla", dataset=NAME, rules=rules) == len(PROMPTS)
    write_edits(stack)
    cli.json("sync", config)
    return cli.json("publish", config)


def card_weights(stack: Stack, folder: Path) -> tuple[str, str]:
    """The weights that the card tells people to use."""
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    card = Path(api.hf_hub_download(f"acme/{NAME}", "README.md", repo_type="dataset", local_dir=folder)).read_text()
    found = re.search(r"KTOConfig\(.*?[( ]desirable_weight=([\d.]+), undesirable_weight=([\d.]+)", card)
    assert found, card
    return found[1], found[2]


def start(cli: CommandLine, *arguments: str, seed: str) -> subprocess.Popen[str]:
    """Start a process that trains; each seed has caches of its own, or the second would reuse the first's tokens."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.train.two_steps", *arguments],
        cwd=ROOT,
        env={**os.environ, **cli.settings, "HF_HOME": str(cli.folder / f"hf-{seed}"), "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed; return what it printed."""
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    return output


def test_dpo_and_kto_train_on_the_published_configs_whatever_the_hash_seed(cli: CommandLine, stack: Stack) -> None:
    model = str(cli.folder / "model")
    making = start(cli, "make", model, seed="0")
    report = curate(cli, stack)
    finish(making)
    weights = card_weights(stack, cli.folder)
    assert [float(weight) for weight in weights] == report["kto_weights"]
    assert report["dropped"]["dpo"]["gap"] > 0, "both_good and both_bad are among the answers"

    files = {seed: cli.folder / f"report-{seed}.json" for seed in SEEDS}
    processes = [start(cli, "train", model, f"acme/{NAME}", *weights, str(files[seed]), seed=seed) for seed in SEEDS]
    for process in processes:
        # TRL warns if the weights do not balance the labels, or if a prompt is not a prefix of its conversation.
        output = finish(process)
        assert "desirable_weight" not in output, output
        assert "not a prefix" not in output, output

    first, second = (json.loads(files[seed].read_text()) for seed in SEEDS)
    for config, found in first.items():
        assert found["steps"] == 2
        assert len(found["losses"]) == 2
        assert all(math.isfinite(loss) for loss in found["losses"])
        assert 0 < found["kept"] == found["rows"] <= report["rows"][config]
        assert found["changed"] == []
        print(f"{config}: {found['rows']} rows, tokens {found['tokens']}")  # noqa: T201
        assert found["tokens"] == second[config]["tokens"]
    assert first["dpo"]["token_columns"] == ["chosen_ids", "prompt_ids", "rejected_ids"]
    assert first["kto"]["token_columns"] == ["KL_completion_ids", "completion_ids", "prompt_ids"]
    # KTO estimates its KL term from answers to the other prompts of a batch.
    assert first["kto"]["batches_with_one_prompt_twice"] == 0
