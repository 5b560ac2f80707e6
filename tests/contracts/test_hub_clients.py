"""What this project relies on in huggingface_hub and datasets: a failure names what changed."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils._http import default_client_factory, get_session

from curation.hub import connect
from curation.local import Stack
from curation.store.parquet import content_name, write_parquet
from curation.types import Drop


def test_the_hub_client_has_no_timeout_of_its_own() -> None:
    client = default_client_factory()
    assert client.timeout.read is None
    client.close()


def test_our_hub_client_has_a_timeout() -> None:
    connect("http://127.0.0.1:9", None)
    assert get_session().timeout.read is not None


def test_a_commit_can_name_its_parent() -> None:
    assert "parent_commit" in inspect.signature(HfApi.create_commit).parameters


@pytest.mark.stack
def test_a_stale_parent_is_412_and_private_repos_are_not_found(stack: Stack) -> None:
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/contract", repo_type="dataset", private=True)
    old = api.dataset_info("acme/contract").sha
    first, second = [CommitOperationAdd("a.txt", b"one")], [CommitOperationAdd("a.txt", b"two")]
    api.create_commit("acme/contract", first, commit_message="one", repo_type="dataset", parent_commit=old)
    with pytest.raises(HfHubHTTPError) as stale:
        api.create_commit("acme/contract", second, commit_message="two", repo_type="dataset", parent_commit=old)
    assert stale.value.response.status_code == 412
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=stack.hub.url, token=False).dataset_info("acme/contract")


@pytest.mark.stack
def test_content_named_shards_and_configs_are_all_that_load_dataset_needs(stack: Stack, tmp_path: Path) -> None:
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/shards", repo_type="dataset", private=True)
    shards = [write_parquet([Drop(id=str(n), reason="r")], Drop) for n in range(2)]
    paths = [content_name("dpo", shard, prefix="train-") for shard in shards]
    card = f"---\nconfigs:\n- config_name: dpo\n  data_files:\n  - split: train\n    path: {json.dumps(paths)}\n---\n"
    for path, content in [*zip(paths, shards, strict=True), ("README.md", card.encode())]:
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id="acme/shards", repo_type="dataset")
    script = "import datasets; print(datasets.load_dataset('acme/shards', 'dpo')['train']['id'][:])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **stack.settings(), "HF_HOME": str(tmp_path)},
    )
    assert sorted(json.loads(done.stdout.replace("'", '"'))) == ["0", "1"]
