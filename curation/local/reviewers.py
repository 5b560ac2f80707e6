"""Simulated reviewers: programs that answer through Argilla's API by simple rules, for the demo and for tests."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx2
from pydantic import JsonValue

from curation.errors import ServiceError
from curation.local.argilla import ArgillaServer
from curation.review import PairwiseTask
from curation.review.page import PROMPT, plain_fields
from curation.types import SIMULATED_PREFIX, Scores

Fields = Mapping[str, Any]
Rule = Callable[[Fields], JsonValue]
"""A function that takes a record's texts by field and returns the value of the task's first required question."""

CLOSE = 0.1
"""Two lengths are close if they differ by less than this share of the longer one."""
TASK = PairwiseTask()
RESPONSES_A_REQUEST = 100
"""Argilla takes no more responses in one request."""


def prefers_longer(fields: Fields) -> JsonValue:
    """Prefer the longer response."""
    first, second = _lengths(fields)
    return _value((1.0, 0.0) if first >= second else (0.0, 1.0))


def prefers_longer_if_clearly(fields: Fields) -> JsonValue:
    """Prefer the longer response; say that both are good if the lengths are close."""
    shorter, longer = sorted(_lengths(fields))
    return _value((1.0, 1.0)) if longer - shorter < CLOSE * longer else prefers_longer(fields)


def contrary(fields: Fields) -> JsonValue:
    """Prefer the shorter response."""
    first, second = _lengths(fields)
    return _value((0.0, 1.0) if first >= second else (1.0, 0.0))


def _lengths(fields: Fields) -> list[int]:
    return [len(text) for name, text in fields.items() if name != PROMPT.name]


def _value(scores: Scores) -> JsonValue:
    [value] = TASK.values(scores).values()
    return value


RULES: dict[str, Rule] = {
    f"{SIMULATED_PREFIX}thorough": prefers_longer,
    f"{SIMULATED_PREFIX}lenient": prefers_longer_if_clearly,
    f"{SIMULATED_PREFIX}contrary": contrary,
}


def simulate_reviewers(
    server: ArgillaServer, *, workspace: str, dataset: str, rules: Mapping[str, Rule] = RULES
) -> int:
    """Let each reviewer answer every record that they have not answered yet; return the number of new responses.

    `rules` maps a username to its rule. A user who does not exist is created as an annotator of the workspace. Raises
    ServiceError if there is no such dataset.
    """
    with _client(server, server.api_key) as owner:
        [workspace_id] = [item["id"] for item in _items(owner, "/me/workspaces") if item["name"] == workspace]
        dataset_ids = [item["id"] for item in _items(owner, "/me/datasets") if item["name"] == dataset]
        if not dataset_ids:
            raise ServiceError(f"There is no dataset {dataset!r} to review.", remedy="Run `curation push` first.")
        records = _all_records(owner, dataset_ids[0])
        questions = _items(owner, f"/datasets/{dataset_ids[0]}/questions")
        question = next(item["name"] for item in questions if item["required"])
        answered = 0
        for username, rule in rules.items():
            user_id, api_key = _user(owner, workspace_id, username)
            responses = [
                {
                    "record_id": record["id"],
                    "status": "submitted",
                    "values": {question: {"value": rule(plain_fields(record["fields"]))}},
                }
                for record in records
                if all(response["user_id"] != user_id for response in record["responses"])
            ]
            with _client(server, api_key) as reviewer:
                for start in range(0, len(responses), RESPONSES_A_REQUEST):
                    _submit(reviewer, responses[start : start + RESPONSES_A_REQUEST])
            answered += len(responses)
    return answered


def _submit(reviewer: httpx2.Client, responses: Sequence[Mapping[str, Any]]) -> None:
    answer = reviewer.post("/me/responses/bulk", json={"items": responses}).raise_for_status()
    errors = [item["error"]["detail"] for item in answer.json()["items"] if item["error"]]
    if errors:
        raise ServiceError(f"Argilla refused {len(errors)} of {len(responses)} responses, the first with: {errors[0]}")


def _user(owner: httpx2.Client, workspace_id: str, username: str) -> tuple[str, str]:
    for user in _items(owner, "/users"):
        if user["username"] == username:
            return user["id"], user["api_key"]
    body = {"username": username, "first_name": username, "role": "annotator", "password": secrets.token_urlsafe(16)}
    user = owner.post("/users", json=body).raise_for_status().json()
    owner.post(f"/workspaces/{workspace_id}/users", json={"user_id": user["id"]}).raise_for_status()
    return user["id"], user["api_key"]


def _all_records(owner: httpx2.Client, dataset_id: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    while True:
        parameters = {"include": "responses", "limit": "500", "offset": str(len(records))}
        answer = owner.get(f"/datasets/{dataset_id}/records", params=parameters)
        page = answer.raise_for_status().json()["items"]
        records += page
        if len(page) < 500:
            return records


def _items(client: httpx2.Client, path: str) -> list[dict[str, Any]]:
    return list(client.get(path).raise_for_status().json()["items"])


def _client(server: ArgillaServer, api_key: str) -> httpx2.Client:
    headers = {"X-Argilla-Api-Key": api_key}
    return httpx2.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=30.0, trust_env=False)
