"""What this project relies on in Argilla 2.8, asked of a real server: a failing test here names a fact that changed."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any

import httpx2
import pytest

from curation.local.argilla import ArgillaServer

pytestmark = pytest.mark.stack

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgillaServer]:
    with ArgillaServer(tmp_path_factory.mktemp("argilla")) as running:
        yield running


@pytest.fixture(scope="module")
def rg() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Support for class-based `config`")
        import argilla
    return argilla


@pytest.fixture(scope="module")
def client(server: ArgillaServer, rg: Any) -> Iterator[Any]:
    connected = rg.Argilla(api_url=server.url, api_key=server.api_key)
    yield connected
    connected.http_client.close()


@pytest.fixture(scope="module")
def owner(server: ArgillaServer) -> Iterator[httpx2.Client]:
    with api(server, server.api_key) as http:
        yield http


@pytest.fixture(scope="module")
def everyone(server: ArgillaServer, owner: httpx2.Client) -> Iterator[list[httpx2.Client]]:
    """Three annotators, each with a client of their own; every test has its own dataset, so they can be shared."""
    opened = [api(server, new_user(owner, server.workspace)["api_key"]) for _ in range(3)]
    yield opened
    for http in opened:
        http.close()


@pytest.fixture
def reviewer(everyone: list[httpx2.Client]) -> Callable[[], httpx2.Client]:
    """Give out one annotator after another."""
    return iter(everyone).__next__


@pytest.fixture
def dataset(client: Any, rg: Any, server: ArgillaServer) -> Any:
    """A dataset of the kind we make, whose records need two submitted responses."""
    settings = rg.Settings(
        guidelines="Which one is better?",
        fields=[rg.ChatField("prompt"), rg.TextField("first"), rg.TextField("second")],
        questions=[
            rg.LabelQuestion("better", labels=["first", "second", "tie"]),
            rg.TextQuestion("why", required=False),
        ],
        metadata=[rg.TermsMetadataProperty("source"), rg.FloatMetadataProperty("gap")],
        distribution=rg.TaskDistribution(min_submitted=2),
    )
    return rg.Dataset(f"facts-{next(NUMBERS)}", server.workspace, settings, client).create()


NUMBERS = itertools.count(1)


def api(server: ArgillaServer, key: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"{server.url}/api/v1", headers={"X-Argilla-Api-Key": key}, timeout=300, trust_env=False
    )


def new_user(owner: httpx2.Client, workspace: str) -> Json:
    name = f"reviewer{next(NUMBERS)}"
    user = owner.post("/users", json={"first_name": name, "username": name, "password": "long enough"}).json()
    [place] = [each for each in owner.get("/me/workspaces").json()["items"] if each["name"] == workspace]
    assert owner.post(f"/workspaces/{place['id']}/users", json={"user_id": user["id"]}).is_success
    return dict(user)


def item(identity: str, **more: Any) -> Json:
    prompt = [{"role": "user", "content": f"the question {identity}"}]
    return {"id": identity, "prompt": prompt, "first": "one answer", "second": "another", **more}


def log(dataset: Any, *items: Json) -> None:
    dataset.records.log(list(items))


def records(owner: httpx2.Client, dataset: Any, **parameters: Any) -> list[Json]:
    answer = owner.get(f"/datasets/{dataset.id}/records", params={"include": "responses", "limit": 1000, **parameters})
    return list(answer.raise_for_status().json()["items"])


def respond(who: httpx2.Client, record: Json, value: str = "first", status: str = "submitted") -> Json:
    body = {"values": {"better": {"value": value}}, "status": status}
    return dict(who.post(f"/records/{record['id']}/responses", json=body).raise_for_status().json())


def change(who: httpx2.Client, response: Json, value: str = "first", status: str = "submitted") -> Json:
    body = {"values": {"better": {"value": value}}, "status": status}
    return dict(who.put(f"/responses/{response['id']}", json=body).raise_for_status().json())


class Clock:
    """What the two clocks of the sync table say now: the record's and the dataset's."""

    def __init__(self, owner: httpx2.Client, dataset: Any) -> None:
        self._owner, self._dataset = owner, dataset
        self._seen = self._read()

    def moved(self) -> tuple[bool, bool]:
        """(record.updated_at moved, dataset.last_activity_at moved) since the last look."""
        before, self._seen = self._seen, self._read()
        return before[0] != self._seen[0], before[1] != self._seen[1]

    def _read(self) -> tuple[str, str]:
        [record] = records(self._owner, self._dataset)
        dataset = self._owner.get(f"/datasets/{self._dataset.id}").json()
        return record["updated_at"], dataset["last_activity_at"]


MOVED, SAME = True, False


# Records and the SDK


def test_records_log_upserts_by_external_id(dataset: Any, owner: httpx2.Client) -> None:
    log(dataset, item("one"), item("two"))
    before = {each["external_id"]: each["id"] for each in records(owner, dataset)}
    log(dataset, item("one", second="changed"), item("two"))
    after = records(owner, dataset)
    assert {each["external_id"]: each["id"] for each in after} == before
    assert [each["fields"]["second"] for each in after] == ["changed", "another"]


def test_records_log_keeps_the_responses_of_a_record_it_updates(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    respond(reviewer(), records(owner, dataset)[0])
    log(dataset, item("one", second="changed"))
    [record] = records(owner, dataset)
    assert record["fields"]["second"] == "changed"
    assert len(record["responses"]) == 1


def test_relogging_without_metadata_wipes_it(dataset: Any, owner: httpx2.Client) -> None:
    log(dataset, item("one", source="hub", gap=0.5))
    assert records(owner, dataset)[0]["metadata"] == {"source": "hub", "gap": 0.5}
    log(dataset, item("one"))
    assert not records(owner, dataset)[0]["metadata"]


def test_metadata_that_was_not_declared_is_refused(dataset: Any, owner: httpx2.Client) -> None:
    fields = {name: value for name, value in item("one").items() if name != "id"}
    body = {"items": [{"fields": fields, "metadata": {"other": "x"}}]}
    answer = owner.post(f"/datasets/{dataset.id}/records/bulk", json=body)
    assert answer.status_code == 422
    assert "other" in answer.text


def test_reading_a_missing_dataset_gives_a_warning_and_no_records(client: Any, rg: Any, server: ArgillaServer) -> None:
    missing = rg.Dataset("never-made", server.workspace, rg.Settings(fields=[rg.TextField("f")]), client)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert list(missing.records) == []
    assert any("does not exist" in str(each.message) for each in caught)


def test_reading_with_the_sdk_loses_when_a_response_was_given(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    given = respond(reviewer(), records(owner, dataset)[0])
    [record] = dataset.records(with_responses=True)
    [response] = list(record.responses)
    assert {"id", "inserted_at", "updated_at"} <= given.keys()
    assert not any(hasattr(response, name) for name in ("id", "inserted_at", "updated_at"))


def test_reading_with_the_sdk_fails_on_a_discard_without_values(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    discard = {"values": None, "status": "discarded"}
    reviewer().post(f"/records/{records(owner, dataset)[0]['id']}/responses", json=discard).raise_for_status()
    assert records(owner, dataset)[0]["responses"][0]["values"] is None
    with pytest.raises(AttributeError):
        list(dataset.records(with_responses=True))


def test_a_discard_may_carry_no_values_empty_values_or_an_answer(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    for values in (None, {}, {"better": {"value": "tie"}}):
        body = {"values": values, "status": "discarded"}
        given = reviewer().post(f"/records/{record['id']}/responses", json=body).raise_for_status().json()
        assert given["values"] == values
    assert records(owner, dataset)[0]["status"] == "pending"


def test_the_sdk_does_not_show_api_keys_but_the_api_does(client: Any, owner: httpx2.Client) -> None:
    assert not hasattr(client.users("owner"), "api_key")
    assert all(user["api_key"] for user in owner.get("/users").json()["items"])


def test_an_annotator_may_not_list_records_but_sees_the_responses_of_others_on_one(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    reviewer_client, other = reviewer(), reviewer()
    respond(reviewer_client, record)
    assert other.get(f"/datasets/{dataset.id}/records").status_code == 403
    assert len(other.get(f"/records/{record['id']}").json()["responses"]) == 1


def test_a_required_question_may_be_left_out_of_a_draft_only(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    path = f"/records/{records(owner, dataset)[0]['id']}/responses"
    values = {"why": {"value": "because"}}
    assert reviewer().post(path, json={"values": values, "status": "submitted"}).status_code == 422
    assert reviewer().post(path, json={"values": values, "status": "draft"}).status_code == 201


@pytest.mark.parametrize("name", ["helpful_score", "answer_type", "metadata_ok"])
def test_the_sdk_cannot_filter_by_the_bare_name_of_a_question_that_ends_like_a_property(rg: Any, name: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        rg.Filter((name, "==", "x")).api_model()
    rg.Filter(("better", "==", "x")).api_model()


@pytest.mark.parametrize("name", ["helpful_score", "answer_type"])
def test_the_sdk_can_filter_by_the_responses_to_such_a_question(rg: Any, name: str) -> None:
    [condition] = rg.Filter((f"{name}.response", "==", "x")).api_model().and_
    assert condition.scope.question == name


# Paging


def test_pages_are_ordered_by_insertion_and_a_delete_shifts_them(dataset: Any, owner: httpx2.Client) -> None:
    log(dataset, *[item(f"r{number}") for number in range(5)])
    first = records(owner, dataset, limit=2)
    assert [each["external_id"] for each in first] == ["r0", "r1"]
    owner.delete(f"/datasets/{dataset.id}/records", params={"ids": first[0]["id"]}).raise_for_status()
    assert [each["external_id"] for each in records(owner, dataset, limit=2, offset=2)] == ["r3", "r4"]


def test_a_page_holds_at_most_a_thousand_records_and_a_write_five_hundred(dataset: Any, owner: httpx2.Client) -> None:
    assert owner.get(f"/datasets/{dataset.id}/records", params={"limit": 1001}).status_code == 422
    fields = {"prompt": [{"role": "user", "content": "?"}], "first": "a", "second": "b"}
    path = f"/datasets/{dataset.id}/records/bulk"
    assert owner.put(path, json={"items": [{"fields": fields}] * 501}).status_code == 422
    assert owner.put(path, json={"items": [{"fields": fields}] * 500}).status_code == 200
    assert owner.get(f"/datasets/{dataset.id}/records", params={"limit": 1}).json()["total"] == 500


def test_responses_are_written_a_hundred_at_a_time(dataset: Any, owner: httpx2.Client) -> None:
    log(dataset, *[item(f"r{number}") for number in range(101)])
    answers = [
        {"record_id": each["id"], "status": "submitted", "values": {"better": {"value": "tie"}}}
        for each in records(owner, dataset)
    ]
    assert owner.post("/me/responses/bulk", json={"items": answers}).status_code == 422
    assert owner.post("/me/responses/bulk", json={"items": answers[:100]}).status_code == 200


# What moves when


def test_updated_at_moves_only_when_the_status_flips(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    reviewer_client, other = reviewer(), reviewer()
    clock = Clock(owner, dataset)
    first = respond(reviewer_client, record)
    assert clock.moved() == (SAME, MOVED), "the first of two responses"
    second = respond(other, record)
    assert clock.moved() == (MOVED, MOVED), "the second: completed"
    change(reviewer_client, first, "second")
    assert clock.moved() == (SAME, MOVED), "edited"
    change(reviewer_client, first, "second")
    assert clock.moved() == (SAME, MOVED), "put again, identical"
    change(other, second, status="draft")
    assert clock.moved() == (MOVED, MOVED), "made a draft: pending again"
    change(other, second, status="discarded")
    assert clock.moved() == (SAME, MOVED), "discarded"
    owner.delete(f"/responses/{second['id']}").raise_for_status()
    assert clock.moved() == (SAME, MOVED), "deleted without a flip"


def test_which_records_were_edited_shows_nowhere_but_in_the_records(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    """No count, filter or order tells which changed: so a sync that no webhook helps reads all records."""
    log(dataset, item("one"), item("two"))
    one, two = records(owner, dataset)
    client = reviewer()
    responses = [respond(client, one, "first"), respond(client, two, "second")]

    def shown() -> list[Any]:
        path = f"/datasets/{dataset.id}"
        scope = {"entity": "response", "question": "better"}
        filters = [{"and": [{"type": "terms", "scope": scope, "values": [value]}]} for value in ("first", "second")]
        order = [{"scope": {"entity": "record", "property": "updated_at"}, "order": "desc"}]
        searches = [{"filters": each} for each in filters]
        totals = [
            owner.post(f"{path}/records/search", json=body).raise_for_status().json()["total"] for body in searches
        ]
        newest = owner.post(f"{path}/records/search", json={"sort": order}).raise_for_status().json()["items"]
        counts = [owner.get(f"{path}/progress").json(), owner.get(f"{path}/users/progress").json()]
        own = client.get(f"/me/datasets/{dataset.id}/metrics").json()
        return [totals, [hit["record"]["id"] for hit in newest], counts, own]

    before = shown()
    change(client, responses[0], "second")
    change(client, responses[1], "first")
    assert shown() == before
    values = [record["responses"][0]["values"]["better"]["value"] for record in records(owner, dataset)]
    assert values == ["second", "first"]


def test_deleting_a_response_that_completed_a_record_moves_updated_at(
    dataset: Any, owner: httpx2.Client, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    respond(reviewer(), record)
    last = respond(reviewer(), record)
    clock = Clock(owner, dataset)
    owner.delete(f"/responses/{last['id']}").raise_for_status()
    assert clock.moved() == (MOVED, MOVED)
    assert records(owner, dataset)[0]["status"] == "pending"


def test_updated_at_moves_when_an_upsert_alters_the_record_and_not_otherwise(
    dataset: Any, owner: httpx2.Client
) -> None:
    log(dataset, item("one", source="hub"))
    clock = Clock(owner, dataset)
    log(dataset, item("one", source="hub"))
    assert clock.moved() == (SAME, SAME), "an identical upsert"
    log(dataset, item("one", source="file"))
    assert clock.moved() == (MOVED, SAME), "other metadata"


def test_responses_logged_with_records_do_not_move_the_datasets_activity(
    dataset: Any, rg: Any, client: Any, owner: httpx2.Client
) -> None:
    log(dataset, item("one"))
    clock = Clock(owner, dataset)
    response = rg.Response("better", "first", user_id=client.me.id, status="submitted")
    fields = {name: value for name, value in item("one").items() if name != "id"}
    dataset.records.log([rg.Record(id="one", fields=fields, responses=[response])])
    assert clock.moved()[1] is SAME
    assert len(records(owner, dataset)[0]["responses"]) == 1


def test_a_suggestion_moves_nothing(dataset: Any, owner: httpx2.Client) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    clock = Clock(owner, dataset)
    suggestion = {"question_id": str(dataset.settings.questions["better"].id), "value": "first", "type": "model"}
    owner.put(f"/records/{record['id']}/suggestions", json=suggestion).raise_for_status()
    assert clock.moved() == (SAME, SAME)


def test_a_deleted_users_responses_vanish_and_nothing_shows_it(
    dataset: Any, owner: httpx2.Client, server: ArgillaServer, reviewer: Callable[[], httpx2.Client]
) -> None:
    log(dataset, item("one"))
    [record] = records(owner, dataset)
    user = new_user(owner, server.workspace)
    with api(server, user["api_key"]) as leaving:
        respond(leaving, record)
    respond(reviewer(), record)
    assert records(owner, dataset)[0]["status"] == "completed"
    clock = Clock(owner, dataset)
    owner.delete(f"/users/{user['id']}").raise_for_status()
    [after] = records(owner, dataset)
    assert clock.moved() == (SAME, SAME)
    assert len(after["responses"]) == 1
    assert after["status"] == "completed", "not recomputed"


# Webhooks


@pytest.fixture
def receiver() -> Iterator[tuple[str, Queue[tuple[Json, Json]]]]:
    """An address that takes webhooks, and the queue of (headers, body) it got."""
    received: Queue[tuple[Json, Json]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.put(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/", received
    listening.shutdown()
    listening.server_close()


def test_a_webhook_tells_of_a_response_in_the_form_of_standard_webhooks(
    dataset: Any,
    owner: httpx2.Client,
    reviewer: Callable[[], httpx2.Client],
    receiver: tuple[str, Queue[tuple[Json, Json]]],
) -> None:
    address, received = receiver
    log(dataset, item("one"))
    hook = owner.post("/webhooks", json={"url": address, "events": ["response.created"]}).raise_for_status().json()
    given = respond(reviewer(), records(owner, dataset)[0])
    headers, body = received.get(timeout=300)
    owner.delete(f"/webhooks/{hook['id']}").raise_for_status()
    assert {"webhook-id", "webhook-timestamp"} <= headers.keys()
    assert headers["webhook-signature"].startswith("v1,")
    assert body.keys() == {"type", "version", "timestamp", "data"}
    assert (body["type"], body["data"]["id"]) == ("response.created", given["id"])


def test_only_an_owner_makes_webhooks(reviewer: Callable[[], httpx2.Client]) -> None:
    body = {"url": "http://127.0.0.1:1/", "events": ["record.completed"]}
    assert reviewer().post("/webhooks", json=body).status_code == 403


def test_a_page_of_records_is_read_from_its_place_and_not_sorted_first(server: ArgillaServer) -> None:
    query = "SELECT * FROM records WHERE dataset_id = 'd' ORDER BY inserted_at LIMIT 1000 OFFSET 99000"
    with closing(sqlite3.connect(server.folder / "argilla.db")) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SEARCH records USING INDEX curation_pages (dataset_id=?)"]
