"""Gold records end to end: mixed in, answered, measured, never published; the file changes, the server is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation.local import Stack
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import stored

pytestmark = pytest.mark.stack

NAME = "with-gold"
RIGHT, WRONG = "It is the sum.", "It is nothing."


def gold_lines(*numbers: int, **changes: object) -> str:
    lines = [
        {"prompt": f"Gold {number}: what is it?", "answers": [f"{RIGHT} {number}", WRONG], "expected": "a", **changes}
        for number in numbers
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def with_gold(cli: CommandLine, lines: str, **keys: object) -> str:
    """Write a config and its gold file; return the config."""
    (cli.folder / "gold.jsonl").write_text(lines, encoding="utf-8")
    review = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    more = f'\n[review]\ngold = "gold.jsonl"\n{review}'
    return str(write_config(cli.folder, NAME, more=more))


def argilla(stack: Stack) -> httpx2.Client:
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    return httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=30, trust_env=False)


def records_of(http: httpx2.Client) -> list[dict[str, Any]]:
    [dataset_id] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == NAME]
    parameters = {"include": "responses,suggestions", "limit": "500"}
    return list(http.get(f"/datasets/{dataset_id}/records", params=parameters).raise_for_status().json()["items"])


def shape(record: Mapping[str, Any]) -> str:
    """What a record looks like to a program, without its texts, ids and times, and without the share it has."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(entry) for name, entry in sorted(value.items())}
        return [of(entry) for entry in value] if isinstance(value, list) else type(value).__name__

    return json.dumps({**of(record), "id digits": len(record["external_id"])})


def is_gold(fields: Mapping[str, Any]) -> bool:
    return RIGHT in json.dumps(fields)


def careful(fields: Fields) -> str:
    return "a" if RIGHT in json.dumps(fields["response_a"]) else "b"


def contrary(fields: Fields) -> str:
    return "b" if careful(fields) == "a" or not is_gold(fields) else "a"


def published_texts(stack: Stack, folder: Path) -> Iterator[str]:
    """Yield the text of every file of the published dataset."""
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    for path in api.list_repo_files(f"acme/{NAME}", repo_type="dataset"):
        local = Path(api.hf_hub_download(f"acme/{NAME}", path, repo_type="dataset", local_dir=folder / "published"))
        of_rows = path.endswith(".parquet")
        yield str(pq.read_table(local).to_pylist()) if of_rows else local.read_text("utf-8", "replace")


def card_says(stack: Stack, folder: Path, sentence: str) -> bool:
    return any(sentence in text for text in published_texts(stack, folder))


def counts(pushed: Mapping[str, Any], *names: str) -> list[int]:
    """Return what a report of `push` says of gold."""
    return [pushed["gold"][name] for name in names]


def measured(cli: CommandLine, config: str) -> dict[str, tuple[float, int, bool]]:
    """Return what `status` says of gold: by reviewer the share of right answers, of how many, and the mark."""
    gold = cli.json("status", config)["gold"]
    return {one["reviewer"]: (one["accuracy"]["value"], one["accuracy"]["count"], one["marked"]) for one in gold}


def test_gold_measures_reviewers_and_gives_no_row(cli: CommandLine, stack: Stack) -> None:
    config = with_gold(cli, gold_lines(1) + gold_lines(2, expected="c"), gold_share=0.5, min_submitted=2)
    cli.json("generate", config)
    said = cli.error("push", config)
    assert f"{cli.folder / 'gold.jsonl'}, line 2 expects 'c', which is no answer to the task pairwise" in said
    assert not stored(stack, NAME).records
    with argilla(stack) as http:
        assert NAME not in [item["name"] for item in http.get("/me/datasets").json()["items"]]

    # 6 of 12 records are gold, the seventh line waits.
    config = with_gold(cli, gold_lines(1, 2, 3, 4, 5, 6, 7), gold_share=0.5, min_submitted=2)
    pushed = cli.json("push", config)
    assert (pushed["records"], counts(pushed, "records", "added", "waiting")) == (12, [6, 6, 1])
    assert cli.json("push", config)["added"] == 0
    with argilla(stack) as http:
        shapes = {shape(record) for record in records_of(http) if is_gold(record["fields"])}
        assert shapes <= {shape(record) for record in records_of(http) if not is_gold(record["fields"])}
    rules = {"simulated-careful": careful, "simulated-contrary": contrary}
    assert simulate_reviewers(stack.argilla, workspace="argilla", dataset=NAME, rules=rules) == 24
    assert cli.json("sync", config)["submitted"] == 24

    assert measured(cli, config) == {"simulated-careful": (1.0, 6, False), "simulated-contrary": (0.0, 6, True)}
    assert (
        "simulated-contrary is right in 0 % (95 % interval 0 % to 45.9 %) of 6 gold" in cli.run("status", config).stdout
    )
    strict = Path(config).read_text(encoding="utf-8").replace("[publish]\n", "[publish]\nmin_gold_accuracy = 0.6\n")
    Path(cli.folder / "strict.toml").write_text(strict, encoding="utf-8")
    said = cli.error("publish", "strict.toml")
    assert (
        "6 of 12 answers to gold records are right, 50 % (95 % interval 21.1 % to 78.9 %), less than the 60 %" in said
    )

    report = cli.json("publish", config)
    assert list(report["marked"].values()) == [["wrong_on_gold"]]
    assert card_says(stack, cli.folder, "| 6 | 0 % (95 % interval 0 % to 45.9 %) |")
    assert (report["records"], report["verdicts"] + sum(report["unresolved"].values())) == (6, 6)
    assert not any("Gold" in text or "sum." in text for text in published_texts(stack, cli.folder))
    said = cli.run("verify", config).stdout
    assert "ok    gold records to answer: 6 = 6 in Argilla" in said
    assert "ok    responses: 24 = 12 in Argilla + 12 to gold records in Argilla" in said
    record_id = next(iter(stored(stack, NAME).gold))
    assert f"Record {record_id} (pairwise, gold, right is " in cli.run("explain", config, record_id).stdout

    # The first line is wrong, the second is gone, and there is room for the seventh; the server loses everything.
    lines = gold_lines(1, expected="b") + gold_lines(3, 4, 5, 6, 7)
    config = with_gold(cli, lines, gold_share=0.5, min_submitted=2)
    pushed = cli.json("push", config)
    assert counts(pushed, "records", "added", "retired") == [6, 1, 0]
    assert cli.json("sync", config)["submitted"] == 24
    assert measured(cli, config) == {"simulated-careful": (0.8, 5, False), "simulated-contrary": (0.2, 5, False)}
    assert [record.counts for record in stored(stack, NAME).gold.values()] == [True, False, *[True] * 5]
    with argilla(stack) as http:
        before = sorted((record["external_id"], shape(record)) for record in records_of(http))
        [dataset_id] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == NAME]
        http.delete(f"/datasets/{dataset_id}").raise_for_status()
    restored = cli.json("restore", config)
    assert (restored["records_added"], restored["responses_added"]) == (13, {"submitted": 24})
    with argilla(stack) as http:
        assert sorted((record["external_id"], shape(record)) for record in records_of(http)) == before
    assert cli.run("verify", config).returncode == 0

    # Nobody answered the last one: without a gold file it goes, and the answered ones stay.
    text = Path(config).read_text(encoding="utf-8")
    Path(config).write_text(text.replace('gold = "gold.jsonl"\n', ""), encoding="utf-8")
    pushed = cli.json("push", config)
    assert (counts(pushed, "records", "retired"), pushed["retired"]) == ([0, 1], 0)
    assert cli.run("verify", config).returncode == 0
    assert cli.json("status", config)["to_push"] == 0
