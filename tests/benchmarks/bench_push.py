"""What `push` costs: records a second beside what the server takes, and memory at two sizes.

`python -m tests.benchmarks.bench_push [--quick]` puts candidate sets into a store on a local Hub, and lets `push` make
records of them in a local Argilla, as a process of its own. Before and after it, a bare client sends the same records,
made ready before the clock starts, to another dataset, through the server's bulk endpoint with 500 records a request,
which is the most that it takes. It prints a table and, last, one line of JSON:

- records_per_s: of `push`, from the store to the last record in Argilla, without the imports of the interpreter;
- ratio_to_server_limit: its rate over the mean of the two runs of the bare client;
- peak_rss_mb and peak_rss_mb_large: of the process of `push`, for 10,000 and for 100,000 records.

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson

from curation.local import Stack
from tests.benchmarks.bench_sync import argilla
from tests.benchmarks.workload import say

RECORDS, LARGE, AT_ONCE = 10_000, 100_000, 500
GOALS = {"ratio_to_server_limit": 0.9}
TEXT = "Plants are green because chlorophyll absorbs red and blue light and reflects the green. " * 6


def make_config(name: str) -> Any:
    """Return a config with the defaults: two answers side by side."""
    from curation.config import parse_config

    return parse_config(
        {
            "name": name,
            "prompts": {"type": "hub", "repo_id": "acme/prompts"},
            "generators": [{"model_id": "acme/a", "name": "a"}, {"model_id": "acme/b", "name": "b"}],
            "publish": {"repo_id": f"acme/{name}"},
            "store": {"repo_id": f"acme/{name}-store"},
        }
    )


def fill_store(name: str, count: int) -> None:
    """Commit the candidate sets to the store, as `generate` would have."""
    from curation.config import Services
    from curation.generation import settings_id
    from curation.services import open_store
    from curation.store import PromptsRead
    from tests.rows import make_candidate, make_prompt, make_set

    config = make_config(name)
    store = open_store(config, Services.from_environment())
    store.create()
    settings = settings_id(config.models)

    def sets(start: int, end: int) -> Iterator[Any]:
        for number in range(start, end):
            prompt = make_prompt(f"{number}. {TEXT}")
            answers = (make_candidate(prompt, f"{one} {number}. {TEXT}", generator=one) for one in ("a", "b"))
            yield make_set(prompt, settings=settings).model_copy(update={"candidates": tuple(answers)})

    for start in range(0, count, 20_000):
        end = min(start + 20_000, count)
        read = PromptsRead(source="acme/prompts@1", read=end, dropped={})
        store.add_candidate_sets(sets(start, end), prompts=read, settings={})


def server_limit(stack: Stack, name: str, count: int) -> float:
    """Return the records a second that the server's bulk endpoint takes, from requests that are ready."""
    from contextlib import closing

    from curation.config import Services
    from curation.services import open_review

    config = make_config(name)
    with closing(open_review(config, Services.from_environment())) as review:
        dataset_id = review.create(config.review.settings())
    bodies = [
        orjson.dumps({"items": [item(number) for number in range(start, min(start + AT_ONCE, count))]})
        for start in range(0, count, AT_ONCE)
    ]
    with argilla(stack) as http:
        begin = time.perf_counter()
        for body in bodies:
            put(http, dataset_id, body)
        return count / (time.perf_counter() - begin)


def item(number: int) -> dict[str, Any]:
    """Return a record as `push` sends it: a card with two answers."""
    from curation.review.page import page_values
    from tests.rows import make_prompt

    answers = {f"response_{side}": f"{side} {number}. {TEXT}" for side in ("a", "b")}
    fields = page_values(make_prompt(f"{number}. {TEXT}"), answers, card=True)
    return {"external_id": f"{number:016x}", "fields": fields, "suggestions": []}


def put(http: httpx2.Client, dataset_id: str, body: bytes) -> None:
    """Send one request, and read its answer to the end."""
    headers = {"Content-Type": "application/json"}
    http.put(f"/datasets/{dataset_id}/records/bulk", content=body, headers=headers).raise_for_status()


def pushed(name: str) -> dict[str, Any]:
    """Run `push` in this process; return its report, its seconds after the imports, and the memory."""
    from curation.review import argilla as _loaded
    from curation.stages.push import push

    assert _loaded.DIFFERENCES
    begin = time.perf_counter()
    report = push(make_config(name))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"added": report.added, "seconds": seconds, "peak_rss_mb": peak}


def in_process(call: str) -> Any:
    """Run a function of this file in a process of its own; return what it returns."""
    code = f"import json, tests.benchmarks.bench_push as bench; print(json.dumps(bench.{call}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(stack: Stack, count: int, large: int) -> dict[str, float]:
    """Return all figures."""
    fill_store("bench-push", count)
    limits = [server_limit(stack, "bench-push-bare-1", count)]
    say(f"the bulk endpoint alone: {limits[0]:.0f} records/s")
    small = in_process("pushed('bench-push')")
    assert small["added"] == count, small
    say(f"push: {count / small['seconds']:.0f} records/s, {small['peak_rss_mb']:.0f} MB")
    limits.append(server_limit(stack, "bench-push-bare-2", count))
    say(f"the bulk endpoint alone: {limits[1]:.0f} records/s")
    fill_store("bench-push-large", large)
    great = in_process("pushed('bench-push-large')")
    assert great["added"] == large, great
    rate = count / small["seconds"]
    return {
        "records": count,
        "records_per_s": rate,
        "server_limit_per_s": sum(limits) / 2,
        "ratio_to_server_limit": rate / (sum(limits) / 2),
        "peak_rss_mb": small["peak_rss_mb"],
        "records_large": large,
        "records_per_s_large": large / great["seconds"],
        "peak_rss_mb_large": great["peak_rss_mb"],
    }


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    size = 10 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory(prefix="bench-push-") as folder:
        os.environ["HF_HOME"] = str(Path(folder, "home"))
        with Stack(Path(folder, "stack"), tied=True) as stack:
            os.environ.update(stack.settings())
            figures = measure(stack, RECORDS // size, LARGE // size)
    for name, value in figures.items():
        goal = f"   goal {GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:24} {value:10.3f}{goal}")
    print(json.dumps({"benchmark": "push", **{name: round(value, 3) for name, value in figures.items()}}))


if __name__ == "__main__":
    main()
