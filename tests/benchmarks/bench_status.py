"""What `status` costs: seconds with 100,000 records that all have an answer, in Argilla and in the store.

`python -m tests.benchmarks.bench_status [--quick]` puts 100,000 candidate sets, records and responses into a store on a
local Hub and the same records and responses into a local Argilla (directly into its database), syncs, and runs
`status`. It prints what it measures as it goes, then a table and, last, one line of JSON:

- unchanged_s: seconds of `status` if nobody did anything since the last `sync`, without the imports;
- answered_s: seconds after 100 answers were edited, 50 of which became drafts; `waiting` then has these 50;
- cpu_s: seconds of the processors for unchanged_s, which say more than those of the clock on a busy machine.

The goal is 5 s. `--quick` makes everything ten times smaller, for trying out.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from curation.local import Stack
from tests.benchmarks import bench_publish, bench_sync
from tests.benchmarks.workload import say

RECORDS, EDITED, GOAL_SECONDS = 100_000, 100, 5.0
NAME, OWNER = "bench-status", "acme"


def make_config() -> Any:
    """Return the config, all defaults but for the layout: records are plain fields."""
    config = bench_publish.make_config(NAME, OWNER)
    return config.model_copy(update={"review": config.review.model_copy(update={"layout": "fields"})})


def in_process(call: str) -> Any:
    """Run a function of this file in a process of its own; return what it returns."""
    return bench_sync.in_process(call, module="bench_status")


def filled(count: int) -> list[str]:
    """Fill the store, and create the dataset in Argilla; return the ids of the records."""
    from curation.config import Services
    from curation.services import open_review, open_store

    config, services = make_config(), Services.from_environment()
    bench_publish.fill(NAME, str(count), "0", OWNER, answered=False)
    with closing(open_review(config, services)) as review:
        review.create(config.review.settings())
    return list(open_store(config, services).snapshot().records)


def synced() -> dict[str, Any]:
    """Run `sync`; return its report."""
    from curation.stages.sync import sync

    return sync(make_config(), allow_shrink=True).model_dump(mode="json")


def told() -> dict[str, Any]:
    """Run `status` twice: the first downloads the store; return what the second says, and what it cost."""
    from curation.stages.status import status

    status(make_config())
    begin, worked = time.perf_counter(), time.process_time()
    report = status(make_config())
    figures = {"seconds": time.perf_counter() - begin, "cpu_s": time.process_time() - worked}
    return {**figures, "records": report.records, "waiting": report.waiting, "problem": report.argilla}


def measure(stack: Stack, count: int) -> dict[str, float]:
    """Return all figures."""
    _, record_ids = bench_sync.timed("fill the store", lambda: in_process(f"filled({count})"))
    bench_sync.timed("fill Argilla", lambda: bench_sync.fill_dataset(stack, NAME, record_ids))
    bench_sync.timed("sync", lambda: in_process("synced()"))
    unchanged = in_process("told()")
    say(json.dumps(unchanged))
    assert (unchanged["records"], unchanged["waiting"]) == (count, 0), unchanged
    bench_sync.edit(stack, bench_sync.dataset_id(stack, NAME), EDITED, "b", drafts=EDITED // 2)
    answered = in_process("told()")
    say(json.dumps(answered))
    return {
        "records": count,
        "unchanged_s": unchanged["seconds"],
        "answered_s": answered["seconds"],
        "cpu_s": unchanged["cpu_s"],
        "waiting": answered["waiting"],
    }


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    count = RECORDS // 10 if parser.parse_args().quick else RECORDS
    with tempfile.TemporaryDirectory(prefix="bench-status-") as folder:
        os.environ["HF_HOME"] = str(Path(folder, "home"))
        with Stack(Path(folder, "stack"), tied=True) as stack:
            os.environ.update(stack.settings())
            figures = measure(stack, count)
    for name, value in figures.items():
        goal = f"   goal {GOAL_SECONDS:.2f}" if name.endswith("ed_s") else ""
        print(f"{name:24} {value:10.3f}{goal}")
    print(json.dumps({"benchmark": "status", **{name: round(value, 3) for name, value in figures.items()}}))


if __name__ == "__main__":
    main()
