"""Names that a Hub gives to files lead nowhere but into the folder that the files are for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from curation.errors import CurationError, DataError, ServiceError
from curation.hub import connect
from curation.local.hub import HubServer
from curation.store.repo import Change, HubRepo
from curation.tokenizer import load_tokenizer
from tests.faulty import FaultyProxy

pytestmark = pytest.mark.stack

PLAIN = "tokenizer.json"
OUTSIDE = [
    "../../../../up.json",
    "a/../../../../../up.json",
    "/tmp/absolute.json",
    "..\\..\\..\\up.json",
    "C:\\up.json",
    "\\\\host\\share\\up.json",
    "nul\0.json",
]
INSIDE = ["..%2f..%2f..%2f..%2fup.json", "%2e%2e/%2e%2e/up.json", "...json", "back\\slash.json"]


class HostileHub(FaultyProxy):
    """A Hub that has one file, which it calls what it likes, and whose content it gives under any name."""

    def __init__(self, target: str, name: str = PLAIN, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(target)
        self.name, self.headers = name, dict(headers or {})

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Return the real Hub's answer, with the name and the headers of this one."""
        path = re.sub(r"(/resolve/[^/]+/).*", rf"\1{PLAIN}", urlsplit(path).path) if "/resolve/" in path else path
        answer = super().ask(method, path, body, headers)
        content = answer.content
        if answer.headers.get("content-type", "").startswith("application/json"):
            content = content.replace(json.dumps(PLAIN).encode(), json.dumps(self.name).encode())
        changed = {**answer.headers, **(self.headers if "/resolve/" in path else {})}
        changed.pop("content-encoding", None)
        changed["content-length"] = changed["content-length"] if method == "HEAD" else str(len(content))
        return httpx2.Response(answer.status_code, headers=changed, content=content, request=answer.request)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with HubServer(tmp_path_factory.mktemp("hub")) as server:
        api = connect(server.url, server.token)
        api.create_repo("admin/plain-model", private=True)
        api.upload_file(path_or_fileobj=b"{}", path_in_repo=PLAIN, repo_id="admin/plain-model")
        repo = HubRepo(api, "admin/plain")
        repo.create(private=True)
        repo.update(lambda head: Change("Add it", files={PLAIN: b"content"}))
        yield server


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of huggingface_hub, deep in a folder of the test's own: what leaves it is still in that folder."""
    folder = tmp_path / "one" / "two" / "three" / "four" / "cache"
    folder.mkdir(parents=True)
    scratch = tmp_path / "one" / "two" / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return folder


def outside(folder: Path, cache: Path) -> list[Path]:
    """The files below a folder that are not in the cache; a link counts where it leads."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if not path.resolve().is_relative_to(cache.resolve())]


@pytest.mark.parametrize("name", [*OUTSIDE, *INSIDE], ids=repr)
def test_a_name_of_a_listing_leads_nowhere(name: str, hub: HubServer, cache: Path, tmp_path: Path) -> None:
    with HostileHub(hub.url, name) as proxy:
        repo = HubRepo(connect(proxy.url, hub.token), "admin/plain")
        head = repo.head()
        listed = [path for path in repo.sizes(head) if path != ".gitattributes"]
        assert listed == [name]
        if name in OUTSIDE:
            for fetch in (repo.read, repo.download):
                with pytest.raises(DataError, match="name that is not allowed"):
                    fetch(name, head)
        else:
            assert repo.read(name, head) == b"content"
            assert repo.download(name, head).read_bytes() == b"content"
        # What the tokenizer then lacks is another matter.
        with pytest.raises(CurationError):
            load_tokenizer("admin/plain-model", endpoint=proxy.url, token=hub.token)
    assert outside(tmp_path, cache) == []
    assert not Path("/tmp/absolute.json").exists()


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit"])
@pytest.mark.parametrize("value", ['"../../../../../up"', "/tmp/absolute.json", "..\\..\\up"])
def test_a_name_of_content_leads_nowhere(header: str, value: str, hub: HubServer, cache: Path, tmp_path: Path) -> None:
    with HostileHub(hub.url, headers={header.lower(): value}) as proxy:
        repo = HubRepo(connect(proxy.url, hub.token), "admin/plain")
        with pytest.raises(ServiceError, match="named the content of a file by a path"):
            repo.download(PLAIN, "main")
    assert outside(tmp_path, cache) == []
