"""A pull that asks the server's list of responses brings what reading everything brings, on a real server."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx2
import pytest

from curation.errors import ServiceError, TemporaryError
from curation.local import Stack
from curation.review.argilla import ArgillaReview
from curation.review.merge import Responses, merge_responses
from curation.review.pulled import Pulled
from tests.between import Between, once
from tests.review.datasets import Dataset

pytestmark = pytest.mark.stack
RECORDS = 12
LIST = "/curation/responses"


@pytest.fixture
def dataset(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, RECORDS)) as made:
        yield made


@pytest.fixture
def reviewers(stack: Stack, dataset: Dataset) -> Iterator[list[httpx2.Client]]:
    """Two clients of the API, each with the key of an account of its own."""
    with ExitStack() as opened:
        clients = []
        for _ in range(2):
            name, password = f"r-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
            body = {"username": name, "first_name": "R", "role": "owner", "password": password}
            key = dataset.http.post("/users", json=body).raise_for_status().json()["api_key"]
            url = f"{stack.argilla.url}/api/v1"
            client = httpx2.Client(base_url=url, headers={"X-Argilla-Api-Key": key}, timeout=60, trust_env=False)
            clients.append(opened.enter_context(client))
        yield clients


def merged(before: Responses, pulled: Pulled) -> Responses:
    """Return what the store has after a pull."""
    return merge_responses(before, pulled, known={f"r{number}" for number in range(RECORDS + 1)}).responses


def contents(pulled: Pulled) -> tuple[Any, Any, Any]:
    """Return what must be the same however it was read."""
    answers = sorted(pulled.answers, key=lambda answer: (answer.server_record_id, answer.server_user_id))
    return dict(pulled.records), answers, pulled.whole


def write(client: httpx2.Client, record: str, preference: str, status: str = "submitted") -> None:
    body = {"status": status, "values": {"preference": {"value": preference}}}
    client.post(f"/records/{record}/responses", json=body).raise_for_status()


def change(client: httpx2.Client, response: dict[str, Any], preference: str, status: str = "submitted") -> None:
    body = {"status": status, "values": {"preference": {"value": preference}}}
    client.put(f"/responses/{response['id']}", json=body).raise_for_status()


def responses(dataset: Dataset) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the responses by the server's record and user ids, as the API gives them."""
    items = dataset.http.get(f"/datasets/{dataset.id}/records", params={"include": "responses", "limit": 1000}).json()
    return {(each["record_id"], each["user_id"]): each for item in items["items"] for each in item["responses"]}


def test_what_is_listed_and_what_is_read_are_together_what_is_there(
    dataset: Dataset, reviewers: list[httpx2.Client], stack: Stack
) -> None:
    ids = [item["id"] for item in dataset.items()]
    ann, bob = reviewers
    for number, record in enumerate(ids[:8]):
        write(ann, record, "ab"[number % 2])
        write(bob, record, "a", "draft" if number == 5 else "submitted")
    with dataset.review(stack.argilla.url) as review:
        first = review.pull()
        stored = merged({}, first)
        assert (first.read, len(stored)) == (None, 16)
        # Nothing happened: no record is read, and everything is there.
        idle = review.pull(stored=stored.values())
        assert (idle.read, contents(idle)) == (0, contents(first))
        of = responses(dataset)
        accounts = [client.get("/me").json()["id"] for client in reviewers]
        change(ann, of[ids[0], accounts[0]], "both_good")
        change(ann, of[ids[1], accounts[0]], "a", "draft")
        bob.delete(f"/responses/{of[ids[2], accounts[1]]['id']}").raise_for_status()
        dataset.delete(ids[3])
        dataset.add(f"r{RECORDS}")
        write(bob, ids[9], "b")
        # An answer that a program replaces shows in no count and no activity of Argilla's.
        change(bob, of[ids[4], accounts[1]], "b")
        listed = review.pull(stored=stored.values())
        assert listed.read == 4  # the first, the second, the fifth and the tenth; what is gone need not be read
        assert contents(listed) == contents(review.pull())

        def without_index(request: str) -> str | None:
            return f"/api/v1/datasets/{other.id}/records/search" if "/records/search" in request else None

        # What Argilla's search does not find is read by itself.
        with (
            closing(Dataset(stack)) as other,
            Between(stack.argilla.url, without_index) as proxy,
            dataset.review(proxy.url) as slow,
        ):
            alone = slow.pull(stored=stored.values())
            assert (alone.read, contents(alone)) == (4, contents(listed))
        assert len(listed.records) == RECORDS
        stored = merged(stored, listed)
        assert review.pull(stored=stored.values()).read == 0
        # A plain Argilla has no list, and another dataset's answers say nothing: everything is read.
        elsewhere = [response.model_copy(update={"dataset_id": "another"}) for response in stored.values()]
        assert review.pull(stored=elsewhere).read is None

        def without_list(request: str) -> str | None:
            return "/api/v1/datasets/no-such/route" if LIST in request else None

        with Between(stack.argilla.url, without_list) as proxy, dataset.review(proxy.url) as plain:
            pulled = plain.pull(stored=stored.values())
        assert (pulled.read, contents(pulled)) == (None, contents(listed))


def test_a_record_that_is_deleted_after_it_was_listed_is_not_missed(
    dataset: Dataset, reviewers: list[httpx2.Client], stack: Stack
) -> None:
    ids = [item["id"] for item in dataset.items()]
    for record in ids[:3]:
        write(reviewers[0], record, "a")
    with dataset.review(stack.argilla.url) as review:
        stored = merged({}, review.pull())
    write(reviewers[1], ids[0], "b")
    gone = once(lambda request: "/records/search" in request, lambda: dataset.delete(ids[0]))
    with Between(stack.argilla.url, gone) as proxy, dataset.review(proxy.url) as review:
        pulled = review.pull(stored=stored.values())
    assert pulled.read is None
    assert set(pulled.records) == set(ids[1:])


def test_a_list_of_another_shape_is_no_list_and_withdraws_nothing(
    dataset: Dataset, reviewers: list[httpx2.Client], stack: Stack
) -> None:
    write(reviewers[0], dataset.items()[0]["id"], "a")
    with dataset.review(stack.argilla.url) as review:
        stored = merged({}, review.pull())
    for path in (f"/api/v1/datasets/{dataset.id}/records", "/api/v1/me"):

        def otherwise(request: str, path: str = path) -> str | None:
            return path if LIST in request else None

        with (
            Between(stack.argilla.url, otherwise) as proxy,
            dataset.review(proxy.url) as review,
            pytest.raises((ServiceError, TemporaryError), match="not Argilla's"),
        ):
            review.pull(stored=stored.values())


def test_people_who_answer_edit_and_withdraw_meanwhile_are_neither_missed_nor_doubled(
    dataset: Dataset, reviewers: list[httpx2.Client], stack: Stack
) -> None:
    ids = [item["id"] for item in dataset.items()]
    for record in ids[:6]:
        write(reviewers[0], record, "a")
    done = threading.Event()
    failures: list[BaseException] = []
    threads = [
        threading.Thread(target=_work, args=(client, ids, seed, failures)) for seed, client in enumerate(reviewers)
    ]
    with dataset.review(stack.argilla.url) as review:
        stored = merged({}, review.pull())

        def pulls() -> Responses:
            return _pulled_until(review, stored, done)

        results: list[Responses] = []
        puller = threading.Thread(target=lambda: results.append(pulls()))
        for thread in (*threads, puller):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        puller.join()
        assert not failures
        [last] = results
        final = merged(last, review.pull(stored=last.values()))
        whole = merged(last, review.pull())
    assert final == whole
    there = responses(dataset)
    assert {(each.server_record_id, each.server_user_id): each.status for each in final.values()} == {
        key: response["status"] for key, response in there.items()
    }
    values = {key: response["values"]["preference"]["value"] for key, response in there.items()}
    assert {
        (each.server_record_id, each.server_user_id): each.values["preference"] for each in final.values()
    } == values


def _pulled_until(review: ArgillaReview, stored: Responses, done: threading.Event) -> Responses:
    """Pull by the list again and again, and merge; no pull may hold two answers of one account to one record."""
    while not done.is_set():
        pulled = review.pull(stored=stored.values())
        keys = [(answer.server_record_id, answer.server_user_id) for answer in pulled.answers]
        assert len(keys) == len(set(keys))
        stored = merged(stored, pulled)
    return stored


def _work(client: httpx2.Client, ids: list[str], seed: int, failures: list[BaseException]) -> None:
    """Answer, edit and withdraw forty times, in an order of one's own."""
    chance = random.Random(seed)
    mine: dict[str, dict[str, Any]] = {}
    acts: list[Callable[[str], None]] = [
        lambda record: mine.update({record: _put(client, record, mine.get(record), chance.choice("ab"))}),
        lambda record: mine.update({record: _put(client, record, mine.get(record), "a", "draft")}),
        lambda record: _withdraw(client, mine.pop(record, None)),
    ]
    try:
        for _ in range(40):
            chance.choice(acts)(chance.choice(ids[6:]))
    except BaseException as error:  # noqa: BLE001 - the test reports it
        failures.append(error)


def _put(
    client: httpx2.Client, record: str, response: dict[str, Any] | None, preference: str, status: str = "submitted"
) -> dict[str, Any]:
    body = {"status": status, "values": {"preference": {"value": preference}}}
    if response is None:
        return dict(client.post(f"/records/{record}/responses", json=body).raise_for_status().json())
    return dict(client.put(f"/responses/{response['id']}", json=body).raise_for_status().json())


def _withdraw(client: httpx2.Client, response: dict[str, Any] | None) -> None:
    if response is not None:
        client.delete(f"/responses/{response['id']}").raise_for_status()
