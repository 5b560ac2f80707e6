"""The Hub when it fails: what passes is waited out, no commit is written twice, and a hang has an end."""

from __future__ import annotations

import os
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from curation.errors import CurationError, TemporaryError
from curation.hub import connect
from curation.local.hub import HubServer
from curation.patience import telling
from curation.store.repo import Change, HubRepo
from tests.faulty import Fault, FaultyProxy, Kind

pytestmark = pytest.mark.stack

# A Parquet file is a large one on the Hub, whatever its size.
LARGE = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A local Hub; huggingface_hub keeps what it downloads in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch, HubServer(folder) as server:
        patch.setenv("HF_HOME", str(folder / "home"))
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "cache"))
        yield server


@pytest.fixture
def repo(hub: HubServer) -> HubRepo:
    """A repo on the Hub, asked directly."""
    new_repo = HubRepo(connect(hub.url, hub.token), f"admin/patience-{uuid.uuid4().hex[:8]}")
    new_repo.create(private=True)
    return new_repo


def through(proxy: FaultyProxy, repo: HubRepo) -> HubRepo:
    return HubRepo(connect(proxy.url, str(repo.api.token)), repo.repo_id)


def history(repo: HubRepo) -> list[str]:
    """The titles of all commits, the newest first."""
    return [commit.title for commit in repo.api.list_repo_commits(repo.repo_id, repo_type="dataset")]


def add(number: int, *, large: bool = False) -> Change:
    content = LARGE + bytes([number]) if large else f"file {number}\n".encode()
    return Change(message=f"Add {number}", files={f"{number}.{'parquet' if large else 'txt'}": content})


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["reset", "cut", "shortened", "null", "page", "status"])
def test_a_commit_whose_answer_was_lost_is_recognised_and_not_written_twice(
    kind: Kind, large: bool, repo: HubRepo
) -> None:
    lost = Fault("POST .*/commit/main", kind, status=200 if kind == "page" else 502)
    with FaultyProxy(repo.api.endpoint, lost) as proxy:
        written = through(proxy, repo).update(lambda head: add(1, large=large))
    assert lost.count == 0
    assert written == repo.head()
    assert history(repo)[0] == "Add 1"
    assert history(repo).count("Add 1") == 1


def test_a_commit_whose_answer_was_lost_is_recognised_below_a_later_commit(repo: HubRepo) -> None:
    lost = Fault("POST .*/commit/main", "reset")
    heads: list[str] = []

    def edit(head: str) -> Change:
        heads.append(head)
        return add(1)

    with FaultyProxy(repo.api.endpoint, lost) as proxy:
        patient = through(proxy, repo)
        ask = proxy.ask

        def and_another(method: str, path: str, body: bytes, headers: dict[str, str]) -> object:
            answer = ask(method, path, body, headers)
            if method == "POST" and "/commit/" in path and answer.status_code == 200:
                repo.update(lambda head: add(2))
            return answer

        proxy.ask = and_another  # type: ignore[method-assign, assignment]
        written = patient.update(edit)
    assert history(repo)[:2] == ["Add 2", "Add 1"]
    commits = [commit.commit_id for commit in repo.api.list_repo_commits(repo.repo_id, repo_type="dataset")]
    assert written == commits[1]
    assert len(heads) == 1


def test_a_commit_of_somebody_else_in_between_is_not_taken_for_ours(repo: HubRepo) -> None:
    heads: list[str] = []

    def edit(head: str) -> Change:
        heads.append(head)
        if len(heads) == 1:
            repo.api.upload_file(
                path_or_fileobj=b"other", path_in_repo="1.txt", repo_id=repo.repo_id, repo_type="dataset"
            )
        return add(1)

    written = repo.update(edit)
    assert len(heads) == 2
    assert written == repo.head()
    assert repo.read("1.txt", repo.head()) == b"file 1\n"


STEPS = {
    "head": "GET /api/datasets/admin/[^/]+$",
    "tree": "GET .*/tree/",
    "file": "(GET|HEAD) .*/resolve/",
    "preupload": "POST .*/preupload/",
    "commit": "POST .*/commit/",
    "create": "POST /api/repos/create",
}


def use(repo: HubRepo) -> None:
    repo.create(private=True)
    repo.update(lambda head: add(1))
    head = repo.head()
    assert "1.txt" in repo.sizes(head)
    assert repo.read("1.txt", head) == b"file 1\n"


@pytest.mark.parametrize(("kind", "status"), [("status", 429), ("status", 500), ("status", 504), ("reset", 0)])
def test_every_step_waits_until_a_passing_fault_is_over(kind: Kind, status: int, repo: HubRepo) -> None:
    faults = [Fault(match, kind, status=status, after=False) for match in STEPS.values()]
    with FaultyProxy(repo.api.endpoint, *faults) as proxy:
        use(through(proxy, repo))
    assert [fault.match for fault in faults if fault.count] == []
    assert history(repo).count("Add 1") == 1


@pytest.mark.parametrize("kind", ["hang", "drip", "null", "reset"])
@pytest.mark.parametrize("step", ["head", "tree", "file", "preupload", "commit"])
def test_a_fault_that_stays_is_an_error_when_the_time_budget_is_used_up(
    kind: Kind, step: str, repo: HubRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (kind, step) in {("null", "file"), ("drip", "file")}:
        # The bytes of a file may be those, and a file may come slowly.
        return
    with FaultyProxy(repo.api.endpoint, Fault(STEPS[step], kind, count=1000, after=False)) as proxy:
        monkeypatch.setenv("CURATION_PATIENCE", "1.5")
        with pytest.raises(TemporaryError, match="did not answer within 2 s"):
            use(through(proxy, repo))


def test_an_answer_of_an_unexpected_shape_is_an_error_in_a_sentence(repo: HubRepo) -> None:
    with (
        FaultyProxy(repo.api.endpoint, Fault(STEPS["preupload"], "shape", count=1000)) as proxy,
        pytest.raises(CurationError),
    ):
        use(through(proxy, repo))


def test_the_hub_is_not_asked_again_before_the_time_in_retry_after(repo: HubRepo) -> None:
    headers = {"ratelimit": '"api";r=0;t=2'}
    faults = (
        Fault(STEPS["commit"], "status", status=429, after=False, headers={"Retry-After": "2"}),
        Fault(STEPS["tree"], "status", status=429, after=False, headers=headers),
    )
    with FaultyProxy(repo.api.endpoint, *faults) as proxy:
        started = time.monotonic()
        use(through(proxy, repo))
    assert time.monotonic() - started >= 4


def test_an_upload_that_hangs_is_an_error_when_the_time_budget_is_used_up(
    repo: HubRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    # Xet's own client does not listen to us: a token that never comes is the hang that it sees.
    with FaultyProxy(repo.api.endpoint, Fault("xet-write-token", "hang", count=1000, after=False)) as proxy:
        monkeypatch.setenv("CURATION_PATIENCE", "2")
        with telling(lines.append), pytest.raises(TemporaryError, match="did not answer within"):
            through(proxy, repo).update(lambda head: add(3, large=True))
    assert lines
    assert all(line.startswith(f"Waiting for the Hub at {proxy.url}: ") for line in lines)
    assert history(repo).count("Add 3") == 0


def test_files_of_a_store_are_cached_so_that_only_their_owner_can_read_them(hub: HubServer, repo: HubRepo) -> None:
    umask = os.umask(0o022)
    try:
        repo.update(lambda head: add(4, large=True))
        local = repo.download("4.parquet", repo.head())
    finally:
        os.umask(umask)
    cache = Path(constants.HF_HUB_CACHE)
    assert local.is_relative_to(cache)
    files = [path for path in cache.glob("datasets--*/**/*") if path.is_file() and not path.is_symlink()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}
