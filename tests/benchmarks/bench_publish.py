"""What publishing costs: time, memory and uploaded bytes for 100,000 and 1,000,000 reviewed records.

`python -m tests.benchmarks.bench_publish [--quick]` makes stores as `generate`, `push` and `sync` would have written
them, commits them to a local Hub and publishes them with the defaults of the configuration (dpo and kto). Beside each
stands `Dataset.push_to_hub` of the same rows, to the same Hub in the same run. It prints what it measures as it goes,
then a table and, last, one line of JSON:

- ratio_to_push_to_hub, ratio_to_push_to_hub_100k: time of `publish` (shards, card, upload) over that of push_to_hub,
  which only writes and uploads rows that are there already. Machines differ in speed, so these have the goals;
- derive_100k_s, derive_1m_s: from a store that is on this machine to all dpo and kto shards: verdicts, checks, splits;
- peak_rss_mb: of all processes together while the million is published, shared pages counted once;
- cpu_ratio_to_push_to_hub: seconds of the processor, which say more than those of the clock on a busy machine;
- append_upload_ratio: what the Hub receives when 1,000 reviewed records are appended to the million, over the size of
  the shards of those 1,000 alone; the same of push_to_hub beside it.

`--quick` makes everything ten times smaller, for trying out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation.local.hub import HubServer
from tests.benchmarks.workload import say

SMALL, LARGE, APPENDED = 100_000, 1_000_000, 1_000
GOALS = {
    "ratio_to_push_to_hub": 1.5,
    "ratio_to_push_to_hub_100k": 2.0,
    "peak_rss_mb": 1500.0,
    "append_upload_ratio": 2.0,
}
SAMPLE_SECONDS = 0.2
OWNER = "admin"


def make_config(name: str, owner: str = OWNER) -> Any:
    """Return the config of a store and its dataset, all defaults."""
    from curation.config import parse_config

    return parse_config(
        {
            "name": name,
            "prompts": {"type": "hub", "repo_id": "acme/prompts"},
            "generators": [
                {"model_id": "acme/small-8b", "name": "cool"},
                {"model_id": "acme/other-7b", "name": "warm"},
            ],
            "judge": {"model_id": "acme/judge", "name": "judge"},
            "publish": {"repo_id": f"{owner}/{name}"},
            "store": {"repo_id": f"{owner}/{name}-store"},
        }
    )


def fill(name: str, sets: str, start: str, owner: str = OWNER, *, answered: bool = True) -> None:
    """Commit so many candidate sets to the store, after those that it holds; their records are `answered` or not."""
    from curation.config import Services
    from curation.errors import MissingError
    from curation.services import open_store
    from curation.store import RESPONSES
    from curation.store.manifest import MANIFEST, Manifest, PromptsRead
    from curation.store.repo import Change
    from tests.benchmarks.publish_data import StoreData

    store = open_store(make_config(name, owner), Services.from_environment())
    store.create()
    with tempfile.TemporaryDirectory() as folder:
        files = StoreData().write(Path(folder), int(sets), start=int(start))
        if not answered:
            del files[RESPONSES]
        try:
            old = store.snapshot().manifest
        except MissingError:
            old = Manifest(name=name, pseudonym_key="0" * 64)
        # The stages write one file of responses; of two the later just follows.
        together = {table: (*old.files.get(table, ()), *paths) for table, paths in files.items()}
        read = PromptsRead(source="acme/prompts@" + "0" * 40, read=int(start) + int(sets), dropped={})
        manifest = old.model_copy(update={"files": together, "prompts": {read.name: read}})
        content = {path: Path(folder) / path for paths in files.values() for path in paths}
        store.repo.update(
            lambda head: Change(f"Add {sets}", {**content, MANIFEST: manifest.model_dump_json().encode()})
        )


def derived(name: str, folder: str) -> dict[str, Any]:
    """Write the shards of a store that was downloaded before."""
    from curation.config import Services
    from curation.derive import derive
    from curation.services import open_store

    services = Services.from_environment()
    snapshot = open_store(make_config(name), services).snapshot()
    for table in snapshot.manifest.files:
        for _ in snapshot.tables(table, ()):
            pass
    started = time.perf_counter()
    result = derive(make_config(name), snapshot, services, folder=Path(folder))
    return {
        "seconds": time.perf_counter() - started,
        "rows": sum(result.tally.rows.values()),
        "bytes": sum(shard.bytes for shard in result.tally.shards),
    }


def published(name: str) -> dict[str, Any]:
    """Publish a store."""
    from curation.stages.publish import publish

    started = time.perf_counter()
    report = publish(make_config(name))
    return {"seconds": time.perf_counter() - started, "rows": sum(report.rows.values())}


def pushed(name: str, folder: str) -> dict[str, Any]:
    """Push the rows of a folder of shards with `Dataset.push_to_hub`, both configs."""
    import datasets

    loaded = {
        config: datasets.load_dataset(
            "parquet",
            data_files={split: str(Path(folder) / config / f"{split}-*.parquet") for split in ("train", "test")},
            cache_dir=f"{folder}-cache",
        )
        for config in ("dpo", "kto")
    }
    started = time.perf_counter()
    for config, rows in loaded.items():
        rows.push_to_hub(f"{OWNER}/{name}-pushed", config, private=True)
    return {
        "seconds": time.perf_counter() - started,
        "rows": sum(sum(rows.num_rows.values()) for rows in loaded.values()),
    }


PARTS: dict[str, Callable[..., Any]] = {
    "fill": fill,
    "derived": derived,
    "published": published,
    "pushed": pushed,
}


class Bench:
    """Runs each part in a process of its own, against one local Hub."""

    def __init__(self, folder: Path, hub: HubServer) -> None:
        self.folder = folder
        self.hub = hub

    def run(self, part: str, *arguments: object, memory: bool = False) -> dict[str, Any]:
        """Return what a part reports, with the bytes that the Hub received and, if asked, its memory at the peak.

        The kernel counts the pages of a process while that waits, a few percent of its time.
        """
        received, worked = self.hub.stats()["bytes_received"], cpu_seconds()
        report = self.folder / "report.json"
        command = [sys.executable, "-m", "tests.benchmarks.bench_publish", "--inside", str(report), part]
        environment = {
            **os.environ,
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": self.hub.token,
            "HF_HOME": str(self.folder / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
            "TMPDIR": str(self.folder / "tmp"),
        }
        process = subprocess.Popen([*command, *map(str, arguments)], env=environment)
        peak = 0.0
        while memory and process.poll() is None:
            peak = max(peak, memory_mb(process.pid))
            time.sleep(SAMPLE_SECONDS)
        if process.wait():
            sys.exit(f"{part} failed.")
        figures: dict[str, Any] = json.loads(report.read_text())
        figures |= {"uploaded": self.hub.stats()["bytes_received"] - received, "cpu_s": cpu_seconds() - worked}
        figures |= {"peak_mb": peak} if memory else {}
        say(f"{part} {' '.join(map(str, arguments))}: {json.dumps(figures)}")
        return figures


def cpu_seconds() -> float:
    """Return the seconds that the processes which ended before kept processors busy."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def memory_mb(pid: int) -> float:
    """Return what a process and all its children take, in megabytes; pages that they share are counted once."""
    total = 0
    for process in (pid, *_descendants(pid)):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [process for child in children for process in (child, *_descendants(child))]


def measure(bench: Bench, *, smaller: int) -> dict[str, float]:
    """Run everything; return the figures."""
    small, large = SMALL // smaller, LARGE // smaller
    folder = bench.folder
    bench.run("fill", "small", small, 0)
    few = bench.run("derived", "small", folder / "small")
    few_published = bench.run("published", "small")
    few_pushed = bench.run("pushed", "small", folder / "small")
    bench.run("fill", "large", large, 0)
    many = bench.run("derived", "large", folder / "large")
    all_at_once = bench.run("published", "large", memory=True)
    push = bench.run("pushed", "large", folder / "large", memory=True)
    bench.run("fill", "large", APPENDED, large)
    bench.run("fill", "new", APPENDED, large)
    new = bench.run("derived", "new", folder / "new")
    again = bench.run("published", "large")
    bench.run("derived", "large", folder / "larger")
    push_again = bench.run("pushed", "large", folder / "larger")
    return {
        "ratio_to_push_to_hub": all_at_once["seconds"] / push["seconds"],
        "ratio_to_push_to_hub_100k": few_published["seconds"] / few_pushed["seconds"],
        "cpu_ratio_to_push_to_hub": all_at_once["cpu_s"] / push["cpu_s"],
        "cpu_ratio_to_push_to_hub_100k": few_published["cpu_s"] / few_pushed["cpu_s"],
        "derive_100k_s": few["seconds"],
        "derive_1m_s": many["seconds"],
        "peak_rss_mb": all_at_once["peak_mb"],
        "append_upload_ratio": again["uploaded"] / new["bytes"],
        "append_upload_ratio_of_push_to_hub": push_again["uploaded"] / new["bytes"],
        "publish_1m_s": all_at_once["seconds"],
        "push_to_hub_1m_s": push["seconds"],
        "publish_100k_s": few_published["seconds"],
        "push_to_hub_100k_s": few_pushed["seconds"],
        "rows_of_1m": many["rows"],
        "peak_rss_mb_of_push_to_hub": push["peak_mb"],
    }


def main() -> int:
    """Measure, then print the table and the line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_publish", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        report, part, *arguments = options.inside
        Path(report).write_text(json.dumps(PARTS[part](*arguments) or {}))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-publish-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        with HubServer(folder / "hub") as hub:
            figures = measure(Bench(folder, hub), smaller=10 if options.quick else 1)
    say(f"{'figure':38} {'value':>12} {'goal':>8}")
    for key, value in figures.items():
        goal = GOALS.get(key)
        wanted, verdict = (f"<= {goal:g}", "ok" if value <= goal else "MISSED") if goal else ("", "")
        say(f"{key:38} {value:>12,.3f} {wanted:>8} {verdict}".rstrip())
    facts = {"benchmark": "publish", "quick": options.quick, "cores": os.cpu_count(), **figures}
    say(json.dumps({key: round(value, 4) if isinstance(value, float) else value for key, value in facts.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
