"""The stores of the benchmarks, which are written column by column, are stores as the stages write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from curation.derive import derive
from curation.store import Manifest, Snapshot
from tests.benchmarks.bench_publish import make_config
from tests.benchmarks.publish_data import StoreData
from tests.derive.stores import SERVICES, FolderRepo


@pytest.mark.slow
def test_every_set_of_a_store_of_the_benchmarks_gives_rows(tmp_path: Path) -> None:
    manifest = Manifest(name="bench", pseudonym_key="0" * 64, files=StoreData(pool_bytes=1 << 16).write(tmp_path, 30))
    snapshot = Snapshot(cast(Any, FolderRepo(tmp_path)), "0" * 40, manifest, min_candidates=2)
    derived = derive(make_config("bench"), snapshot, SERVICES)
    assert (derived.asked, derived.answered, derived.records) == (30, 30, 30)
    assert derived.tally.verdicts == 30
    # Two answers to each prompt, each with a label.
    assert derived.row_counts["kto"] == 60
    assert 0 < derived.row_counts["dpo"] < 30
