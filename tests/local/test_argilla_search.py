"""The search engine inside the real server: every scope Argilla filters by, the text language, order and counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from curation.local.argilla import ArgillaServer

pytestmark = pytest.mark.stack

Json = dict[str, Any]

RECORDS: list[Json] = [
    {"id": "cats", "prompt": "Why do cats purr?", "answer": "Purring calms a cat."},
    {"id": "dogs", "prompt": "Why do dogs bark?", "answer": "To warn the cat next door."},
    {"id": "tea", "prompt": "How is green tea made?", "answer": "Leaves are steamed."},
    {"id": "tokyo", "prompt": "東京の天気は?", "answer": "Don't know; it's sunny."},
]
METADATA: dict[str, Json] = {
    "cats": {"source": "hub", "gap": 0.1, "length": 3},
    "dogs": {"source": "hub", "gap": 0.5, "length": 9},
    "tea": {"source": "file", "gap": 0.9, "length": 5},
    "tokyo": {"source": "file"},
}
VECTORS = {"cats": [1.0, 0.0, 0.0], "dogs": [0.9, 0.1, 0.0], "tea": [0.0, 1.0, 0.0], "tokyo": [-1.0, 0.0, 0.0]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgillaServer]:
    with ArgillaServer(tmp_path_factory.mktemp("argilla")) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: ArgillaServer) -> Iterator[httpx2.Client]:
    with api(server, server.api_key) as http:
        yield http


@pytest.fixture(scope="module")
def annotators(server: ArgillaServer, owner: httpx2.Client) -> Iterator[list[httpx2.Client]]:
    [place] = owner.get("/me/workspaces").json()["items"]
    opened = []
    for name in ("ann", "ben"):
        body = {"first_name": name, "username": name, "password": "long enough"}
        user = owner.post("/users", json=body).raise_for_status().json()
        owner.post(f"/workspaces/{place['id']}/users", json={"user_id": user["id"]}).raise_for_status()
        opened.append(api(server, user["api_key"]))
    yield opened
    for http in opened:
        http.close()


@pytest.fixture(scope="module")
def dataset(server: ArgillaServer, owner: httpx2.Client, annotators: list[httpx2.Client]) -> Iterator[Any]:
    """Four records; ann has submitted cats and drafted dogs, ben has submitted cats and discarded tea."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Support for class-based `config`")
        import argilla as rg
    client = rg.Argilla(api_url=server.url, api_key=server.api_key)
    settings = rg.Settings(
        fields=[rg.ChatField("prompt"), rg.TextField("answer")],
        questions=[
            rg.LabelQuestion("good", labels=["yes", "no"]),
            rg.RatingQuestion("stars", values=[1, 2, 3, 4, 5]),
            rg.MultiLabelQuestion("flaws", labels=["rude", "wrong", "long"], required=False),
        ],
        metadata=[
            rg.TermsMetadataProperty("source"),
            rg.FloatMetadataProperty("gap"),
            rg.IntegerMetadataProperty("length"),
        ],
        vectors=[rg.VectorField("embedding", dimensions=3)],
        distribution=rg.TaskDistribution(min_submitted=2),
    )
    new_dataset = rg.Dataset("search", server.workspace, settings, client).create()
    for each in RECORDS:
        chat = [{"role": "user", "content": each["prompt"]}]
        new_dataset.records.log([{**each, **METADATA[each["id"]], "prompt": chat, "embedding": VECTORS[each["id"]]}])
    suggest(owner, new_dataset, "cats", "good", "yes", score=0.9, agent="judge")
    suggest(owner, new_dataset, "tea", "good", "no", score=0.2, agent="rules")
    suggest(owner, new_dataset, "tea", "flaws", ["rude", "long"], score=[0.5, 0.6], agent="judge")
    ann, ben = annotators
    answer(ann, owner, new_dataset, "cats", "submitted", good="yes", stars=5)
    answer(ben, owner, new_dataset, "cats", "submitted", good="no", stars=2)
    answer(ann, owner, new_dataset, "dogs", "draft", good="yes", stars=2, flaws=["wrong", "long"])
    answer(ben, owner, new_dataset, "tea", "discarded")
    yield new_dataset
    client.http_client.close()


def api(server: ArgillaServer, key: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"{server.url}/api/v1", headers={"X-Argilla-Api-Key": key}, timeout=300, trust_env=False
    )


def server_id(owner: httpx2.Client, dataset: Any, identity: str) -> str:
    items = owner.get(f"/datasets/{dataset.id}/records").json()["items"]
    return str(next(each["id"] for each in items if each["external_id"] == identity))


def suggest(owner: httpx2.Client, dataset: Any, identity: str, question: str, value: Any, **more: Any) -> None:
    body = {"question_id": str(dataset.settings.questions[question].id), "value": value, "type": "model", **more}
    owner.put(f"/records/{server_id(owner, dataset, identity)}/suggestions", json=body).raise_for_status()


def answer(who: httpx2.Client, owner: httpx2.Client, dataset: Any, identity: str, status: str, **values: Any) -> None:
    body = {"status": status, "values": {name: {"value": value} for name, value in values.items()}}
    who.post(f"/records/{server_id(owner, dataset, identity)}/responses", json=body).raise_for_status()


def search(http: httpx2.Client, dataset: Any, *, me: bool = False, **body: Any) -> tuple[list[str], int]:
    """Return the external ids found, in order, and the total."""
    parameters: Json = {name: body.pop(name) for name in ("offset", "limit") if name in body}
    path = f"{'/me' if me else ''}/datasets/{dataset.id}/records/search"
    answer = http.post(path, params=parameters, json=body).raise_for_status().json()
    return [each["record"]["external_id"] for each in answer["items"]], answer["total"]


def by_text(http: httpx2.Client, dataset: Any, text: str, field: str | None = None) -> set[str]:
    return set(search(http, dataset, query={"text": {"q": text, "field": field}})[0])


def terms(*values: Any, **scope: Any) -> Json:
    return {"type": "terms", "scope": scope, "values": list(values)}


def between(ge: Any = None, le: Any = None, **scope: Any) -> Json:
    return {"type": "range", "scope": scope, "ge": ge, "le": le}


def kept(http: httpx2.Client, dataset: Any, *filters: Json, me: bool = False) -> set[str]:
    external_ids, total = search(http, dataset, me=me, filters={"and": list(filters)})
    assert len(external_ids) == total
    return set(external_ids)


def test_without_a_query_all_records_come_in_order_of_insertion(dataset: Any, owner: httpx2.Client) -> None:
    assert search(owner, dataset) == (["cats", "dogs", "tea", "tokyo"], 4)
    assert search(owner, dataset, offset=1, limit=2) == (["dogs", "tea"], 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", {"cats", "dogs"}),
        ("CATS", {"cats"}),
        ("cat purring", {"cats"}),
        ("purring | steamed", {"cats", "tea"}),
        ("why -dogs", {"cats"}),
        ('"green tea"', {"tea"}),
        ('"tea green"', set()),
        ("steam*", {"tea"}),
        ("steam", set()),
        ("why + (purring | bark)", {"cats", "dogs"}),
        ("-(cat | tea)", {"tokyo"}),
        ("東京", {"tokyo"}),
        ("don't", {"tokyo"}),
        ("???", set()),
    ],
)
def test_text_is_searched_in_the_language_of_simple_query_strings(
    dataset: Any, owner: httpx2.Client, text: str, expected: set[str]
) -> None:
    assert by_text(owner, dataset, text) == expected


def test_text_can_be_searched_in_one_field_and_chats_by_their_contents(dataset: Any, owner: httpx2.Client) -> None:
    assert by_text(owner, dataset, "dogs", field="prompt") == {"dogs"}
    assert by_text(owner, dataset, "dogs", field="answer") == set()
    assert by_text(owner, dataset, "user", field="prompt") == set()


def test_text_and_filters_are_combined_and_a_page_has_the_total_count(dataset: Any, owner: httpx2.Client) -> None:
    hub = {"and": [terms("hub", entity="metadata", metadata_property="source")]}
    page = search(owner, dataset, query={"text": {"q": "cat | tea"}}, filters=hub, limit=1, offset=1)
    assert page[1] == 2
    assert len(page[0]) == 1


def test_records_are_filtered_by_metadata(dataset: Any, owner: httpx2.Client) -> None:
    assert kept(owner, dataset, terms("file", entity="metadata", metadata_property="source")) == {"tea", "tokyo"}
    assert kept(owner, dataset, terms("hub", "file", entity="metadata", metadata_property="source")) == set(VECTORS)
    assert kept(owner, dataset, between(0.5, 0.9, entity="metadata", metadata_property="gap")) == {"dogs", "tea"}
    assert kept(owner, dataset, between(None, 5, entity="metadata", metadata_property="length")) == {"cats", "tea"}
    both = [
        terms("hub", entity="metadata", metadata_property="source"),
        between(0.2, entity="metadata", metadata_property="gap"),
    ]
    assert kept(owner, dataset, *both) == {"dogs"}


def test_records_are_filtered_by_their_own_properties(dataset: Any, owner: httpx2.Client) -> None:
    assert kept(owner, dataset, terms("completed", entity="record", property="status")) == {"cats"}
    assert kept(owner, dataset, terms("pending", entity="record", property="status")) == {"dogs", "tea", "tokyo"}
    assert kept(owner, dataset, terms("tea", "cats", entity="record", property="external_id")) == {"tea", "cats"}
    identity = server_id(owner, dataset, "dogs")
    assert kept(owner, dataset, terms(identity, entity="record", property="id")) == {"dogs"}


def test_records_are_filtered_by_time_in_either_notation(dataset: Any, owner: httpx2.Client) -> None:
    items = owner.get(f"/datasets/{dataset.id}/records").json()["items"]
    third = items[2]["inserted_at"]
    scope = {"entity": "record", "property": "inserted_at"}
    assert kept(owner, dataset, between(third, **scope)) == {"tea", "tokyo"}
    assert kept(owner, dataset, between(f"{third}+00:00", **scope)) == {"tea", "tokyo"}
    assert kept(owner, dataset, between(0.0, 1.0, **scope)) == set()
    assert kept(owner, dataset, between(0.0, None, **scope)) == set(VECTORS)


def test_records_are_filtered_by_suggestions(dataset: Any, owner: httpx2.Client) -> None:
    def suggestion(question: str, name: str) -> Json:
        return {"entity": "suggestion", "question": question, "property": name}

    assert kept(owner, dataset, terms("yes", **suggestion("good", "value"))) == {"cats"}
    assert kept(owner, dataset, terms("long", **suggestion("flaws", "value"))) == {"tea"}
    assert kept(owner, dataset, terms("judge", **suggestion("good", "agent"))) == {"cats"}
    assert kept(owner, dataset, terms("model", **suggestion("good", "type"))) == {"cats", "tea"}
    assert kept(owner, dataset, between(0.5, 1, **suggestion("good", "score"))) == {"cats"}
    assert kept(owner, dataset, between(0.6, 1, **suggestion("flaws", "score"))) == {"tea"}


def test_records_are_filtered_by_responses_of_anyone_or_of_the_user_who_asks(
    dataset: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    ann, ben = annotators
    scope = {"entity": "response", "question": "good"}
    assert kept(owner, dataset, terms("no", **scope)) == {"cats"}
    assert kept(ann, dataset, terms("no", **scope), me=True) == set()
    assert kept(ben, dataset, terms("no", **scope), me=True) == {"cats"}
    assert kept(owner, dataset, terms("wrong", entity="response", question="flaws")) == {"dogs"}
    assert kept(owner, dataset, between(3, 5, entity="response", question="stars")) == {"cats"}
    assert kept(owner, dataset, terms(2, entity="response", question="stars")) == {"cats", "dogs"}


def test_records_are_filtered_by_the_status_of_responses_and_pending_means_none(
    dataset: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    ann, _ = annotators
    scope = {"entity": "response", "property": "status"}
    assert kept(owner, dataset, terms("submitted", **scope)) == {"cats"}
    assert kept(owner, dataset, terms("draft", "discarded", **scope)) == {"dogs", "tea"}
    assert kept(owner, dataset, terms("pending", **scope)) == {"tokyo"}
    assert kept(ann, dataset, terms("pending", **scope), me=True) == {"tea", "tokyo"}
    assert kept(ann, dataset, terms("pending", "draft", **scope), me=True) == {"dogs", "tea", "tokyo"}


def test_a_filter_that_makes_no_sense_is_refused_and_does_not_crash(dataset: Any, owner: httpx2.Client) -> None:
    path = f"/datasets/{dataset.id}/records/search"
    for wrong in (
        between("much", entity="metadata", metadata_property="gap"),
        between("yesterday", entity="record", property="inserted_at"),
        terms("x", entity="metadata", metadata_property="unknown"),
        between(1, 2, entity="response", property="status"),
    ):
        assert owner.post(path, json={"filters": {"and": [wrong]}}).status_code == 422


@pytest.mark.parametrize(
    ("scope", "order", "expected"),
    [
        ({"entity": "metadata", "metadata_property": "gap"}, "desc", ["tea", "dogs", "cats", "tokyo"]),
        ({"entity": "metadata", "metadata_property": "length"}, "asc", ["cats", "tea", "dogs", "tokyo"]),
        ({"entity": "record", "property": "inserted_at"}, "desc", ["tokyo", "tea", "dogs", "cats"]),
        ({"entity": "record", "property": "status"}, "asc", ["cats", "dogs", "tea", "tokyo"]),
        ({"entity": "suggestion", "question": "good", "property": "score"}, "asc", ["tea", "cats", "dogs", "tokyo"]),
        ({"entity": "suggestion", "question": "good", "property": "value"}, "desc", ["cats", "tea", "dogs", "tokyo"]),
        ({"entity": "response", "question": "stars"}, "asc", ["dogs", "cats", "tea", "tokyo"]),
    ],
)
def test_records_are_sorted_and_those_without_a_value_come_last(
    dataset: Any, owner: httpx2.Client, scope: Json, order: str, expected: list[str]
) -> None:
    assert search(owner, dataset, sort=[{"scope": scope, "order": order}])[0] == expected


def test_each_reviewer_gets_an_order_of_their_own_that_stays(
    dataset: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    orders = [search(who, dataset, me=True)[0] for who in (owner, *annotators)]
    again = [search(who, dataset, me=True)[0] for who in (owner, *annotators)]
    paged = [search(owner, dataset, me=True, offset=at, limit=1)[0][0] for at in range(4)]
    assert orders == again
    assert orders[0] == paged
    assert all(sorted(order) == sorted(VECTORS) for order in orders)


def test_the_orders_of_reviewers_differ(dataset: Any, owner: httpx2.Client, annotators: list[httpx2.Client]) -> None:
    import argilla as rg

    settings = rg.Settings(fields=[rg.TextField("text")], questions=[rg.LabelQuestion("good", labels=["yes", "no"])])
    many = rg.Dataset("many", "argilla", settings, dataset._client).create()
    names = [f"r{number:02}" for number in range(50)]
    many.records.log([{"id": name, "text": name} for name in names])
    orders = [tuple(search(who, many, me=True)[0]) for who in (owner, *annotators)]
    assert all(sorted(order) == names for order in orders)
    assert len({*orders, tuple(names)}) == 4


def test_the_most_similar_records_come_first_without_the_record_itself(dataset: Any, owner: httpx2.Client) -> None:
    def similar(**query: Any) -> list[str]:
        return search(owner, dataset, query={"vector": {"name": "embedding", **query}})[0]

    assert similar(value=[1.0, 0.0, 0.0]) == ["cats", "dogs", "tea", "tokyo"]
    assert similar(value=[1.0, 0.0, 0.0], order="least_similar") == ["tokyo", "tea", "dogs", "cats"]
    assert similar(record_id=server_id(owner, dataset, "cats")) == ["dogs", "tea", "tokyo"]
    vector = {"name": "embedding", "value": [1.0, 0.0, 0.0]}
    assert search(owner, dataset, query={"vector": vector, "text": {"q": "cat"}})[0] == ["cats", "dogs"]
    hub = {"and": [terms("file", entity="metadata", metadata_property="source")]}
    assert search(owner, dataset, query={"vector": vector}, filters=hub)[0] == ["tea", "tokyo"]


def test_metrics_count_terms_and_bound_numbers(dataset: Any, owner: httpx2.Client) -> None:
    def metrics(name: str) -> Json:
        identity = dataset.settings.metadata[name].id
        return dict(owner.get(f"/metadata-properties/{identity}/metrics").raise_for_status().json())

    counts = [{"term": "file", "count": 2}, {"term": "hub", "count": 2}]
    assert metrics("source") == {"type": "terms", "total": 4, "values": counts}
    assert metrics("gap") == {"type": "float", "min": 0.1, "max": 0.9}
    assert metrics("length") == {"type": "integer", "min": 3, "max": 9}


def test_progress_counts_the_teams_records_and_one_users_responses(
    dataset: Any, owner: httpx2.Client, annotators: list[httpx2.Client]
) -> None:
    progress = owner.get(f"/datasets/{dataset.id}/progress").json()
    assert {name: progress[name] for name in ("total", "completed", "pending")} == {
        "total": 4,
        "completed": 1,
        "pending": 3,
    }
    mine = [who.get(f"/me/datasets/{dataset.id}/metrics").json()["responses"] for who in annotators]
    assert mine == [
        {"total": 4, "submitted": 1, "discarded": 0, "draft": 1, "pending": 2},
        {"total": 4, "submitted": 1, "discarded": 1, "draft": 0, "pending": 2},
    ]
    users = owner.get(f"/datasets/{dataset.id}/users/progress").json()["users"]
    assert {user["username"] for user in users} == {"ann", "ben"}


def test_the_sdk_can_search_with_its_own_queries(dataset: Any) -> None:
    import argilla as rg

    query = rg.Query(query="cat", filter=[("metadata.gap", "<=", 0.3), ("response.status", "in", ["submitted"])])
    assert [record.id for record in dataset.records(query)] == ["cats"]
    assert [record.id for record in dataset.records(rg.Query(filter=("stars.response", "==", 2)))] == ["cats", "dogs"]
