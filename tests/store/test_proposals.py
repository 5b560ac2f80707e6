"""Proposals and versions of a published dataset, on the local Hub with two members of an organisation."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd

from curation.errors import MissingError, TemporaryError
from curation.hub import connect
from curation.local.hub import Account, HubServer
from curation.store import PublishedDataset
from curation.store.published import Draft
from curation.store.versions import Version

pytestmark = pytest.mark.stack

REPO = "lab/rows"
USERS = {"hf_ann": Account("ann", orgs=("lab",)), "hf_bob": Account("bob", orgs=("lab",))}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with HubServer(tmp_path_factory.mktemp("hub"), users=USERS) as server:
        yield server


def dataset(hub: HubServer, name: str, token: str = "hf_ann") -> PublishedDataset:
    return PublishedDataset(connect(hub.url, token), f"lab/{name}", name=name)


def draft(folder: Path, name: str, content: str) -> Draft:
    """A draft with one file of rows, which the Hub takes as a large file because of its name."""
    path = f"dpo/train-{content}.parquet"
    (folder / f"{content}.parquet").write_bytes(content.encode() * 1000)

    def texts(present: Collection[str], version: Version) -> Mapping[str, bytes]:
        manifest = {"name": name, "version": version.name, "previous": version.previous, "files": {"dpo/train": [path]}}
        return {
            "README.md": f"---\nlicense: mit\n---\n{content}\n".encode(),
            "curation.json": json.dumps(manifest).encode(),
        }

    return Draft(shards={path: folder / f"{content}.parquet"}, make_texts=texts, rows=1, private=True)


def received(hub: HubServer) -> int:
    with httpx2.Client(trust_env=False) as client:
        return int(client.get(f"{hub.url}/stats").json()["bytes_received"])


def test_shards_that_were_uploaded_early_are_seen_and_sent_only_once(hub: HubServer, tmp_path: Path) -> None:
    ours = dataset(hub, "early")
    rows = draft(tmp_path, "early", "one")
    ours.upload(rows.shards, private=True)
    before = received(hub)
    assert ours.repo.is_private()
    assert ours.repo.sizes(ours.repo.head()).keys() == {".gitattributes"}
    commit = ours.publish(rows, head=None)
    # The card and the manifest are sent, and not the 3,000 bytes of rows.
    assert received(hub) - before < 2000
    assert commit is not None
    assert ours.repo.read("dpo/train-one.parquet", commit) == b"one" * 1000


def test_an_earlier_version_is_put_back_without_an_upload_of_its_rows(hub: HubServer, tmp_path: Path) -> None:
    ours = dataset(hub, "back")
    first = ours.publish(draft(tmp_path, "back", "one"), head=None)
    second = ours.publish(draft(tmp_path, "back", "two"), head=first)
    assert (first, second) == (ours.repo.tags()["publish-1"], ours.repo.tags()["publish-2"])
    assert second is not None
    before = received(hub)
    commit = ours.put_back("publish-1", head=second)
    # The card and the manifest are small files, which the client copies itself; the 3,000 bytes of rows stay there.
    assert received(hub) - before < 1000
    assert commit is not None
    assert ours.repo.digests(commit) == ours.repo.digests("publish-1")
    assert ours.put_back_from(commit) == "publish-2"
    assert ours.put_back("publish-1", head=commit) is None
    with pytest.raises(TemporaryError, match="was changed while"):
        ours.put_back("publish-2", head=second)
    with pytest.raises(MissingError, match="has no tag 'publish-9'"):
        ours.put_back("publish-9", head=commit)
    ours.repo.tag("publish-8", ours.repo.history("main")[-1])
    with pytest.raises(MissingError, match="no published version under the tag 'publish-8'"):
        ours.put_back("publish-8", head=commit)


def test_a_proposal_of_somebody_else_is_left_alone_whatever_it_says(hub: HubServer, tmp_path: Path) -> None:
    name = "strangers"
    ours, theirs = dataset(hub, name), dataset(hub, name, "hf_bob")
    proposed = theirs.propose(draft(tmp_path, name, "bad"), lambda: "Theirs", head=None)
    assert proposed is not None
    assert ours.proposals() == []
    # A pull request of ours that is no proposal is left alone too.
    add = [CommitOperationAdd("NOTES.md", b"x")]
    ours.repo.api.create_commit(
        ours.repo.repo_id,
        add,
        commit_message="Notes",
        repo_type="dataset",
        create_pr=True,
        commit_description="By hand",
    )
    own = ours.propose(draft(tmp_path, name, "good"), lambda: "Ours", head=None)
    assert own is not None
    assert own.url.endswith("/3")
    assert [proposal.num for proposal in ours.proposals()] == [3]
    assert [proposal.num for proposal in theirs.proposals()] == [1]
    assert "dpo/train-bad.parquet" not in ours.repo.sizes("refs/pr/3")


def test_of_two_proposals_of_ours_the_older_is_closed(hub: HubServer, tmp_path: Path) -> None:
    """The client asks again if an answer gets lost, and the Hub then opens two."""
    name = "doubled"
    ours = dataset(hub, name)
    assert ours.propose(draft(tmp_path, name, "one"), lambda: "First", head=None) is not None
    (first,) = ours.proposals()
    main = ours.repo.head()
    add = [CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n")]
    ours.repo.api.create_commit(
        *(ours.repo.repo_id, add),
        commit_message="Publish 1 rows",
        commit_description=first.description,
        repo_type="dataset",
        create_pr=True,
        parent_commit=main,
    )
    assert len(ours.proposals()) == 2
    again = ours.propose(draft(tmp_path, name, "one"), lambda: "Second", head=main)
    assert again is not None
    (left,) = ours.proposals()
    assert left.url == again.url
    assert left.description.startswith("Second\n")
    assert "dpo/train-one.parquet" in ours.repo.sizes(left.revision)


def test_rows_of_an_older_store_are_not_proposed(hub: HubServer, tmp_path: Path) -> None:
    name = "moved"
    ours = dataset(hub, name)
    first = ours.publish(draft(tmp_path, name, "one"), head=None)
    ours.publish(draft(tmp_path, name, "two"), head=first)
    with pytest.raises(TemporaryError, match="was changed while these rows were made"):
        ours.propose(draft(tmp_path, name, "three"), lambda: "Late", head=first)
    assert ours.proposals() == []
