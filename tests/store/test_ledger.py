"""The ledger of responses: each change is one more version, and what was withdrawn can still be told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curation.hub import connect
from curation.local.hub import HubServer
from curation.store import ReviewedDataset, Reviews, Store
from curation.store.ledger import new_versions, present, without
from curation.types import Response, ResponseVersion

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DATASET = ReviewedDataset(workspace="default", dataset="demo", dataset_id="d", guidelines="")
Versions = list[tuple[str, str, object, int, str | None]]


def answered(record_id: str, reviewer: str, preference: str, *, account: str = "", minutes: int = 0) -> Response:
    """Return a response; `minutes` after noon it was changed last."""
    return Response(
        record_id=record_id,
        reviewer=reviewer,
        status="submitted",
        values={"preference": preference},
        dataset_id="d",
        server_record_id=f"server-{record_id}",
        server_user_id=account or f"account-{reviewer}",
        inserted_at=NOON,
        updated_at=NOON + timedelta(minutes=minutes),
    )


def by_key(*responses: Response) -> dict[tuple[str, str], Response]:
    return {(response.record_id, response.reviewer): response for response in responses}


def told(versions: list[ResponseVersion] | tuple[ResponseVersion, ...]) -> Versions:
    """Return of each version: the record, the reviewer, the answer, the hour of the sync, and why it ended."""
    return [
        (
            version.record_id,
            version.reviewer,
            version.values["preference"],
            version.synced_at.hour,
            version.ended,
        )
        for version in versions
    ]


def test_a_sync_adds_a_version_of_each_response_that_is_new_changed_withdrawn_or_renamed() -> None:
    before = by_key(
        answered("r1", "ann", "a"),
        answered("r1", "bob", "b"),
        answered("r2", "ann", "a"),
        answered("r3", "ann", "a"),
        answered("r4", "eva", "b"),
    )
    after = by_key(
        answered("r1", "ann", "a"),
        answered("r2", "ann", "b", minutes=5),
        answered("r4", "eve", "b", account="account-eva"),
        answered("r5", "ann", "a"),
    )
    assert told(new_versions(before, after, renamed={"eva": "eve"}, synced_at=NOON)) == [
        ("r1", "bob", "b", 12, "withdrawn"),
        ("r3", "ann", "a", 12, "withdrawn"),
        ("r4", "eva", "b", 12, "renamed"),
        ("r2", "ann", "b", 12, None),
        ("r4", "eve", "b", 12, None),
        ("r5", "ann", "a", 12, None),
    ]


def test_what_argilla_says_was_changed_is_a_version_even_if_the_answer_is_the_same() -> None:
    before, after = by_key(answered("r1", "ann", "a")), by_key(answered("r1", "ann", "a", minutes=1))
    [version] = new_versions(before, after, renamed={}, synced_at=NOON)
    assert version.updated_at == NOON + timedelta(minutes=1)


def test_the_versions_of_any_history_lead_to_its_end() -> None:
    rng = random.Random(5)
    responses: dict[tuple[str, str], Response] = {}
    versions: list[ResponseVersion] = []
    for hour in range(50):
        after = {key: response for key, response in responses.items() if rng.random() < 0.8}
        for _ in range(rng.randrange(4)):
            after |= by_key(answered(f"r{rng.randrange(5)}", rng.choice(["ann", "bob"]), rng.choice("ab")))
        versions += new_versions(responses, after, renamed={}, synced_at=NOON + timedelta(hours=hour))
        responses = after
        assert present(versions) == responses
    assert len(versions) > 50


def test_the_versions_of_forgotten_accounts_are_left_out() -> None:
    before = by_key(answered("r1", "ann", "a"), answered("r1", "bob", "b"))
    versions = new_versions({}, before, renamed={}, synced_at=NOON)
    versions += new_versions(before, by_key(answered("r1", "bob", "b")), renamed={}, synced_at=NOON)
    assert told(without(versions, {"account-ann"})) == [("r1", "bob", "b", 12, None)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with HubServer(tmp_path / "hub") as hub:
        new_store = Store(connect(hub.url, hub.token), "admin/demo-store", name="demo", min_candidates=2)
        new_store.create()
        yield new_store


@pytest.mark.slow
def test_the_store_keeps_every_version_until_a_reviewer_is_forgotten(store: Store) -> None:
    def sync(hour: int, *responses: Response, forgotten: tuple[str, ...] = ()) -> str | None:
        read = Reviews(by_key(*responses), {}, DATASET, forgotten, NOON + timedelta(hours=hour))
        return store.set_reviews(lambda _: read)

    assert sync(0, answered("r1", "ann", "a"), answered("r1", "bob", "b"))
    assert sync(1, answered("r1", "ann", "b", minutes=30), answered("r1", "bob", "b"))
    # What is seen again adds no version and no commit.
    assert sync(2, answered("r1", "ann", "b", minutes=30), answered("r1", "bob", "b")) is None
    assert sync(3, answered("r1", "bob", "b"))
    snapshot = store.snapshot()
    assert snapshot.responses == by_key(answered("r1", "bob", "b"))
    assert told(snapshot.response_versions) == [
        ("r1", "ann", "a", 12, None),
        ("r1", "bob", "b", 12, None),
        ("r1", "ann", "b", 13, None),
        ("r1", "ann", "b", 15, "withdrawn"),
    ]
    assert len(snapshot.manifest.files["responses"]) == 3
    # Of who is forgotten no version is left, of what was withdrawn long ago neither.
    assert sync(4, answered("r1", "bob", "b"), forgotten=("account-ann",))
    snapshot = store.snapshot()
    assert told(snapshot.response_versions) == [("r1", "bob", "b", 12, None)]
    assert [path for path in snapshot.sizes if path.startswith("responses/")] == list(
        snapshot.manifest.files["responses"]
    )
