"""A judge with criteria of its own, from its ratings to what people say of them, on the real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from curation import ids
from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack

PROMPTS = 60

JUDGE = """\
[judge]
type = "rubric"
model_id = "judge"

[[judge.criteria]]
name = "tone"
description = "Is it friendly?"

[[judge.criteria]]
name = "depth"
description = "Does it go to the ground?"
scale = 3
"""

REVIEW = """
[review]
layout = "fields"
skip_if = { judge_gap = 2.0 }
priority = "uncertain"
show_suggestions = 0.3
"""


def gap(prompt: str) -> int:
    """Return by how much the judge prefers the answer of "warm" to this question: 0 to 4, each as often."""
    return int(re.findall(r"Question (\d+)", prompt)[0]) % 5


def rating(criterion: str, text: str, place: int) -> str:
    """Rate what "warm" wrote higher, by as much as the question says."""
    warm, difference = "at 1.0" in text, gap(text)
    if criterion == "tone":
        return str(1 + difference if warm else 1)
    # On the scale of 3: apart by nothing, a half in the mean of both orders, or by all.
    steps = {0: (1, 1), 1: (1, 2), 2: (2, 2), 3: (2, 3), 4: (3, 3)}[difference]
    return f"{steps[0] if place == 1 else steps[1]}/3" if warm else "1/3"


def reply(request: Request) -> str:
    shown = read_judge_prompt(request.messages)
    if shown is None:
        return f"{request.model} at {request.temperature} says: {request.prompt}"
    criterion = request.prompt.partition("\n")[0].rpartition(": ")[2]
    return "\n\n".join(
        f"#### Output for Text {place}\nRating: {rating(criterion, text, place)}\nRationale: So."
        for place, text in enumerate(shown.texts, 1)
    )


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer(reply) as server:
        yield server


def agrees_with_the_judge(fields: Fields) -> str:
    """Prefer the answer of "warm", but call both good if the number of the question can be divided by 4."""
    number = int(re.findall(r"Question (\d+)", str(fields["prompt"]))[0])
    return "both_good" if number % 4 == 0 else "a" if "at 1.0" in str(fields["response_a"]) else "b"


def rows(stack: Stack, folder: Path, name: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table of the store, or of a config of the published dataset."""
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    files = [path for path in api.list_repo_files(name, repo_type="dataset") if path.startswith(f"{table}/")]
    local = [api.hf_hub_download(name, path, repo_type="dataset", local_dir=folder / table) for path in files]
    return [row for path in local for row in pq.read_table(path).to_pylist()]


def pending(stack: Stack, dataset: str, in_order: bool) -> list[str]:
    """Return the questions that a reviewer's page asks Argilla for, in its order."""
    with httpx2.Client(
        base_url=f"{stack.argilla.url}/api/v1",
        headers={"X-Argilla-Api-Key": stack.argilla.api_key},
        timeout=30,
        trust_env=False,
    ) as http:
        query: dict[str, Any] = {"filters": None}
        if in_order:
            query["sort"] = [{"scope": {"entity": "record", "property": "inserted_at"}, "order": "asc"}]
        found = http.post(f"/me/datasets/{dataset}/records/search", params={"limit": 200}, json=query)
        return [str(item["record"]["fields"]["prompt"]) for item in found.raise_for_status().json()["items"]]


def test_a_rubric_is_held_to_people_and_decides_what_it_is_sure_of(cli: CommandLine, stack: Stack) -> None:
    name = "judges-budget"
    prompts = [f"Question {number}: what then?" for number in range(PROMPTS)]
    labels = "[labels]\njudge_fallback = false\n"
    config = str(write_config(cli.folder, name, prompts=prompts, judge=JUDGE + REVIEW, more=labels))
    text = Path(config).read_text(encoding="utf-8")
    Path(config).write_text(
        text.replace('repo_id = "acme/judges-budget"\n', 'repo_id = "acme/judges-budget"\nformats = ["dpo", "raw"]\n')
    )
    assert cli.json("generate", config)["failed"] == 0

    # push: gaps of 2, 3 and 4 are left to the judge, but for the sample; the others come by their gaps.
    pushed = cli.json("push", config)
    sets = rows(stack, cli.folder, f"acme/{name}-store", "candidate_sets")
    ratings = {row["id"]: [candidate["rating"] for candidate in row["candidates"]] for row in sets}
    assert {max(pair) - min(pair) for pair in ratings.values()} == {0, 1, 2, 3, 4}
    sure = {set_id for set_id, pair in ratings.items() if max(pair) - min(pair) >= 2}
    sampled = {set_id for set_id in sure if ids.unit_interval("sample of the judge", set_id) < 0.05}
    assert len(sure) == 3 * PROMPTS // 5
    assert sampled
    assert pushed["skipped"] == {"judge_sure": len(sure - sampled)}
    assert pushed["records"] == PROMPTS - len(sure - sampled)
    assert cli.json("push", config)["added"] == 0
    page, _, query = pushed["url"].partition("?")
    assert query == "page=1&status=pending&sort=record.inserted_at.asc"
    records = {row["id"]: row for row in rows(stack, cli.folder, f"acme/{name}-store", "records")}
    assert {row["set_id"] for row in records.values() if row["sampled"]} == sampled
    in_sample = {row["prompt"]["messages"][0]["content"] for row in sets if row["id"] in sampled}
    dataset = page.removesuffix("/annotation-mode").rpartition("/")[2]
    ordered = [gap(question) for question in pending(stack, dataset, True) if not any(q in question for q in in_sample)]
    assert ordered == [0] * (PROMPTS // 5) + [1] * (PROMPTS // 5)
    assert [gap(question) for question in pending(stack, dataset, False)] != ordered
    suggested = {row["id"] for row in records.values() if row["suggested"]}
    assert 0 < len(suggested) < PROMPTS // 5
    assert not any(records[record_id]["sampled"] for record_id in suggested)

    # People answer all that they are shown, and are programs here.
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"simulated-one": agrees_with_the_judge})
    assert cli.json("sync", config)["submitted"] == len(records)
    check = cli.json("status", config)["judge_check"]
    assert check["left_to_judge"] == len(sure - sampled)
    assert check["disagreement"]["count"] == len(sampled)
    tied = sum(int(re.findall(r"\d+", question)[0]) % 4 == 0 for question in in_sample)
    assert check["disagreement"]["value"] == pytest.approx(tied / len(sampled))
    # The judge prefers an answer on those with a gap of 1, and on the sample; people prefer it on 3 of 4 of these.
    effect = check["suggestions"]
    assert effect["shown"]["count"] == len(suggested)
    assert effect["shown"]["count"] + effect["hidden"]["count"] == PROMPTS // 5 + len(sampled)
    assert check["kappa"]["count"] == len(records) - len(suggested)
    assert [(one["criterion"], one["asked"]) for one in check["criteria"]] == [("depth", False), ("tone", False)]

    # publish: what was left to the judge is in the rows, and says so.
    assert cli.json("publish", config)["rows"]["raw"] == PROMPTS
    published = rows(stack, cli.folder, f"acme/{name}", "dpo")
    by_judge = [row for row in published if row["label_source"] == "judge"]
    assert len(by_judge) == len(sure - sampled)
    assert all("at 1.0" in row["chosen"][0]["content"] and row["reviewers"] == 0 for row in by_judge)
    raw = rows(stack, cli.folder, f"acme/{name}", "raw")
    judgements = [judgement for row in raw for judgement in row["judgements"]]
    assert {(one["aspect"], one["scale"], len(one["order"])) for one in judgements} == {("tone", 5, 2), ("depth", 3, 2)}
    assert len(judgements) == 4 * PROMPTS
    card = HfApi(endpoint=stack.hub.url, token=stack.hub.token).hf_hub_download(
        f"acme/{name}", "README.md", repo_type="dataset", local_dir=cli.folder / "card"
    )
    said = Path(card).read_text(encoding="utf-8")
    assert "| depth | 1 to 3 | Does it go to the ground? |" in said
    assert f"- {len(sure - sampled)} candidate sets left to the judge, which was sure." in said
    assert "- Where reviewers saw what the judge says, they prefer the same answer in " in said

    verified = cli.json("verify", config)
    [balance] = [one for one in verified["balances"] if one["name"] == "candidate sets"]
    assert balance["parts"] == {"shown": len(records), "judge_sure": len(sure - sampled)}
    assert all(not one["gaps"] for one in verified["balances"])
