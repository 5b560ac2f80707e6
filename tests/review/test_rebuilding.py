"""What an Argilla lost is put back through its API: accounts once, and every value that a response can have."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import pytest
from pydantic import JsonValue

from curation.errors import ServiceError
from curation.local import Stack
from curation.review import RankingTask, RatingTask
from curation.review.accounts import User, add_member, create_account, create_workspace
from curation.review.argilla import ArgillaReview
from curation.review.rebuilding import write_responses
from curation.types import Drop, Response, Status
from tests.between import Between, once
from tests.faulty import Fault, FaultyProxy
from tests.review.datasets import Dataset
from tests.rows import make_set

pytestmark = pytest.mark.stack


@pytest.fixture
def dataset(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, records=3)) as made:
        yield made


def given(record_id: str, reviewer: str, status: Status = "submitted", **values: JsonValue) -> Response:
    return Response(
        record_id=record_id,
        reviewer=reviewer,
        status=status,
        values=values,
        dataset_id="lost",
        server_record_id="lost",
        server_user_id="lost",
    )


def by_key(*responses: Response) -> dict[tuple[str, str], Response]:
    return {(response.record_id, response.reviewer): response for response in responses}


def answers(dataset: Dataset) -> dict[tuple[str, str], tuple[str, Any]]:
    """Return the status and the values of each response, by the record and the id of the account."""
    parameters = {"include": "responses", "limit": "500"}
    records = dataset.http.get(f"/datasets/{dataset.id}/records", params=parameters).raise_for_status().json()["items"]
    return {
        (record["external_id"], answer["user_id"]): (
            answer["status"],
            {name: entry["value"] for name, entry in answer["values"].items()},
        )
        for record in records
        for answer in record["responses"]
    }


def new_account(review: ArgillaReview) -> User:
    user, _ = create_account(review, f"rebuilt-{uuid.uuid4().hex[:8]}")
    return user


def test_what_was_created_although_the_answer_was_lost_is_there_once(stack: Stack) -> None:
    workspace, username = f"w-{uuid.uuid4().hex[:8]}", f"u-{uuid.uuid4().hex[:8]}"
    lost = [
        Fault(f"POST /api/v1/{path}$", "reset", count=2, after=True)
        for path in ("workspaces", "users", "workspaces/[^/]+/users")
    ]
    key = stack.argilla.api_key
    with (
        FaultyProxy(stack.argilla.url, *lost) as proxy,
        closing(ArgillaReview(api_url=proxy.url, api_key=key, workspace=workspace, dataset="none")) as review,
    ):
        assert create_workspace(review)
        assert not create_workspace(review)
        user, account = create_account(review, username)
        add_member(review, user)
        known = review.accounts()
    assert [fault.match for fault in lost if fault.count] == []
    assert known.usernames[user.id] == username
    assert user.id in known.members
    assert account.password not in repr(account)
    form = {"username": username, "password": account.password}
    httpx2.post(f"{stack.argilla.url}/api/v1/token", data=form, trust_env=False).raise_for_status()


def test_a_response_that_argilla_refuses_is_named_and_blocks_no_other(dataset: Dataset, stack: Stack) -> None:
    with dataset.review(stack.argilla.url) as review:
        ann, bob = new_account(review), new_account(review)
        user_ids = {"ann": ann.id, "bob": bob.id}
        responses = by_key(
            given("r0", "ann", preference="a", edit="Better."),
            given("r0", "bob", preference="no such label"),
            given("r1", "ann", "draft"),
            given("r1", "bob", "discarded", flags=["unsafe"]),
            given("r2", "bob", preference="both_bad"),
            given("not in Argilla", "ann", preference="a"),
        )
        first = write_responses(review, dataset.id, responses, user_ids=user_ids)
        again = write_responses(review, dataset.id, responses, user_ids=user_ids)
    assert first.responses == {("r0", "ann"), ("r1", "ann"), ("r1", "bob"), ("r2", "bob")}
    [reason] = first.refused.values()
    assert "'no such label' is not a valid label" in reason
    assert first.refused.keys() == {("r0", "bob")}
    assert (again.responses, again.refused) == (frozenset(), first.refused)
    assert answers(dataset) == {
        ("r0", ann.id): ("submitted", {"preference": "a", "edit": "Better."}),
        ("r1", ann.id): ("draft", {}),
        ("r1", bob.id): ("discarded", {"flags": ["unsafe"]}),
        ("r2", bob.id): ("submitted", {"preference": "both_bad"}),
    }


def test_an_answer_that_is_given_meanwhile_stays(dataset: Dataset, stack: Stack) -> None:
    records = {item["external_id"]: item["id"] for item in dataset.items()}
    owner = dataset.http.get("/me").json()["id"]

    meanwhile = once(
        lambda request: request.startswith(f"GET /api/v1/datasets/{dataset.id}/records"),
        lambda: dataset.answer(records["r0"]),
    )
    responses = by_key(given("r0", "me", preference="b"), given("r1", "me", preference="b"))
    with Between(stack.argilla.url, meanwhile) as proxy, dataset.review(proxy.url) as review:
        written = write_responses(review, dataset.id, responses, user_ids={"me": owner})
    assert written.responses == {("r1", "me")}
    assert {key: values["preference"] for key, (_, values) in answers(dataset).items()} == {
        ("r0", owner): "a",
        ("r1", owner): "b",
    }


def test_responses_that_do_not_stay_are_an_error(dataset: Dataset, stack: Stack) -> None:
    owner = dataset.http.get("/me").json()["id"]

    def forget(request: str) -> None:
        if request.startswith(f"GET /api/v1/datasets/{dataset.id}/records"):
            for item in dataset.http.get(f"/datasets/{dataset.id}/records", params={"include": "responses"}).json()[
                "items"
            ]:
                for answer in item["responses"]:
                    dataset.http.delete(f"/responses/{answer['id']}").raise_for_status()

    with (
        Between(stack.argilla.url, forget) as proxy,
        dataset.review(proxy.url) as review,
        pytest.raises(ServiceError, match="does not keep the responses"),
    ):
        write_responses(review, dataset.id, by_key(given("r0", "me", preference="b")), user_ids={"me": owner})


@pytest.mark.parametrize(
    ("task", "values"),
    [
        (RatingTask(candidates=2), {"rating_1": 4, "rating_2": 1, "comment": "Ja\u2028nein"}),
        (
            RankingTask(candidates=2),
            {"ranking": [{"value": "response_1", "rank": 2}, {"value": "response_2", "rank": 1}]},
        ),
    ],
    ids=["rating", "ranking"],
)
def test_numbers_and_rankings_come_back_as_they_were(
    task: RatingTask | RankingTask, values: dict[str, JsonValue], stack: Stack
) -> None:
    candidate_set = make_set()
    records = task.records(candidate_set)
    assert not isinstance(records, Drop)
    [record] = records
    with (
        closing(Dataset(stack, task=task.settings())) as dataset,
        dataset.review(stack.argilla.url) as review,
    ):
        review.push([task.spec(candidate_set, record)])
        ann = new_account(review)
        response = given(record.id, "ann").model_copy(update={"values": values})
        write_responses(review, dataset.id, by_key(response), user_ids={"ann": ann.id})
        assert answers(dataset) == {(record.id, ann.id): ("submitted", values)}
