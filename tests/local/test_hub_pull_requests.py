"""Pull requests and discussions of the local Hub through the real client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, set_client_factory
from huggingface_hub.community import DiscussionComment
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import CommitInfo
from huggingface_hub.utils import _http

from curation.local.hub import Account, HubServer

pytestmark = pytest.mark.stack

REPO = "lab/rows"
DATASET: Any = {"repo_type": "dataset"}


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[HfApi]:
    """A client of ann's, with a dataset that has one file; it does not wait until faults are over."""
    factory = _http._GLOBAL_CLIENT_FACTORY
    set_client_factory(_http.default_client_factory)
    with HubServer(tmp_path, users={"hf_ann": Account("ann", orgs=("lab",)), "hf_bob": Account("bob")}) as hub:
        api = HfApi(endpoint=hub.url, token="hf_ann")
        api.create_repo(REPO, repo_type="dataset")
        committed(api, CommitOperationAdd("a.txt", b"one"))
        yield api
    set_client_factory(factory)


def committed(api: HfApi, *operations: CommitOperationAdd | CommitOperationDelete, **options: Any) -> CommitInfo:
    info = api.create_commit(REPO, operations, commit_message="Change", repo_type="dataset", **options)
    assert isinstance(info, CommitInfo)
    return info


def head(api: HfApi, revision: str = "main") -> str:
    return str(api.dataset_info(REPO, revision=revision).sha)


def read(api: HfApi, path: str, folder: Path, revision: str = "main") -> bytes:
    return Path(api.hf_hub_download(REPO, path, revision=revision, cache_dir=folder, **DATASET)).read_bytes()


def test_a_proposed_commit_is_on_a_ref_of_its_own_until_it_is_merged(ann: HfApi, tmp_path: Path) -> None:
    before = head(ann)
    info = committed(ann, CommitOperationAdd("b.txt", b"two"), create_pr=True, commit_description="Why\n\nbecause")
    assert (info.pr_num, info.pr_revision) == (1, "refs/pr/1")
    assert head(ann) == before
    assert head(ann, "refs/pr/1") == info.oid
    committed(ann, CommitOperationDelete("a.txt"), revision="refs/pr/1", parent_commit=info.oid)

    (found,) = ann.get_repo_discussions(REPO, discussion_type="pull_request", discussion_status="open", **DATASET)
    assert (found.num, found.title, found.author, found.status) == (1, "Change", "ann", "open")
    assert not list(ann.get_repo_discussions(REPO, author="bob", **DATASET))
    assert not list(ann.get_repo_discussions(REPO, discussion_type="discussion", **DATASET))
    details = ann.get_discussion_details(REPO, 1, **DATASET)
    assert [event.type for event in details.events] == ["comment", "commit", "commit"]
    assert (details.conflicting_files, details.target_branch) == ([], "refs/heads/main")
    refs = ann.list_repo_refs(REPO, include_pull_requests=True, **DATASET)
    assert [ref.ref for ref in refs.pull_requests or ()] == ["refs/pr/1"]
    assert [ref.name for ref in refs.branches] == ["main"]

    ann.merge_pull_request(REPO, 1, comment="Good", **DATASET)
    assert sorted(ann.list_repo_files(REPO, **DATASET)) == [".gitattributes", "b.txt"]
    assert read(ann, "b.txt", tmp_path / "cache") == b"two"
    merged = ann.get_discussion_details(REPO, 1, **DATASET)
    assert (merged.status, merged.merge_commit_oid) == ("merged", head(ann))
    assert not list(ann.get_repo_discussions(REPO, discussion_status="open", **DATASET))
    with pytest.raises(HfHubHTTPError):
        committed(ann, CommitOperationAdd("c.txt", b"late"), revision="refs/pr/1")


def test_a_pull_request_opens_on_an_old_parent_and_a_conflict_keeps_it_from_being_merged(ann: HfApi) -> None:
    old = head(ann)
    committed(ann, CommitOperationAdd("a.txt", b"main"))
    info = committed(ann, CommitOperationAdd("a.txt", b"mine"), create_pr=True, parent_commit=old)
    assert ann.get_discussion_details(REPO, int(info.pr_num or 0), **DATASET).conflicting_files == ["a.txt"]
    with pytest.raises(HfHubHTTPError) as refused:
        ann.merge_pull_request(REPO, int(info.pr_num or 0), **DATASET)
    assert refused.value.response.status_code == 409
    apart = committed(ann, CommitOperationAdd("c.txt", b"apart"), create_pr=True, parent_commit=old)
    ann.merge_pull_request(REPO, int(apart.pr_num or 0), **DATASET)
    assert {"a.txt", "c.txt"} <= set(ann.list_repo_files(REPO, **DATASET))
    with pytest.raises(HfHubHTTPError) as stale:
        committed(ann, CommitOperationAdd("a.txt", b"again"), revision="refs/pr/1", parent_commit=old)
    assert stale.value.response.status_code == 412


def test_discussions_are_renamed_edited_commented_and_closed(ann: HfApi) -> None:
    draft = ann.create_pull_request(REPO, "Title", description="First", **DATASET)
    assert (draft.status, draft.is_pull_request) == ("draft", True)
    first = draft.events[0]
    assert isinstance(first, DiscussionComment)
    edited = ann.edit_discussion_comment(REPO, draft.num, first.id, "Second", **DATASET)
    assert (edited.content, edited.edited) == ("Second", True)
    assert ann.rename_discussion(REPO, draft.num, "Other", **DATASET).new_title == "Other"
    assert ann.comment_discussion(REPO, draft.num, "Third", **DATASET).content == "Third"
    ann.change_discussion_status(REPO, draft.num, "closed", comment="Fourth", **DATASET)
    details = ann.get_discussion_details(REPO, draft.num, **DATASET)
    assert (details.title, details.status) == ("Other", "closed")
    comments = [event.content for event in details.events if isinstance(event, DiscussionComment)]
    assert comments == ["Second", "Third", "Fourth"]
    assert ann.create_discussion(REPO, "Question", **DATASET).is_pull_request is False
    with pytest.raises(HfHubHTTPError):
        ann.get_discussion_details(REPO, 9, **DATASET)


def test_strangers_cannot_merge(ann: HfApi) -> None:
    committed(ann, CommitOperationAdd("b.txt", b"two"), create_pr=True)
    stranger = HfApi(endpoint=ann.endpoint, token="hf_bob")
    with pytest.raises(HfHubHTTPError) as refused:
        stranger.merge_pull_request(REPO, 1, **DATASET)
    assert refused.value.response.status_code == 403
    with pytest.raises(HfHubHTTPError):
        ann.create_branch(REPO, branch="refs/pr/7", **DATASET)


def test_a_tag_names_a_commit_and_files_are_copied_from_it_without_an_upload(ann: HfApi, tmp_path: Path) -> None:
    ann.create_tag(REPO, tag="publish-1", **DATASET)
    committed(ann, CommitOperationAdd("a.txt", b"worse"))
    ann.create_tag(REPO, tag="publish-1", exist_ok=True, **DATASET)
    (tag,) = ann.list_repo_refs(REPO, **DATASET).tags
    assert tag.name == "publish-1"
    copy = CommitOperationCopy("a.txt", "a.txt", src_revision=tag.target_commit)
    ann.create_commit(REPO, [copy], commit_message="Back", repo_type="dataset")
    assert read(ann, "a.txt", tmp_path / "cache") == b"one"
