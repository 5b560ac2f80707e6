"""Reading an Argilla dataset whole, on a real server, while records are deleted and added."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

import httpx2
import pytest

from curation.errors import TemporaryError
from curation.local import Stack
from curation.review import PairwiseTask, RecordSpec
from curation.review.argilla import PAGE, ArgillaReview
from curation.review.pulled import Pulled
from curation.types import ReviewRecord
from tests.between import Between, Moment, once

pytestmark = pytest.mark.stack


class Dataset:
    """A dataset of the pairwise task on the stack's Argilla, with records "r0", "r1" and so on."""

    def __init__(self, stack: Stack, records: int) -> None:
        self._stack = stack
        self.name = f"pull-{uuid.uuid4().hex[:8]}"
        self.http = httpx2.Client(
            base_url=f"{stack.argilla.url}/api/v1",
            headers={"X-Argilla-Api-Key": stack.argilla.api_key},
            timeout=60,
            trust_env=False,
        )
        with self.review(stack.argilla.url) as review:
            self.id = review.create(PairwiseTask().settings())
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
        metadata={"model_a": "cool", "model_b": "warm"},
    )


@pytest.fixture
def large(stack: Stack) -> Iterator[Dataset]:
    """A dataset of two pages."""
    with closing(Dataset(stack, PAGE + 3)) as dataset:
        yield dataset


@pytest.fixture
def small(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, 2)) as dataset:
        yield dataset


def second_page(request: str, *, responses: bool) -> bool:
    return f"offset={PAGE}" in request and ("include=responses" in request) == responses


@pytest.mark.parametrize("responses", [False, True], ids=["first reading", "second reading"])
def test_a_record_that_slips_between_two_pages_is_read(large: Dataset, responses: bool) -> None:
    first, *_, last_but_two, last_but_one, last = large.items()
    # The first record of the second page: it moves to the first page, which was read, when a record there is deleted.
    large.answer(last_but_two["id"])

    def slip() -> None:
        large.delete(first["id"])
        large.add("new")

    pulled = large.pull(once(lambda request: second_page(request, responses=responses), slip))
    expected = {f"r{number}" for number in range(1, PAGE + 3)} | {"new"}
    assert set(pulled.records.values()) == expected
    assert len(pulled.records) == PAGE + 3
    assert [answer.server_record_id for answer in pulled.answers] == [last_but_two["id"]]
    assert {last_but_one["id"], last["id"]} <= pulled.records.keys()


def test_records_that_are_added_meanwhile_disturb_nobody(large: Dataset) -> None:
    readings: list[str] = []

    def add(request: str) -> None:
        if "/records?" in request:
            readings.append(request)
            large.add(f"new-{len(readings)}")

    pulled = large.pull(add)
    assert {f"r{number}" for number in range(PAGE + 3)} <= set(pulled.records.values())
    assert len(readings) == 4


def test_records_that_are_deleted_all_the_time_are_temporary(large: Dataset) -> None:
    doomed = [item["id"] for item in large.items()]

    def delete(request: str) -> None:
        if f"offset={PAGE}" in request:
            large.delete(doomed.pop(0))
            large.add(None)

    with pytest.raises(TemporaryError, match="are being deleted while they are read"):
        large.pull(delete)


def test_records_without_an_external_id_are_somebody_elses(small: Dataset) -> None:
    small.add(None, None, "stranger")
    assert sorted(small.pull().records.values(), key=str) == [None, None, "r0", "r1", "stranger"]


def test_an_account_that_is_deleted_after_the_answers_were_read_is_no_account_any_more(small: Dataset) -> None:
    body = {"username": f"leaver-{small.name}", "first_name": "L", "role": "annotator", "password": "a-long-password"}
    user = small.http.post("/users", json=body).raise_for_status().json()

    def delete() -> None:
        small.http.delete(f"/users/{user['id']}").raise_for_status()

    assert user["id"] in small.pull().accounts.usernames
    pulled = small.pull(once(lambda request: "/users" in request, delete))
    assert user["id"] not in pulled.accounts.usernames
