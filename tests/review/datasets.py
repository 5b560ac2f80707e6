"""A dataset on the stack's Argilla, for tests of what reads and compares it."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager, closing
from typing import Any

import httpx2

from curation.local import Stack
from curation.review import PairwiseTask, RecordSpec, TaskSpec
from curation.review.argilla import ArgillaReview
from curation.review.pulled import Pulled
from curation.types import ReviewRecord
from tests.between import Between, Moment


class Dataset:
    """A dataset of the pairwise task on the stack's Argilla, with records "r0", "r1" and so on."""

    def __init__(self, stack: Stack, records: int = 0, task: TaskSpec | None = None) -> None:
        self._stack = stack
        self.name = f"review-{uuid.uuid4().hex[:8]}"
        self.http = httpx2.Client(
            base_url=f"{stack.argilla.url}/api/v1",
            headers={"X-Argilla-Api-Key": stack.argilla.api_key},
            timeout=60,
            trust_env=False,
        )
        with self.review(stack.argilla.url) as review:
            self.id = review.create(task or PairwiseTask(layout="fields").settings())
            if records:
                review.push([spec(f"r{number}") for number in range(records)])

    def review(self, url: str) -> AbstractContextManager[ArgillaReview]:
        key = self._stack.argilla.api_key
        return closing(ArgillaReview(api_url=url, api_key=key, workspace="argilla", dataset=self.name))

    def pull(self, before: Moment = lambda request: None) -> Pulled:
        """Pull through a proxy that lets `before` happen before each request."""
        with Between(self._stack.argilla.url, before) as proxy, self.review(proxy.url) as review:
            return review.pull()

    def close(self) -> None:
        self.http.close()

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) % 500 == 0:
            parameters = {"offset": str(len(found)), "limit": "500"}
            found += self.http.get(f"/datasets/{self.id}/records", params=parameters).json()["items"]
        return found

    def answer(self, server_id: str) -> None:
        body = {"status": "submitted", "values": {"preference": {"value": "a"}}}
        self.http.post(f"/records/{server_id}/responses", json=body).raise_for_status()

    def delete(self, server_id: str) -> None:
        self.http.delete(f"/datasets/{self.id}/records", params={"ids": server_id}).raise_for_status()

    def add(self, *external_ids: str | None) -> None:
        fields = {"prompt": [{"role": "user", "content": "Q"}], "response_a": "A", "response_b": "B"}
        items = [{"fields": fields, "external_id": external_id} for external_id in external_ids]
        self.http.post(f"/datasets/{self.id}/records/bulk", json={"items": items}).raise_for_status()


def spec(record_id: str) -> RecordSpec:
    return RecordSpec(
        record=ReviewRecord(id=record_id, task="pairwise", prompt_id="p", set_id="s", candidates=("a", "b")),
        fields={"prompt": [{"role": "user", "content": "Q"}], "response_a": "A", "response_b": "B"},
    )
