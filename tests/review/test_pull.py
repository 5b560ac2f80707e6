"""Reading an Argilla dataset whole, on a real server, while records are deleted and added."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from curation.errors import ServiceError, TemporaryError
from curation.local import Stack
from curation.review import record_pages
from tests.between import once
from tests.review.datasets import Dataset

pytestmark = pytest.mark.stack


PAGE = 50


@pytest.fixture
def large(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dataset]:
    """A dataset of two pages, of which the first has 50 records."""
    monkeypatch.setattr(record_pages, "PAGE", PAGE)
    with closing(Dataset(stack, PAGE + 3)) as dataset:
        yield dataset


@pytest.fixture
def small(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, 2)) as dataset:
        yield dataset


# The second page begins with the last record of the first.
SECOND_PAGE = f"offset={PAGE - 1}&"


@pytest.mark.parametrize("gone", [0, PAGE - 1], ids=["the first", "the last of the page"])
def test_a_record_that_slips_between_two_pages_is_read(large: Dataset, gone: int) -> None:
    items = large.items()
    *_, last_but_two, last_but_one, last = items
    # The first record of the second page: it moves to the first page, which was read, when a record there is deleted.
    large.answer(last_but_two["id"])

    def slip() -> None:
        large.delete(items[gone]["id"])
        large.add("new")

    pulled = large.pull(once(lambda request: SECOND_PAGE in request, slip))
    expected = {f"r{number}" for number in range(PAGE + 3)} - {f"r{gone}"} | {"new"}
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
    assert len(readings) == 2


def test_records_that_are_deleted_all_the_time_are_temporary(large: Dataset) -> None:
    doomed = [item["id"] for item in large.items()]

    def delete(request: str) -> None:
        if SECOND_PAGE in request:
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


def test_records_without_their_responses_are_not_records_without_answers(small: Dataset) -> None:
    def forget(request: str) -> str | None:
        return request.removeprefix("GET ").replace("&include=responses", "") if "/records?" in request else None

    with pytest.raises(ServiceError, match=r"not Argilla's .a record without its responses"):
        small.pull(forget)


def test_responses_with_null_values_are_read_and_withdraw_nothing(small: Dataset) -> None:
    discarded, drafted = (item["id"] for item in small.items())
    body: dict[str, object] = {"status": "discarded", "values": None}
    small.http.post(f"/records/{discarded}/responses", json=body).raise_for_status()
    body = {"status": "draft", "values": {"comment": {"value": None}}}
    answer = small.http.post(f"/records/{drafted}/responses", json=body)
    refused = answer.status_code == 422
    read = {answer.server_record_id: (answer.status, answer.values) for answer in small.pull().answers}
    assert read[discarded] == ("discarded", {})
    # Argilla itself refuses a null as the value of a question.
    assert refused
    assert drafted not in read
