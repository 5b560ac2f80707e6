"""The local Hub through the clients that will use it: huggingface_hub, datasets, distilabel, and raw HTTP."""

import contextlib
import hashlib
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from json import dumps
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    set_client_factory,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http

from curation.errors import AuthError
from curation.local.hub import Account, HubServer
from curation.local.hub.accounts import read_accounts

pytestmark = pytest.mark.stack

USERS = {
    "hf_ann": Account("ann", orgs=("lab",)),
    "hf_ann_reads": Account("ann", orgs=("lab",), role="read"),
    "hf_bob": Account("bob"),
}


@pytest.fixture(scope="module", autouse=True)
def stock_client() -> Iterator[None]:
    """The client that huggingface_hub makes itself: ours, which other tests of this process set, waits faults out."""
    factory = _http._GLOBAL_CLIENT_FACTORY
    set_client_factory(_http.default_client_factory)
    yield
    set_client_factory(factory)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        # hf_xet remembers under HF_HOME what it uploaded.
        patch.setenv("HF_HOME", str(folder / "home"))
        with HubServer(folder / "server", users=USERS) as server:
            yield server


@pytest.fixture
def ann(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_ann")


@pytest.fixture
def bob(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_bob")


@pytest.fixture
def nobody(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def repo(ann: HfApi, request: pytest.FixtureRequest) -> str:
    """A private dataset of ann's, with one small file; its name is made from the test's."""
    name = f"ann/{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"
    ann.create_repo(name, repo_type="dataset", private=True)
    ann.upload_file(path_or_fileobj=b"hello", path_in_repo="hello.txt", repo_id=name, repo_type="dataset")
    return name


def add(path: str, content: bytes = b"text") -> CommitOperationAdd:
    return CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)


def binary(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def commit(api: HfApi, repo: str, *operations: object, parent: str | None = None, revision: str = "main") -> str:
    new_commit = api.create_commit(
        repo,
        operations,  # type: ignore[arg-type]
        commit_message="change",
        repo_type="dataset",
        parent_commit=parent,
        revision=revision,
    )
    return str(new_commit.oid)


def files(api: HfApi, repo: str, revision: str = "main") -> list[str]:
    return [name for name in api.list_repo_files(repo, repo_type="dataset", revision=revision) if name[0] != "."]


def head(api: HfApi, repo: str) -> str:
    return str(api.repo_info(repo, repo_type="dataset").sha)


def read(api: HfApi, repo: str, path: str, folder: Path, revision: str | None = None) -> bytes:
    return Path(api.hf_hub_download(repo, path, repo_type="dataset", revision=revision, cache_dir=folder)).read_bytes()


def raw(
    hub: HubServer, method: str, path: str, *, token: str | None = "hf_ann", json: object = None, body: bytes = b""
) -> httpx2.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=hub.url, trust_env=False, headers=headers) as client:
        return client.request(method, path, content=body if json is None else dumps(json))


def run_client(hub: HubServer, folder: Path, script: str, *arguments: str) -> str:
    """Run a script whose libraries read HF_ENDPOINT when they are imported."""
    env = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": "hf_ann",
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        cwd=folder,
        env=env,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- accounts -----------------------------------------------------------------------------------------------------


def test_whoami_names_the_user_the_organisations_and_the_role(ann: HfApi, hub: HubServer) -> None:
    me = ann.whoami()

    assert (me["name"], [org["name"] for org in me["orgs"]]) == ("ann", ["lab"])
    assert me["auth"]["accessToken"]["role"] == "write"
    assert HfApi(endpoint=hub.url).whoami(token="hf_ann_reads")["auth"]["accessToken"]["role"] == "read"


def test_a_wrong_token_is_refused_even_for_public_content(hub: HubServer, ann: HfApi) -> None:
    ann.create_repo("ann/open-to-all", repo_type="dataset")
    stranger = HfApi(endpoint=hub.url, token="hf_wrong")

    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        stranger.whoami()
    with pytest.raises(HfHubHTTPError) as refused:
        stranger.repo_info("ann/open-to-all", repo_type="dataset")
    assert refused.value.response.status_code == 401
    assert not isinstance(refused.value, RepositoryNotFoundError)


def test_a_new_server_makes_one_admin_whose_token_lasts(tmp_path: Path) -> None:
    with HubServer(tmp_path) as server:
        token = server.token
        assert HfApi(endpoint=server.url, token=token).whoami()["name"] == "admin"
    users = tmp_path / "users.json"

    assert token.startswith("hf_")
    assert HubServer(tmp_path).token == token
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    assert token not in (tmp_path / "server.log").read_text()


def test_tokens_that_others_can_read_are_refused(tmp_path: Path) -> None:
    server = HubServer(tmp_path)
    (tmp_path / "users.json").chmod(0o644)

    with pytest.raises(AuthError, match="chmod 600"):
        read_accounts(tmp_path / "users.json")
    with pytest.raises(AuthError):
        _ = HubServer(tmp_path / "readers", users={"hf_r": Account("r", role="read")}).token
    assert server.token


# --- repositories -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dataset", "model", "space"])
def test_a_repository_of_each_kind_can_be_made_used_and_deleted(ann: HfApi, kind: str, tmp_path: Path) -> None:
    sdk = "static" if kind == "space" else None
    url = ann.create_repo("ann/life", repo_type=kind, space_sdk=sdk)
    again = ann.create_repo("ann/life", repo_type=kind, space_sdk=sdk, exist_ok=True)
    ann.upload_file(path_or_fileobj=b"x", path_in_repo="a/x.txt", repo_id="ann/life", repo_type=kind)
    ann.upload_file(path_or_fileobj=binary(5000, 1), path_in_repo="x.bin", repo_id="ann/life", repo_type=kind)
    snapshot = Path(
        snapshot_download("ann/life", repo_type=kind, endpoint=ann.endpoint, token="hf_ann", cache_dir=tmp_path)
    )

    assert (url, url.repo_id, url.repo_type) == (again, "ann/life", kind)
    assert (snapshot / "a" / "x.txt").read_bytes() == b"x"
    assert (snapshot / "x.bin").read_bytes() == binary(5000, 1)
    with pytest.raises(HfHubHTTPError) as conflict:
        ann.create_repo("ann/life", repo_type=kind, space_sdk=sdk)
    assert conflict.value.response.status_code == 409
    ann.delete_repo("ann/life", repo_type=kind)
    ann.delete_repo("ann/life", repo_type=kind, missing_ok=True)
    assert not ann.repo_exists("ann/life", repo_type=kind)


def test_info_tells_what_the_card_says_and_what_the_files_are(ann: HfApi, repo: str) -> None:
    card = b"---\nlicense: mit\nlanguage: [en, fr]\ntags: [dpo]\nwhen: 2026-01-02\n---\n# Title\n"
    sha = commit(ann, repo, add("README.md", card), add("data/big.bin", binary(2000, 2)))
    info = ann.dataset_info(repo, files_metadata=True)
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}

    assert (info.id, info.author, info.sha, info.private, info.gated) == (repo, "ann", sha, True, False)
    assert info.created_at is not None
    assert info.last_modified is not None
    assert info.last_modified > info.created_at
    assert info.card_data is not None
    assert info.card_data.license == "mit"
    assert set(info.tags or ()) == {"license:mit", "language:en", "language:fr", "dpo"}
    assert (siblings["hello.txt"].size, siblings["hello.txt"].lfs) == (5, None)
    lfs = siblings["data/big.bin"].lfs
    assert lfs is not None
    assert lfs.sha256 == hashlib.sha256(binary(2000, 2)).hexdigest()


def test_lists_have_only_what_the_user_may_see(ann: HfApi, bob: HfApi, nobody: HfApi) -> None:
    ann.create_repo("lab/listed-open", repo_type="dataset")
    ann.create_repo("lab/listed-secret", repo_type="dataset", private=True)

    def listed(api: HfApi, author: str | None = None) -> set[str]:
        return {info.id for info in api.list_datasets(search="listed", author=author)}

    assert listed(ann, "lab") == {"lab/listed-open", "lab/listed-secret"}
    assert listed(bob) == listed(nobody) == {"lab/listed-open"}
    assert listed(ann, "bob") == set()
    assert len(list(ann.list_datasets(author="lab", limit=1))) == 1
    assert list(ann.list_models(search="listed")) == []


def test_the_visibility_of_a_repository_can_be_changed(ann: HfApi, bob: HfApi, nobody: HfApi, repo: str) -> None:
    ann.update_repo_settings(repo, private=False, repo_type="dataset")
    assert files(nobody, repo) == files(bob, repo) == ["hello.txt"]

    ann.update_repo_settings(repo, private=True, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        files(bob, repo)


def test_a_gated_repository_shows_itself_but_not_its_content(
    hub: HubServer, ann: HfApi, bob: HfApi, repo: str, tmp_path: Path
) -> None:
    ann.update_repo_settings(repo, private=False, gated="auto", repo_type="dataset")

    assert bob.dataset_info(repo).gated == "auto"
    assert read(ann, repo, "hello.txt", tmp_path / "ann") == b"hello"
    with pytest.raises(GatedRepoError):
        read(bob, repo, "hello.txt", tmp_path / "bob")
    assert raw(hub, "GET", f"/datasets/{repo}/resolve/main/hello.txt", token=None).status_code == 401
    assert raw(hub, "GET", f"/datasets/{repo}/resolve/main/hello.txt", token="hf_bob").status_code == 403


@pytest.mark.parametrize("name", ["a--b", "a..b", ".git", "-a", "a b", "a/b", "", "x" * 97, "a.git", "ü"])
def test_bad_repository_names_are_refused(hub: HubServer, name: str) -> None:
    body = {"name": name, "organization": "ann", "type": "dataset"}

    assert raw(hub, "POST", "/api/repos/create", json=body).status_code == 400


# --- permissions --------------------------------------------------------------------------------------------------


def test_a_private_repository_does_not_exist_for_others(hub: HubServer, repo: str) -> None:
    for path in (f"/api/datasets/{repo}", f"/datasets/{repo}/resolve/main/hello.txt", f"/api/datasets/{repo}/refs"):
        for there in (path, path.replace(repo, "ann/missing")):
            anonymous, stranger = raw(hub, "GET", there, token=None), raw(hub, "GET", there, token="hf_bob")
            assert (anonymous.status_code, anonymous.headers["X-Error-Code"]) == (401, "RepoNotFound")
            assert (stranger.status_code, stranger.headers["X-Error-Code"]) == (404, "RepoNotFound")


def test_clients_see_a_private_repository_as_missing(bob: HfApi, nobody: HfApi, repo: str) -> None:
    for api in (bob, nobody):
        with pytest.raises(RepositoryNotFoundError):
            api.dataset_info(repo)
        with pytest.raises(RepositoryNotFoundError):
            commit(api, repo, add("mine.txt"))


def test_access_can_be_checked_before_a_download(hub: HubServer, ann: HfApi, bob: HfApi, repo: str) -> None:
    reader = HfApi(endpoint=hub.url, token="hf_ann_reads")
    ann.auth_check(repo, repo_type="dataset", write=True)
    reader.auth_check(repo, repo_type="dataset")

    with pytest.raises(HfHubHTTPError, match="403"):
        reader.auth_check(repo, repo_type="dataset", write=True)
    with pytest.raises(RepositoryNotFoundError):
        bob.auth_check(repo, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        ann.dataset_info("squad")
    assert ann.file_exists(repo, "hello.txt", repo_type="dataset")
    assert not ann.file_exists(repo, "none.txt", repo_type="dataset")


def test_a_read_token_reads_but_never_writes(hub: HubServer, ann: HfApi, repo: str) -> None:
    reader = HfApi(endpoint=hub.url, token="hf_ann_reads")

    assert files(reader, repo) == ["hello.txt"]
    for attempt in (
        lambda: commit(reader, repo, add("no.txt")),
        lambda: commit(reader, repo, add("no.bin", binary(2000, 3))),
        lambda: reader.create_repo("ann/no", repo_type="dataset"),
        lambda: reader.delete_repo(repo, repo_type="dataset"),
        lambda: reader.create_branch(repo, branch="no", repo_type="dataset"),
        lambda: reader.update_repo_settings(repo, private=False, repo_type="dataset"),
    ):
        with pytest.raises(HfHubHTTPError) as refused:
            attempt()
        assert refused.value.response.status_code == 403
    assert files(ann, repo) == ["hello.txt"]


def test_nobody_writes_into_the_namespace_of_another(hub: HubServer, ann: HfApi, bob: HfApi, repo: str) -> None:
    ann.update_repo_settings(repo, private=False, repo_type="dataset")
    for attempt in (
        lambda: bob.create_repo("ann/by-bob", repo_type="dataset"),
        lambda: bob.create_repo("lab/by-bob", repo_type="dataset"),
        lambda: commit(bob, repo, add("by-bob.txt")),
        lambda: bob.delete_repo(repo, repo_type="dataset"),
    ):
        with pytest.raises(HfHubHTTPError) as refused:
            attempt()
        assert refused.value.response.status_code == 403
    ann.create_repo("lab/by-ann", repo_type="dataset")
    token = raw(hub, "GET", f"/api/datasets/{repo}/xet-write-token/main", token="hf_bob")
    assert token.status_code == 403


def test_content_known_by_its_hash_alone_cannot_be_taken_from_another_repository(
    ann: HfApi, bob: HfApi, hub: HubServer, repo: str
) -> None:
    secret = binary(3000, 4)
    commit(ann, repo, add("secret.bin", secret))
    bob.create_repo("bob/taker", repo_type="dataset", exist_ok=True)
    oid = hashlib.sha256(secret).hexdigest()
    line = b'{"key": "lfsFile", "value": {"path": "got.bin", "algo": "sha256", "oid": "%s"}}' % oid.encode()

    taken = raw(hub, "POST", "/api/datasets/bob/taker/commit/main", token="hf_bob", body=line)
    assert taken.status_code == 400


# --- commits ------------------------------------------------------------------------------------------------------


def test_a_commit_on_a_stale_parent_is_refused(ann: HfApi, repo: str) -> None:
    first = head(ann, repo)
    second = commit(ann, repo, add("a.txt"), parent=first)

    with pytest.raises(HfHubHTTPError) as stale:
        commit(ann, repo, add("b.txt"), parent=first)
    assert stale.value.response.status_code == 412
    assert head(ann, repo) == second
    assert files(ann, repo) == ["a.txt", "hello.txt"]
    commit(ann, repo, add("b.txt"), parent=second[:7])


def test_of_several_writers_exactly_one_commits_on_each_parent(hub: HubServer, ann: HfApi, repo: str) -> None:
    start = head(ann, repo)

    def race(number: int) -> int:
        api = HfApi(endpoint=hub.url, token="hf_ann")
        try:
            commit(api, repo, add(f"once-{number}.txt"), parent=start)
        except HfHubHTTPError as error:
            return int(error.response.status_code)
        return 200

    def insist(number: int) -> None:
        api = HfApi(endpoint=hub.url, token="hf_ann")
        while True:
            with contextlib.suppress(HfHubHTTPError):
                commit(api, repo, add(f"until-{number}.txt"), parent=head(api, repo))
                return

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(race, range(5))) == [200, 412, 412, 412, 412]
        list(pool.map(insist, range(5)))
    assert len(files(ann, repo)) == 1 + 1 + 5
    assert len(ann.list_repo_commits(repo, repo_type="dataset")) == 2 + 1 + 5


def test_a_commit_that_changes_nothing_is_not_made(ann: HfApi, repo: str) -> None:
    before = commit(ann, repo, add("same.bin", binary(2000, 5)), add("same.txt"))

    assert commit(ann, repo, add("same.bin", binary(2000, 5)), add("same.txt")) == before
    assert head(ann, repo) == before


def test_files_and_folders_are_deleted_and_replaced(ann: HfApi, repo: str, tmp_path: Path) -> None:
    before = commit(ann, repo, add("a/1.txt"), add("a/b/2.txt"), add("ab.txt"), add("c.bin", binary(2000, 6)))
    commit(
        *(ann, repo, CommitOperationDelete("a/"), CommitOperationDelete("c.bin")),
        *(add("a/new.txt"), add("hello.txt", b"hello again")),
    )

    assert files(ann, repo) == ["a/new.txt", "ab.txt", "hello.txt"]
    assert read(ann, repo, "hello.txt", tmp_path) == b"hello again"
    assert read(ann, repo, "hello.txt", tmp_path, revision=before) == b"hello"
    assert read(ann, repo, "c.bin", tmp_path, revision=before) == binary(2000, 6)
    with pytest.raises(EntryNotFoundError, match="differentiate file and folder"):
        commit(ann, repo, CommitOperationDelete("none.txt"))
    with pytest.raises(EntryNotFoundError):
        commit(ann, repo, add("kept-out.txt"), CommitOperationDelete("none/"))
    assert files(ann, repo) == ["a/new.txt", "ab.txt", "hello.txt"]


def test_files_are_copied_inside_a_repository(ann: HfApi, repo: str, tmp_path: Path) -> None:
    commit(ann, repo, add("big.bin", binary(2000, 7)))
    commit(ann, repo, CommitOperationCopy("big.bin", "copy.bin"), CommitOperationCopy("hello.txt", "copy.txt"))

    assert read(ann, repo, "copy.bin", tmp_path) == binary(2000, 7)
    assert read(ann, repo, "copy.txt", tmp_path) == b"hello"


def test_a_path_is_a_file_or_a_folder_but_not_both(ann: HfApi, repo: str) -> None:
    for path in ("hello.txt/inside.txt", "deep/er"):
        with pytest.raises(BadRequestError, match="both a file and a folder"):
            commit(ann, repo, add(path), add("deep/er/file.txt"))


@pytest.mark.parametrize(
    "path", ["../up", "a/../../b", "/root", "a//b", "a/./b", "", "a\0b", "a\nb", ".git/config", "\ud800", "x" * 256, 5]
)
def test_paths_that_lead_out_of_a_repository_are_refused(hub: HubServer, repo: str, path: object) -> None:
    preupload = {"files": [{"path": path, "sample": "", "size": 1}]}
    operations = (
        {"key": "file", "value": {"path": path, "content": "eA==", "encoding": "base64"}},
        {"key": "deletedFile", "value": {"path": path}},
        {"key": "deletedFolder", "value": {"path": path}},
    )

    assert raw(hub, "POST", f"/api/datasets/{repo}/preupload/main", json=preupload).status_code == 400
    for operation in operations:
        refused = raw(hub, "POST", f"/api/datasets/{repo}/commit/main", json=operation)
        assert refused.status_code in (400, 404) if path == 5 else refused.status_code == 400


def test_odd_but_valid_paths_survive_the_round_trip(ann: HfApi, repo: str, tmp_path: Path) -> None:
    names = ["dir with space/100% #1?.txt", "ünï/😀.txt", "a%2Fb.txt", "plus+and&.txt"]
    commit(ann, repo, *(add(name, name.encode()) for name in names))

    assert set(names) <= set(files(ann, repo))
    for name in names:
        assert read(ann, repo, name, tmp_path) == name.encode()
    assert {info.path for info in ann.get_paths_info(repo, names, repo_type="dataset")} == set(names)
    assert [entry.path for entry in ann.list_repo_tree(repo, "ünï", repo_type="dataset")] == ["ünï/😀.txt"]


def test_lines_of_a_commit_that_are_not_operations_are_refused(hub: HubServer, repo: str) -> None:
    for body in (b"{", b"[]", b'{"key": "file"}', b'{"key": "dance", "value": {"path": "a"}}', b"\xff\xfe"):
        assert raw(hub, "POST", f"/api/datasets/{repo}/commit/main", body=body).status_code == 400


def test_a_card_with_broken_metadata_is_refused(ann: HfApi, repo: str) -> None:
    with pytest.raises(ValueError, match="Invalid metadata"):
        commit(ann, repo, add("README.md", b"---\na: [1\n---\n"))
    with pytest.raises(ValueError, match="not a mapping"):
        commit(ann, repo, add("README.md", b"---\n- a\n---\n"))
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        commit(ann, repo, add("README.md", b"# No metadata\n"))


# --- large files --------------------------------------------------------------------------------------------------


def test_a_large_file_travels_through_xet_and_back(hub: HubServer, ann: HfApi, repo: str, tmp_path: Path) -> None:
    content = binary(9_000_000, 8) + b"compressible " * 300_000
    before = hub.stats()["bytes_received"]
    (tmp_path / "big.bin").write_bytes(content)
    ann.upload_file(
        path_or_fileobj=str(tmp_path / "big.bin"), path_in_repo="big.bin", repo_id=repo, repo_type="dataset"
    )
    received = hub.stats()["bytes_received"] - before

    assert read(ann, repo, "big.bin", tmp_path) == content
    assert 9_000_000 < received < 10_000_000


def test_content_uploaded_once_is_not_sent_again(hub: HubServer, ann: HfApi, repo: str, tmp_path: Path) -> None:
    content = binary(2_000_000, 9)
    commit(ann, repo, add("one.bin", content))
    before = hub.stats()["bytes_received"]
    commit(ann, repo, add("two.bin", content))
    ann.create_repo("lab/second", repo_type="dataset", exist_ok=True)
    commit(ann, "lab/second", add("three.bin", content))

    assert hub.stats()["bytes_received"] == before
    assert read(ann, "lab/second", "three.bin", tmp_path) == content


def test_shards_are_uploaded_first_and_committed_later(ann: HfApi, repo: str, tmp_path: Path) -> None:
    shards = [add(f"train-{i}.parquet", binary(50_000, 10 + i)) for i in range(3)]
    ann.preupload_lfs_files(repo, shards, repo_type="dataset")
    assert files(ann, repo) == ["hello.txt"]
    commit(ann, repo, *shards, add("manifest.json", b"{}"), parent=head(ann, repo))

    assert read(ann, repo, "train-1.parquet", tmp_path) == binary(50_000, 11)


# huggingface_hub sends file objects in a way its HTTP client calls outdated.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning:httpx2")
def test_a_file_object_travels_through_lfs(hub: HubServer, ann: HfApi, repo: str, tmp_path: Path) -> None:
    content = binary(300_000, 13)
    (tmp_path / "big.bin").write_bytes(content)
    before = hub.stats()["bytes_received"]
    for name in ("one.bin", "two.bin"):
        with (tmp_path / "big.bin").open("rb") as file:
            ann.upload_file(path_or_fileobj=file, path_in_repo=name, repo_id=repo, repo_type="dataset")

    assert hub.stats()["bytes_received"] - before == len(content)
    assert read(ann, repo, "two.bin", tmp_path) == content


def test_an_upload_that_does_not_match_its_hash_is_refused(hub: HubServer, ann: HfApi, repo: str) -> None:
    oid = hashlib.sha256(b"promised").hexdigest()
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": 8}]}
    (requested,) = raw(hub, "POST", f"/datasets/{repo}.git/info/lfs/objects/batch", json=batch).json()["objects"]
    upload = requested["actions"]["upload"]["href"].removeprefix(hub.url)
    verify = requested["actions"]["verify"]["href"].removeprefix(hub.url)

    assert raw(hub, "PUT", upload, token=None, body=b"pr0mised").status_code == 400
    assert raw(hub, "POST", verify, json={"oid": oid, "size": 8}).status_code == 404
    assert raw(hub, "PUT", upload.replace(oid, "0" * 64, 1), body=b"promised").status_code == 403
    assert raw(hub, "PUT", upload[:-1] + "x", body=b"promised").status_code == 403
    assert raw(hub, "PUT", upload, token=None, body=b"promised").status_code == 200
    assert raw(hub, "POST", verify, json={"oid": oid, "size": 8}).status_code == 200
    assert files(ann, repo) == ["hello.txt"]


def test_xet_uploads_need_its_own_token_and_whole_xorbs(hub: HubServer, repo: str) -> None:
    def access(mode: str) -> tuple[str, str]:
        answer = raw(hub, "GET", f"/api/datasets/{repo}/xet-{mode}-token/main")
        return answer.headers["X-Xet-Cas-Url"].removeprefix(hub.url), answer.headers["X-Xet-Access-Token"]

    cas, writes = access("write")
    xorb, shards = f"{cas}/v1/xorbs/default/{'a' * 64}", f"{cas}/v1/shards"

    assert raw(hub, "POST", xorb, token="hf_ann", body=b"x").status_code == 401
    assert raw(hub, "POST", xorb.replace("/cas/", "/cas/0"), token=writes, body=b"x").status_code == 401
    assert raw(hub, "POST", xorb, token=access("read")[1], body=b"x").status_code == 403
    assert raw(hub, "POST", xorb, token=writes, body=b"not a xorb").status_code == 400
    assert raw(hub, "POST", shards, token=writes, body=b"not a shard").status_code == 400
    assert raw(hub, "POST", f"{cas}/v1/xorbs/default/..%2F..%2Fup", token=writes, body=b"x").status_code == 400


# --- reading ------------------------------------------------------------------------------------------------------


def test_a_folder_is_uploaded_listed_and_downloaded(ann: HfApi, repo: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "data" / "deep").mkdir(parents=True)
    (source / "data" / "deep" / "a.txt").write_text("a")
    (source / "data" / "b.bin").write_bytes(binary(4000, 14))
    ann.upload_folder(repo_id=repo, folder_path=source, repo_type="dataset")
    tree = {entry.path for entry in ann.list_repo_tree(repo, repo_type="dataset", recursive=True)}
    snapshot = Path(ann.snapshot_download(repo, repo_type="dataset", cache_dir=tmp_path / "cache"))

    assert {"data", "data/deep", "data/deep/a.txt", "data/b.bin", "hello.txt"} <= tree
    assert {entry.path for entry in ann.list_repo_tree(repo, "data", repo_type="dataset")} == {
        "data/deep",
        "data/b.bin",
    }
    assert (snapshot / "data" / "b.bin").read_bytes() == binary(4000, 14)
    ann.delete_folder("data", repo, repo_type="dataset")
    assert files(ann, repo) == ["hello.txt"]
    with pytest.raises(EntryNotFoundError):
        list(ann.list_repo_tree(repo, "data", repo_type="dataset"))


def test_long_lists_come_in_pages(ann: HfApi, repo: str) -> None:
    commit(ann, repo, *(add(f"many/{i:04}.txt", b"%d" % i) for i in range(1_030)))
    plain = list(ann.list_repo_tree(repo, "many", repo_type="dataset"))
    detailed = list(ann.list_repo_tree(repo, "many", repo_type="dataset", expand=True))

    assert [entry.path for entry in plain] == [f"many/{i:04}.txt" for i in range(1_030)]
    assert [entry.path for entry in detailed] == [entry.path for entry in plain]
    assert detailed[-1].last_commit is not None
    for i in range(60):
        commit(ann, repo, add("hello.txt", b"%d" % i))
    assert len(ann.list_repo_commits(repo, repo_type="dataset")) == 63


def test_paths_and_expanded_trees_tell_the_last_commit(ann: HfApi, repo: str) -> None:
    first = commit(ann, repo, add("a/old.txt"), add("a/big.bin", binary(2000, 15)))
    second = commit(ann, repo, add("b/new.txt"))
    paths = ["a", "a/big.bin", "b/new.txt", "missing"]
    infos = {info.path: info for info in ann.get_paths_info(repo, paths, repo_type="dataset", expand=True)}

    assert set(infos) == {"a", "a/big.bin", "b/new.txt"}
    assert {path: info.last_commit.oid for path, info in infos.items() if info.last_commit} == {
        "a": first,
        "a/big.bin": first,
        "b/new.txt": second,
    }


def test_branches_and_tags_name_commits(ann: HfApi, repo: str, tmp_path: Path) -> None:
    first = head(ann, repo)
    ann.create_tag(repo, tag="v1.0", repo_type="dataset")
    ann.create_branch(repo, branch="feature/x", repo_type="dataset")
    on_branch = commit(ann, repo, add("hello.txt", b"branch"), revision="feature/x")
    refs = ann.list_repo_refs(repo, repo_type="dataset")

    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "feature/x": on_branch}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1.0": first}
    assert read(ann, repo, "hello.txt", tmp_path, revision="feature/x") == b"branch"
    assert read(ann, repo, "hello.txt", tmp_path, revision="v1.0") == b"hello"
    assert ann.repo_info(repo, repo_type="dataset", revision=first[:10]).sha == first
    with pytest.raises(HfHubHTTPError, match="already exists"):
        ann.create_branch(repo, branch="feature/x", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="already exists"):
        ann.create_tag(repo, tag="v1.0", repo_type="dataset")
    ann.create_tag(repo, tag="v1.0", repo_type="dataset", exist_ok=True)
    ann.create_branch(repo, branch="feature/x", repo_type="dataset", exist_ok=True)
    ann.delete_branch(repo, branch="feature/x", repo_type="dataset")
    ann.delete_tag(repo, tag="v1.0", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        files(ann, repo, revision="v1.0")
    with pytest.raises(RevisionNotFoundError):
        commit(ann, repo, add("a.txt"), revision="feature/x")


@pytest.mark.parametrize("name", ["a..b", "-a", "a b", "a//b", "a.lock", "a/", "@{", "a\n"])
def test_bad_reference_names_are_refused(hub: HubServer, repo: str, name: str) -> None:
    assert raw(hub, "POST", f"/api/datasets/{repo}/tag/main", json={"tag": name}).status_code == 400


def test_downloads_have_the_headers_that_clients_cache_by(hub: HubServer, ann: HfApi, repo: str) -> None:
    content = binary(5000, 16)
    sha = commit(ann, repo, add("big.bin", content))
    large = raw(hub, "HEAD", f"/datasets/{repo}/resolve/main/big.bin")
    small = raw(hub, "GET", f"/datasets/{repo}/resolve/main/hello.txt")
    missing = raw(hub, "HEAD", f"/datasets/{repo}/resolve/main/none.txt")

    assert large.headers["X-Repo-Commit"] == small.headers["X-Repo-Commit"] == missing.headers["X-Repo-Commit"] == sha
    assert large.headers["X-Linked-Etag"] == large.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert (large.headers["X-Linked-Size"], large.headers["Content-Length"]) == ("5000", "5000")
    assert small.headers["ETag"] == f'"{hashlib.sha1(b"blob 5" + bytes(1) + b"hello").hexdigest()}"'
    assert (missing.status_code, missing.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert "X-Xet-Hash" not in large.headers


def test_ranges_of_a_file_can_be_read(hub: HubServer, ann: HfApi, repo: str) -> None:
    content = binary(5000, 17)
    commit(ann, repo, add("big.bin", content))
    url = f"{hub.url}/datasets/{repo}/resolve/main/big.bin"
    with httpx2.Client(headers={"Authorization": "Bearer hf_ann"}, trust_env=False) as client:
        middle = client.get(url, headers={"Range": "bytes=1000-1999"})
        tail = client.get(url, headers={"Range": "bytes=-10"})
        beyond = client.get(url, headers={"Range": "bytes=9000-"})

    assert (middle.status_code, middle.content) == (206, content[1000:2000])
    assert middle.headers["Content-Range"] == "bytes 1000-1999/5000"
    assert tail.content == content[-10:]
    assert beyond.status_code == 416


def test_the_file_system_reads_and_writes(hub: HubServer, ann: HfApi, repo: str) -> None:
    content = binary(200_000, 18)
    commit(ann, repo, add("data/big.bin", content), add("data/a.txt"))
    fs = HfFileSystem(endpoint=hub.url, token="hf_ann", skip_instance_cache=True)
    root = f"datasets/{repo}"

    assert {str(name) for name in fs.ls(f"{root}/data", detail=False)} == {f"{root}/data/a.txt", f"{root}/data/big.bin"}
    assert fs.glob(f"{root}/**/*.bin") == [f"{root}/data/big.bin"]
    assert fs.info(f"{root}/data/big.bin")["size"] == len(content)
    with fs.open(f"{root}/data/big.bin", block_size=2**16) as file:
        file.seek(150_000)
        assert file.read(10) == content[150_000:150_010]
    with fs.open(f"{root}/data/written.txt", "w") as file:
        file.write("by fs")
    assert fs.cat(f"{root}/data/written.txt") == b"by fs"
    fs.rm(f"{root}/data/written.txt")
    assert fs.glob(f"{root}/data/*.txt") == [f"{root}/data/a.txt"]


# --- datasets and distilabel, each in a process of its own --------------------------------------------------------


def test_datasets_loads_pushes_and_loads_again(hub: HubServer, ann: HfApi, tmp_path: Path) -> None:
    script = """
    import io, sys
    from datasets import Dataset, get_dataset_config_names, load_dataset
    from huggingface_hub import CommitOperationAdd, DatasetCard, HfApi

    api = HfApi()
    api.create_repo("ann/published", repo_type="dataset", private=True)
    card = "---\\nconfigs:\\n- config_name: dpo\\n  data_files:\\n  - {split: train, path: dpo/train-*.parquet}\\n"
    card += "- config_name: kto\\n  data_files:\\n  - {split: train, path: kto/train-*.parquet}\\n---\\n# Card\\n"

    def shard(path, **columns):
        buffer = io.BytesIO()
        Dataset.from_dict(columns).to_parquet(buffer)
        return CommitOperationAdd(path, buffer.getvalue())

    operations = [CommitOperationAdd("README.md", card.encode())]
    operations += [shard("dpo/train-1.parquet", chosen=["a", "b"]), shard("dpo/train-2.parquet", chosen=["c"])]
    operations += [shard("kto/train-1.parquet", label=[True, False])]
    api.create_commit("ann/published", operations, commit_message="publish", repo_type="dataset")
    assert sorted(get_dataset_config_names("ann/published")) == ["dpo", "kto"]
    assert load_dataset("ann/published", "dpo", split="train")["chosen"][:] == ["a", "b", "c"]
    assert load_dataset("ann/published", "kto")["train"]["label"][:] == [True, False]
    assert [row["chosen"] for row in load_dataset("ann/published", "dpo", split="train", streaming=True)] == [*"abc"]

    rows = Dataset.from_dict({"id": list(range(100)), "text": [f"row {i}" for i in range(100)]})
    rows.push_to_hub("ann/pushed", private=True, max_shard_size="1KB")
    rows.push_to_hub("ann/pushed", "second", split="test")
    assert load_dataset("ann/pushed", split="train").to_dict() == rows.to_dict()
    rows.select(range(7)).push_to_hub("ann/pushed")
    assert len(load_dataset("ann/pushed", split="train", download_mode="force_redownload")) == 7
    assert len(load_dataset("ann/pushed", "second", split="test")) == 100

    card = DatasetCard.load("ann/pushed")
    card.data.license = "mit"
    card.push_to_hub("ann/pushed")
    assert DatasetCard.load("ann/pushed").data.license == "mit"
    print("done")
    """
    assert run_client(hub, tmp_path, script).endswith("done\n")
    assert ann.dataset_info("ann/pushed").private
    assert "dpo/train-1.parquet" in files(ann, "ann/published")


def test_distilabel_pushes_a_distiset_and_loads_it(hub: HubServer, ann: HfApi, tmp_path: Path) -> None:
    script = """
    from datasets import Dataset
    from distilabel.distiset import Distiset
    from distilabel.steps import LoadDataFromHub

    rows = {"instruction": ["one", "two", "three"], "generation": ["1", "2", "3"]}
    distiset = Distiset({"default": Dataset.from_dict(rows)})
    distiset.push_to_hub("ann/distiset", private=True)

    step = LoadDataFromHub(name="load", repo_id="ann/distiset", split="train", batch_size=2)
    step.load()
    batches = list(step.process())
    assert [[row["instruction"] for row in batch] for batch, _ in batches] == [["one", "two"], ["three"]]
    assert [last for _, last in batches] == [False, True]
    assert sorted(step.outputs) == ["generation", "instruction"]
    print("done")
    """
    assert run_client(hub, tmp_path, script).endswith("done\n")
    assert "README.md" in files(ann, "ann/distiset")


# --- the process --------------------------------------------------------------------------------------------------


def test_everything_is_still_there_after_a_restart(tmp_path: Path) -> None:
    content = binary(100_000, 19)
    with HubServer(tmp_path / "hub") as server:
        api = HfApi(endpoint=server.url, token=server.token)
        api.create_repo("admin/kept", repo_type="dataset", private=True)
        sha = commit(api, "admin/kept", add("a.txt"), add("big.bin", content))
        api.create_tag("admin/kept", tag="v1", repo_type="dataset")
    with HubServer(tmp_path / "hub") as server:
        api = HfApi(endpoint=server.url, token=server.token)
        assert head(api, "admin/kept") == sha
        assert files(api, "admin/kept", revision="v1") == ["a.txt", "big.bin"]
        assert read(api, "admin/kept", "big.bin", tmp_path) == content
        commit(api, "admin/kept", add("b.txt"), parent=sha)


def test_a_server_killed_during_uploads_keeps_its_last_commit(tmp_path: Path) -> None:
    with HubServer(tmp_path / "hub") as server:
        api = HfApi(endpoint=server.url, token=server.token)
        api.create_repo("admin/kept", repo_type="dataset", private=True)
        sha = commit(api, "admin/kept", add("a.txt", b"whole"))
        line = b'{"key": "file", "value": {"path": "half.txt", "encoding": "base64", "content": "aGFsZg=="}}\n'
        head_lines = (
            f"POST /api/datasets/admin/kept/commit/main HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Length: {2 * len(line)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
            connection.sendall(head_lines.encode() + line)
            assert head(api, "admin/kept") == sha
            os.kill(server.pid, signal.SIGKILL)
    with HubServer(tmp_path / "hub") as server:
        api = HfApi(endpoint=server.url, token=server.token)
        assert (head(api, "admin/kept"), files(api, "admin/kept")) == (sha, ["a.txt"])
        assert read(api, "admin/kept", "a.txt", tmp_path) == b"whole"
        assert list((tmp_path / "hub" / "data" / "drafts").iterdir()) == []


def test_a_fault_happens_as_often_as_requested(hub: HubServer, repo: str) -> None:
    path = f"/api/datasets/{repo}"
    hub.fail(f"{repo}$", status=503, count=2, headers={"Retry-After": "7"})
    answers = [raw(hub, "GET", path) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_a_connection_can_be_lost_before_and_after_the_work_is_done(hub: HubServer, ann: HfApi, repo: str) -> None:
    before = head(ann, repo)
    hub.fail(f"{repo}/commit/", status=0)
    with pytest.raises(httpx2.TransportError):
        commit(ann, repo, add("lost.txt"))
    assert head(ann, repo) == before

    hub.fail(f"{repo}/commit/", status=0, after=True)
    with pytest.raises(httpx2.TransportError):
        commit(ann, repo, add("done.txt"))
    assert files(ann, repo) == ["done.txt", "hello.txt"]


def test_no_web_page_can_reach_the_server(hub: HubServer) -> None:
    with httpx2.Client(base_url=hub.url, trust_env=False) as client:
        assert client.post("/faults", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
        assert client.get("/stats", headers={"Host": "evil.example"}).status_code == 400
        assert client.post("/faults", json={"match": "("}).status_code == 400
        assert client.delete("/faults").status_code == 200


def test_no_token_is_ever_logged(hub: HubServer, ann: HfApi, repo: str) -> None:
    """The server has served most tests of this file by now."""
    hub.fail(f"{repo}$", status=0)
    with pytest.raises(httpx2.TransportError):
        ann.dataset_info(repo)
    log = hub.log.read_text()

    assert not any(token in log for token in USERS)
    assert "ticket=" not in log
