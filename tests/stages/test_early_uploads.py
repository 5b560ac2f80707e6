"""Which shards `publish` uploads while others are still made."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation.derive import Shard
from curation.hub import connect
from curation.local.hub import HubServer
from curation.store import PublishedDataset
from tests.derive.stores import make_config

pytestmark = pytest.mark.stack

PUBLISH = import_module("curation.stages.publish")
HEAD = "0" * 40


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with HubServer(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "config", "options", "head", "is_uploaded"),
    [
        ("new", "dpo", {}, None, True),
        ("gated", "dpo", {"min_agreement": -1}, None, False),
        ("linted", "dpo", {"lint": "error"}, None, False),
        ("proposed", "dpo", {"mode": "pull-request"}, None, False),
        ("there", "dpo", {}, HEAD, False),
        ("raw", "raw", {"formats": ["dpo", "raw"]}, None, False),
    ],
)
def test_only_a_new_dataset_that_nothing_can_refuse_is_uploaded_while_it_is_made(
    hub: HubServer, tmp_path: Path, name: str, config: str, options: dict[str, Any], head: str | None, is_uploaded: bool
) -> None:
    shard = Shard(config, "train", f"{config}/train-{name}.parquet", rows=1, bytes=3, sha256="")
    (tmp_path / config).mkdir()
    (tmp_path / shard.path).write_bytes(b"row")
    ours = PublishedDataset(connect(hub.url, hub.token), f"admin/{name}", name=name)
    PUBLISH._upload(make_config(publish=options), ours, head, tmp_path, [shard])
    assert ours.repo.exists() is is_uploaded
