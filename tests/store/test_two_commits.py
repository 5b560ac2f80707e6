"""Two commands commit to a store at once: of each pair, whichever comes second adds to what the first one wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import httpx2
import pytest

from curation.hub import connect
from curation.local.hub import HubServer
from curation.store import PromptsRead, Reviews, Snapshot, Store
from curation.types import Response, ReviewRecord
from tests.faulty import FaultyProxy
from tests.rows import make_prompt, make_set
from tests.store.test_ledger import DATASET, answered, by_key

pytestmark = pytest.mark.stack

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETS = [make_set(prompt=make_prompt(f"Question {number}?")) for number in range(3)]
RECORDS = [
    ReviewRecord(
        id=f"{number:016x}",
        task="pairwise",
        prompt_id=one.prompt.id,
        set_id=one.id,
        candidates=tuple(candidate.id for candidate in one.candidates[:2]),
    )
    for number, one in enumerate(SETS)
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with HubServer(tmp_path_factory.mktemp("hub")) as server:
        yield server


def store_at(url: str, token: str, name: str) -> Store:
    return Store(connect(url, token), f"admin/{name}", name=name, min_candidates=2)


def push(store: Store) -> str | None:
    """As `push` does: the second record is new."""
    return store.set_shown(RECORDS, {SETS[2].id: "identical_candidates"})


def retire(store: Store) -> str | None:
    """As `push` does at its end."""
    return store.retire_records([UNANSWERED], shown=[])


def sync(store: Store) -> str | None:
    """As `sync` does: the answers are read again for each new head, and only those to known records are taken."""

    def read(snapshot: Snapshot) -> Reviews:
        responses: dict[tuple[str, str], Response] = by_key(
            *(answered(record_id, "ann", "a") for record_id in snapshot.records if record_id != UNANSWERED)
        )
        return Reviews(responses=responses, renamed={}, dataset=DATASET, forgotten=(), synced_at=NOON)

    return store.set_reviews(read)


def generate(store: Store) -> str | None:
    """As `generate` does."""
    read = PromptsRead(source="acme/prompts@1", read=3, dropped={})
    return store.add_candidate_sets(SETS, prompts=read, settings={})


PAIRS = [(push, sync), (sync, push), (retire, sync), (sync, retire), (generate, sync), (sync, generate)]
UNANSWERED = RECORDS[0].id
Command = Callable[[Store], str | None]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_commits_at_once_nothing_is_lost(first: Command, second: Command, hub: HubServer) -> None:
    name = f"two-{first.__name__}-{second.__name__}"
    direct = store_at(hub.url, hub.token, name)
    direct.create()
    # Something to answer is there before, and with `retire` something to retire.
    direct.set_shown([RECORDS[0], RECORDS[2]], {})
    ended: list[str | None] = []
    with FaultyProxy(hub.url) as proxy:
        ask = proxy.ask

        def overtaken(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
            if "/commit/main" in path and not ended:
                ended.append(second(direct))
            return ask(method, path, body, headers)

        proxy.ask = overtaken  # type: ignore[method-assign]
        ended.append(first(store_at(proxy.url, hub.token, name)))
    assert None not in ended
    assert len(set(ended)) == 2
    snapshot = direct.snapshot()
    done = {first, second}
    assert set(snapshot.records) == {record.id for record in (RECORDS if push in done else RECORDS[::2])}
    assert snapshot.not_shown == ({SETS[2].id: "identical_candidates"} if push in done else {})
    assert snapshot.retired == ({UNANSWERED} if retire in done else set())
    assert {one.id for one in snapshot.each_candidate_set()} == (
        {one.id for one in SETS} if generate in done else set()
    )
    assert ((RECORDS[2].id, "ann") in snapshot.responses) == (sync in done)
    # Run again, they find what came after them, and double nothing.
    for command in (first, second):
        command(direct)
    known = set(direct.snapshot().records)
    assert {record_id for record_id, _ in direct.snapshot().responses} == (
        known - {UNANSWERED} if sync in done else set()
    )
    versions = [(version.record_id, version.reviewer) for version in direct.snapshot().response_versions]
    assert len(versions) == len(set(versions))
