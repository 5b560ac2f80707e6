"""What `sync` costs: records a second beside plain HTTP and the SDK, seconds when nothing changed, memory.

`python -m tests.benchmarks.bench_sync [--quick]` puts 100,000 records with one response each into a local Argilla (its
database is filled directly, because its API takes minutes for that) and the same records into a store on a local Hub.
It prints what it measures as it goes, then a table and, last, one line of JSON:

- cold_records_per_s: the first `sync`, from Argilla to the commit in the store, as a process of its own;
- ratio_to_http: its rate over that of a loop that only gets the pages of 1,000 records, in the same run;
- ratio_to_sdk: its rate over that of the SDK's `to_datasets`;
- unchanged_s: seconds of a `sync` after which nobody did anything, without the imports of the interpreter;
- ratio_edits_to_cold: a `sync` after 100 answers were edited over the first;
- ratio_named_to_cold: the same after 100 other edits of which webhooks told, so that their records have names;
- peak_rss_mb: of the process of the first `sync`.

`--quick` makes everything ten times smaller, for trying out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from curation.local import Stack
from tests.benchmarks.workload import say

RECORDS, EDITED, PAGE, REVIEWERS = 100_000, 100, 1_000, 5
GOALS = {
    "ratio_to_http": 0.85,
    "ratio_to_sdk": 2.0,
    "unchanged_s": 1.0,
    "ratio_edits_to_cold": 1 / 3,
    "ratio_named_to_cold": 1 / 3,
}
NAME = "bench-sync"
TEXT = "Plants are green because chlorophyll absorbs red and blue light and reflects the green. " * 6


def make_config() -> Any:
    """Return a config with the defaults, but records are plain fields: two answers side by side."""
    from curation.config import parse_config

    return parse_config(
        {
            "name": NAME,
            "prompts": {"type": "hub", "repo_id": "acme/prompts"},
            "generators": [{"model_id": "acme/a", "name": "a"}, {"model_id": "acme/b", "name": "b"}],
            "publish": {"repo_id": f"acme/{NAME}"},
            "store": {"repo_id": f"acme/{NAME}-store"},
            "review": {"layout": "fields"},
        }
    )


def record_ids(count: int) -> list[str]:
    """Return the ids of the records."""
    return [f"{number:016x}" for number in range(count)]


def fill_store(count: int) -> None:
    """Commit the records to the store, as `push` would have."""
    from curation.config import Services
    from curation.services import open_store
    from curation.types import ReviewRecord

    store = open_store(make_config(), Services.from_environment())
    store.create()
    store.set_shown(
        (
            ReviewRecord(id=id, task="pairwise", prompt_id=f"p{id}", set_id=f"s{id}", candidates=(f"a{id}", f"b{id}"))
            for id in record_ids(count)
        ),
        {},
    )


def fill_argilla(stack: Stack, count: int) -> str:
    """Create the dataset, and put records with a response each into its database; return its id."""
    from contextlib import closing

    from curation.config import Services
    from curation.services import open_review

    config = make_config()
    with closing(open_review(config, Services.from_environment())) as review:
        review.create(config.review.settings())
    return fill_dataset(stack, NAME, record_ids(count))


def dataset_id(stack: Stack, name: str) -> str:
    """Return the id of the Argilla dataset of this name."""
    with argilla(stack) as http:
        [found] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == name]
    return str(found)


def fill_dataset(stack: Stack, name: str, external_ids: list[str]) -> str:
    """Put records with a response each into the database of a dataset without records; return its id."""
    dataset = dataset_id(stack, name)
    with argilla(stack) as http:
        users = [
            http.post(
                "/users",
                json={
                    "username": f"reviewer{number}",
                    "first_name": "R",
                    "role": "owner",
                    "password": uuid.uuid4().hex,
                },
            )
            .raise_for_status()
            .json()["id"]
            for number in range(REVIEWERS)
        ]
        values = {"preference": {"value": "a"}}
        first = {
            "external_id": "template",
            "fields": {
                "prompt": [{"role": "user", "content": TEXT}],
                "response_a": TEXT,
                "response_b": TEXT,
            },
            "responses": [{"user_id": users[0], "status": "submitted", "values": values}],
        }
        path = f"/datasets/{dataset}/records"
        http.post(f"{path}/bulk", json={"items": [first]}).raise_for_status()
        [database] = stack.folder.rglob("argilla.db")
        clone_records(database, external_ids, [uuid.UUID(user).hex for user in users])
        [template] = [item["id"] for item in http.get(path, params={"limit": 1}).json()["items"]]
        http.delete(f"/records/{template}").raise_for_status()
    return dataset


def clone_records(database: Path, external_ids: list[str], users: list[str]) -> None:
    """Copy the only record and its response once for each id, a microsecond apart."""
    with sqlite3.connect(database, timeout=60) as connection:
        connection.row_factory = sqlite3.Row
        [record] = connection.execute("SELECT * FROM records").fetchall()
        [response] = connection.execute("SELECT * FROM responses").fetchall()
        start = datetime.fromisoformat(record["inserted_at"])

        def rows() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
            for number, external_id in enumerate(external_ids):
                moment = str(start + timedelta(microseconds=number + 1))
                new = {"id": uuid.uuid4().hex, "inserted_at": moment, "updated_at": moment}
                answer = {**new, "id": uuid.uuid4().hex, "record_id": new["id"], "user_id": users[number % len(users)]}
                yield {**dict(record), **new, "external_id": external_id}, {**dict(response), **answer}

        for new_record, new_response in rows():
            insert(connection, "records", new_record)
            insert(connection, "responses", new_response)


def insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Insert one row; the names of the columns are those of the table."""
    columns = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def argilla(stack: Stack) -> httpx2.Client:
    """Return a plain client of the local Argilla, as its owner."""
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    return httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=120, trust_env=False)


def get_pages(stack: Stack, dataset_id: str) -> int:
    """Get all pages of records with their responses, one after the other; return how many records they have."""
    count = 0
    with argilla(stack) as http:
        while True:
            params: dict[str, str | int] = {"offset": count, "limit": PAGE, "include": "responses"}
            items = http.get(f"/datasets/{dataset_id}/records", params=params).raise_for_status().json()["items"]
            count += len(items)
            if len(items) < PAGE:
                return count


def read_with_sdk() -> int:
    """Read the dataset as the SDK's documentation says; return how many records it has."""
    import argilla as rg

    client = rg.Argilla(api_url=os.environ["ARGILLA_API_URL"], api_key=os.environ["ARGILLA_API_KEY"])
    dataset = client.datasets(NAME, "argilla")
    assert dataset is not None
    return len(dataset.records(with_responses=True).to_datasets())


def edit(stack: Stack, dataset_id: str, count: int, preference: str, *, drafts: int = 0) -> list[str]:
    """Edit so many answers, over the whole dataset; return the ids in Argilla of their records.

    The first ones become `drafts`.
    """
    edited = []
    with argilla(stack) as http:
        total = http.get(f"/datasets/{dataset_id}/records", params={"limit": 1}).json()["total"]
        for number in range(count):
            params: dict[str, str | int] = {"offset": number * (total // count), "limit": 1, "include": "responses"}
            [item] = http.get(f"/datasets/{dataset_id}/records", params=params).json()["items"]
            status = "draft" if number < drafts else "submitted"
            body = {"status": status, "values": {"preference": {"value": preference}}}
            http.put(f"/responses/{item['responses'][0]['id']}", json=body).raise_for_status()
            edited.append(str(item["id"]))
    return edited


def synced(changed: list[str] | None = None) -> dict[str, Any]:
    """Run `sync` in this process, of the named records if any; return its report and its seconds after the imports."""
    from curation.review import argilla as _loaded
    from curation.stages.sync import sync

    assert _loaded.DIFFERENCES
    begin = time.perf_counter()
    report = sync(make_config(), changed=changed)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**report.model_dump(mode="json"), "seconds": seconds, "peak_rss_mb": peak}


def in_process(call: str, *, module: str = "bench_sync") -> Any:
    """Run a function of a benchmark in a process of its own; return what it returns."""
    code = f"import json, tests.benchmarks.{module} as bench; print(json.dumps(bench.{call}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def timed(title: str, call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds and what `call` returned, and print them."""
    begin = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - begin
    say(f"{title}: {seconds:.1f} s")
    return seconds, result


def measure(stack: Stack, count: int) -> dict[str, float]:
    """Return all figures."""
    timed("fill the store", lambda: fill_store(count))
    _, dataset_id = timed("fill Argilla", lambda: fill_argilla(stack, count))
    # The first pass fills the file cache for all.
    get_pages(stack, dataset_id)
    http_s, read = timed("plain HTTP", lambda: get_pages(stack, dataset_id))
    assert read == count
    cold_s, cold = timed("the first sync, with imports", lambda: in_process("synced()"))
    assert (cold["added"], cold["responses"]) == (count, count), cold
    http_again_s, _ = timed("plain HTTP again", lambda: get_pages(stack, dataset_id))
    sdk_s, read = timed("to_datasets, with imports", lambda: in_process("read_with_sdk()"))
    assert read == count
    unchanged = in_process("synced()")
    assert not unchanged["read_all"]
    edit(stack, dataset_id, EDITED, "b")
    _, edited = timed("a sync after edits, with imports", lambda: in_process("synced()"))
    assert edited["changed"] == EDITED, edited
    changed = edit(stack, dataset_id, EDITED, "both_good")
    _, named = timed("a sync of named records, with imports", lambda: in_process(f"synced({changed})"))
    assert (named["changed"], named["read_records"]) == (EDITED, EDITED), named
    http_s = (http_s + http_again_s) / 2
    return {
        "records": count,
        "cold_records_per_s": count / cold["seconds"],
        "ratio_to_http": http_s / cold["seconds"],
        "ratio_to_sdk": sdk_s / cold_s,
        "unchanged_s": unchanged["seconds"],
        "ratio_edits_to_cold": edited["seconds"] / cold["seconds"],
        "ratio_named_to_cold": named["seconds"] / cold["seconds"],
        "peak_rss_mb": cold["peak_rss_mb"],
    }


def main() -> None:
    """Print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    count = RECORDS // 10 if parser.parse_args().quick else RECORDS
    with tempfile.TemporaryDirectory(prefix="bench-sync-") as folder:
        os.environ["HF_HOME"] = str(Path(folder, "home"))
        with Stack(Path(folder, "stack"), tied=True) as stack:
            os.environ.update(stack.settings())
            figures = measure(stack, count)
    for name, value in figures.items():
        goal = f"   goal {GOALS[name]:.2f}" if name in GOALS else ""
        print(f"{name:24} {value:10.3f}{goal}")
    print(json.dumps({"benchmark": "sync", **{name: round(value, 3) for name, value in figures.items()}}))


if __name__ == "__main__":
    main()
