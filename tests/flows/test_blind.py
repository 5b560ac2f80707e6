"""What a reviewer can read by Argilla's API: everything that answers them is read, and nothing in it tells a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest

from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.local.reviewers import prefers_longer, simulate_reviewers
from tests.configs import JUDGE, write_config
from tests.conftest import CommandLine
from tests.flows.running import stored

pytestmark = pytest.mark.stack

SECRETS = ("vendor-xyz-900b", "generator-quartz", "generator-basalt", "judge-obsidian")
PLACES = re.compile(r"\{(\w+)\}")
RECORDS = "/me/datasets/{dataset_id}/records"


def reply(request: Request) -> str:
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    return "Because of *chlorophyll*." if request.temperature == 0.2 else "Because they are plants."


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """In place of the shared one: replies that name no model, so that a name that is read is a leak."""
    with ScriptedServer(reply) as server:
        yield server


def client(stack: Stack, key: str) -> httpx2.Client:
    headers = {"X-Argilla-Api-Key": key}
    return httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=30, trust_env=False)


def everything(reviewer: httpx2.Client, ids: Mapping[str, str]) -> dict[str, str]:
    """Return what the server answers a reviewer on every address of its API that reads, and on a search."""
    answered: dict[str, str] = {}
    for path, methods in reviewer.get("/openapi.json").raise_for_status().json()["paths"].items():
        if "get" not in methods or not set(PLACES.findall(path)) <= ids.keys():
            continue
        url = PLACES.sub(lambda place: ids[place[1]], path)
        answer = reviewer.get(url, params={"include": ["responses", "suggestions"]} if "records" in url else None)
        if answer.is_success:
            answered[path] = answer.text
    search = RECORDS.format(**ids) + "/search"
    everywhere = reviewer.post(search, params={"include": ["responses", "suggestions"]}, json={})
    return {**answered, search: everywhere.raise_for_status().text}


def test_nothing_that_a_reviewer_can_read_by_the_api_names_a_model_a_generator_or_a_judge(
    cli: CommandLine, stack: Stack
) -> None:
    name = "api-blind"
    judge = JUDGE.replace('"judge"', '"judge-obsidian"')
    path = write_config(
        cli.folder, name, prompts=["Why are plants green?"], judge=judge, more="[review]\nshow_suggestions = true\n"
    )
    text = path.read_text().replace('"small"', '"vendor-xyz-900b"')
    path.write_text(text.replace('"cool"', '"generator-quartz"').replace('"warm"', '"generator-basalt"'))
    assert cli.json("generate", str(path))["made"] == 1
    assert cli.json("push", str(path))["added"] == 1
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules={"simulated-reader": prefers_longer})
    with client(stack, stack.argilla.api_key) as owner:
        users = owner.get("/users").json()["items"]
        [me] = [user for user in users if user["username"] == "simulated-reader"]
        assert me["role"] == "annotator"
        [dataset] = [item for item in owner.get("/me/datasets").json()["items"] if item["name"] == name]
        [record] = owner.get(f"/datasets/{dataset['id']}/records").json()["items"]
        [question, *_] = owner.get(f"/datasets/{dataset['id']}/questions").json()["items"]
    ids = {
        "dataset_id": dataset["id"],
        "record_id": record["id"],
        "workspace_id": dataset["workspace_id"],
        "user_id": me["id"],
        "question_id": question["id"],
    }
    with client(stack, me["api_key"]) as reviewer:
        answered = everything(reviewer, ids)
    assert answered.keys() >= {"/records/{record_id}", "/datasets/{dataset_id}/fields"}
    assert "chlorophyll" in answered["/records/{record_id}"]
    assert "suggestions" in answered["/records/{record_id}"]
    told = {(path, secret) for path, text in answered.items() for secret in SECRETS if secret in text}
    assert told == set()

    # The store knows what Argilla does not.
    snapshot = stored(stack, name)
    [shown] = snapshot.records.values()
    candidates: list[Any] = [snapshot.candidate_sets[shown.set_id].candidate(identity) for identity in shown.candidates]
    assert {candidate.generator for candidate in candidates} == {"generator-quartz", "generator-basalt"}
