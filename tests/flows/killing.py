"""Kills each verb of a curation with kill -9, runs it again, and compares the end with that of an undisturbed curation.

A moment is counted, not timed, so that it is the same in each run: "before the third request that a service receives",
"after the service has carried out the third request", "before the process changes its tenth file".
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx2
import pyarrow.parquet as pq

from curation.local import Stack
from curation.local.inference import ScriptedServer, content_key
from curation.local.reviewers import simulate_reviewers
from curation.store.snapshot import RECORDS
from tests.configs import write_config
from tests.faulty import FaultyProxy
from tests.flows.running import stored
from tests.flows.test_loop import always, argilla, dataset_id
from tests.scripts import scripted_reply
from tests.warm import WarmInterpreter

VERBS = ("generate", "push", "sync", "publish", "export", "restore")
REVIEWERS = {"simulated-one": "a", "simulated-two": "a", "simulated-three": "b"}
MODELS = 3
"""The models of a curation: each is asked one request at a time, so a kill may cost one paid reply of each."""
MODEL = 'max_concurrency = 1\napi_key_env = "MODEL_KEY"'
MODEL_KEY = "key-5e5a3e-0f-the-models"
KILLED = -signal.SIGKILL
Kind = Literal["before", "after", "change"]
Rows = dict[str, list[dict[str, Any]]]
"""The rows of each Parquet file by its config and split, as in "dpo/train"."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a process is killed: before or after the n-th request of it, or before it changes its n-th file."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Length:
    """How many requests a verb sends, and how many files it changes, if nothing disturbs it."""

    requests: int
    changes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What a curation came to: published and exported rows, what the store and Argilla hold, what was paid for."""

    published: Rows
    exported: Rows
    records: Counter[str]
    responses: Counter[tuple[str, str, str, str]]
    stored: Counter[str]
    asked: Counter[str]


@dataclass(frozen=True, slots=True)
class Losses:
    """What is not as in the undisturbed curation. `kills` are the kills that happened, `refused` the sentences of
    second runs that did not end with 0.
    """

    kills: Mapping[str, int]
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    mislabelled: tuple[str, ...] = ()
    paid_twice: int = 0
    refused: tuple[str, ...] = ()


@dataclass(slots=True)
class Run:
    """The process that runs: it is killed at `moment`. `before` is called with each request, as in "GET /api/v1/me"."""

    moment: Moment | None = None
    before: Callable[[str], object] | None = None
    pid: queue.Queue[int] = field(default_factory=lambda: queue.Queue(1))
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> int:
        """Return the number of a request that has come."""
        with self.lock:
            self.requests += 1
            return self.requests

    def reached(self, kind: Kind, number: int) -> None:
        """Kill the process if this is its moment."""
        if self.moment == Moment(kind, number):
            os.kill(self.pid.get(timeout=60), signal.SIGKILL)
            raise ConnectionResetError


class Watched(FaultyProxy):
    """Passes requests on to a service, and kills the process that sends them when its moment has come."""

    def __init__(self, target: str, house: House) -> None:
        super().__init__(target)
        self._house = house

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """Return the service's own answer."""
        run = self._house.run
        number = run.count()
        if number == 1:
            self._house.processes |= arguments_of_processes()
        run.reached("before", number)
        if run.before is not None:
            run.before(f"{method} {path}")
        # The Hub names itself in its answers as it was asked, so uploads come through this proxy too.
        answer = super().ask(method, path, body, {**headers, "Host": self.url.partition("//")[2]})
        run.reached("after", number)
        return answer


class House:
    """The stack behind proxies that kill, and an interpreter that runs commands against them."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.run = Run()
        self.models = ScriptedServer(scripted_reply, api_key=MODEL_KEY)
        self.output: list[str] = []
        """What each command wrote to stdout and stderr."""
        self.processes: set[str] = set()
        """The arguments of all processes of the machine, looked at when a command sent its first request."""

    def __enter__(self) -> Self:
        self.models.__enter__()
        self.proxies = [Watched(url, self) for url in (self.stack.hub.url, self.stack.argilla.url, self.models.address)]
        hub, review, models = (proxy.url for proxy in self.proxies)
        settings = {"HF_ENDPOINT": hub, "ARGILLA_API_URL": review, "CURATION_INFERENCE_URL": f"{models}/v1"}
        home, temporary = self.folder / "home", self.folder / "tmp"
        home.mkdir()
        temporary.mkdir()
        own = {"HOME": str(home), "TMPDIR": str(temporary), "MODEL_KEY": MODEL_KEY}
        self.environment = {**os.environ, **self.stack.settings(), **settings, **own}
        self._warm = WarmInterpreter(self.environment, seed="1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._warm.close()
        for proxy in self.proxies:
            proxy.__exit__(kind, error, trace)
        self.models.__exit__(kind, error, trace)

    def command(
        self, *arguments: str, folder: Path, run: Run | None = None, **env: str
    ) -> tuple[subprocess.CompletedProcess[str], Length]:
        """Run a command; return how it ended, and its length."""
        self.run = run or Run()
        moment = self.run.moment
        own = {"HF_HOME": str(folder / "hf"), "CURATION_CACHE": str(folder / "cache")}
        done, changes = self._warm.watched(
            arguments,
            folder=folder,
            environment={**self.environment, **own, **env},
            begun=self.run.pid.put,
            killed_at=moment.number if moment is not None and moment.kind == "change" else None,
        )
        self.output += [done.stdout, done.stderr]
        return done, Length(self.run.requests, changes)


class Curation:
    """A curation of twelve prompts, from `generate` to `restore`."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.name = house, name
        self.folder = house.folder / name
        self.folder.mkdir()
        prompts = [f"Question {number}: what is {number} times {number}?" for number in range(12)]
        self.config = str(write_config(self.folder, name, prompts=prompts, every=MODEL))

    def undisturbed(self) -> tuple[Ended, dict[str, Length]]:
        """Run every verb once; return the end, and how long each verb was."""
        lengths: dict[str, Length] = {}
        for verb in VERBS:
            self.prepare(verb)
            done, lengths[verb] = self.house.command(verb, self.config, folder=self.folder)
            assert done.returncode == 0, f"{verb}: {done.stderr}"
        done, _ = self.house.command("verify", self.config, folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.ended(), lengths

    def killed(self, moments: Mapping[str, Sequence[Moment]]) -> tuple[Ended, dict[str, int], tuple[str, ...]]:
        """Kill every verb at each of its moments, and then run it to its end.

        Return what the curation came to, how often each verb was killed, and what did not end well, in sentences.
        """
        kills = dict.fromkeys(VERBS, 0)
        refused: list[str] = []
        for verb in VERBS:
            self.prepare(verb)
            for moment in (*moments[verb], None):
                done, _ = self.house.command(verb, self.config, folder=self.folder, run=Run(moment))
                kills[verb] += done.returncode == KILLED
                if done.returncode not in {0, KILLED}:
                    refused.append(f"{verb} at {moment}: {done.returncode}: {done.stderr}")
        done, _ = self.house.command("verify", self.config, folder=self.folder)
        if done.returncode:
            refused.append(f"verify: {done.returncode}: {done.stdout}{done.stderr}")
        return self.ended(), kills, tuple(refused)

    def prepare(self, verb: str) -> None:
        """Do what people do before a verb: review before `sync`, lose the dataset before `restore`."""
        if verb == "generate":
            self.house.models.reset()
        elif verb == "sync":
            self.review(REVIEWERS)
        elif verb == "restore":
            with argilla(self.house.stack) as http:
                http.delete(f"/datasets/{dataset_id(http, self.name)}").raise_for_status()

    def review(self, reviewers: Iterable[str]) -> None:
        """Let these reviewers answer everything."""
        rules = {name: always(REVIEWERS[name]) for name in reviewers}
        simulate_reviewers(self.house.stack.argilla, workspace="argilla", dataset=self.name, rules=rules)

    def ended(self) -> Ended:
        """Return what the curation came to."""
        with argilla(self.house.stack) as http:
            names = {user["id"]: user["username"] for user in http.get("/users").json()["items"]}
            path = f"/datasets/{dataset_id(http, self.name)}/records"
            items = http.get(path, params={"include": "responses", "limit": "500"}).raise_for_status().json()["items"]
        exported = self.folder / "exported" / self.name
        return Ended(
            published=self._rows(self._downloaded()),
            exported=self._rows(exported),
            records=Counter(item["external_id"] for item in items),
            responses=Counter(
                (item["external_id"], names[given["user_id"]], given["status"], _written(given["values"]))
                for item in items
                for given in item["responses"]
            ),
            stored=self._stored(),
            asked=Counter(
                content_key(exchange.request.model, exchange.request.messages) + str(exchange.request.temperature)
                for exchange in self.house.models.requests
                if exchange.request.messages and exchange.status == 200
            ),
        )

    def _downloaded(self) -> Path:
        """Return a folder with the published files as they are on the Hub."""
        folder = self.folder / "published"
        hub = self.house.stack.hub
        headers = {"Authorization": f"Bearer {hub.token}"}
        with httpx2.Client(base_url=hub.url, headers=headers, follow_redirects=True, trust_env=False) as http:
            tree = http.get(f"/api/datasets/acme/{self.name}/tree/main", params={"recursive": "true"}).json()
            for path in (entry["path"] for entry in tree if entry["path"].endswith(".parquet")):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                content = http.get(f"/datasets/acme/{self.name}/resolve/main/{path}").raise_for_status().content
                (folder / path).write_bytes(content)
        return folder

    def _rows(self, folder: Path) -> Rows:
        """Return the rows of the Parquet files in a folder, with usernames where they have pseudonyms.

        The names of the files have the hash of their content, in which pseudonyms are.
        """
        snapshot = stored(self.house.stack, self.name)
        names = {snapshot.pseudonym(reviewer): reviewer for reviewer in REVIEWERS}
        rows: Rows = {}
        for path in sorted(folder.rglob("*.parquet")):
            split = rows.setdefault(f"{path.parent.name}/{path.name.partition('-')[0]}", [])
            for row in pq.read_table(path).to_pylist():
                for annotation in row["annotations"]:
                    annotation["reviewer"] = names[annotation["reviewer"]]
                split.append({**row, "annotations": sorted(row["annotations"], key=lambda one: one["reviewer"])})
        return rows

    def _stored(self) -> Counter[str]:
        """Count the rows of the store that must not be there twice."""
        snapshot = stored(self.house.stack, self.name)
        return Counter(
            [
                *(f"set {row.id}" for row in snapshot.each_candidate_set()),
                *(f"record {name}" for name in snapshot.whole(RECORDS, ["id"])["id"].to_pylist()),
                *(f"{row.record_id} {row.reviewer} {row.status} {row.values}" for row in snapshot.response_versions),
            ]
        )


def moments_of(lengths: Mapping[str, Length], *, seed: int, kills: int) -> dict[str, list[Moment]]:
    """Return so many moments of each verb, earlier ones first, one in each part of the verb.

    The later ones come last because a verb that is run again has less to do. The three kinds take turns.
    """
    kinds: tuple[Kind, ...] = ("before", "after", "change")
    moments: dict[str, list[Moment]] = {}
    for verb, length in lengths.items():
        chance = random.Random(f"{seed} {verb}")
        turn = chance.randrange(len(kinds))
        moments[verb] = []
        for part in range(kills):
            kind = kinds[(turn + part) % len(kinds)]
            count = length.changes if kind == "change" else length.requests
            moments[verb].append(Moment(kind, 1 + int(count * (part + chance.random()) / kills)))
    return moments


def losses(undisturbed: Ended, ended: Ended, kills: Mapping[str, int], refused: tuple[str, ...]) -> Losses:
    """Compare what a killed curation came to with the undisturbed one."""
    lost, doubled, mislabelled = [], [], []
    for place in ("published", "exported"):
        ours: Rows = getattr(ended, place)
        for split, rows in getattr(undisturbed, place).items():
            wanted = {row["id"]: row for row in rows}
            counts = Counter(row["id"] for row in ours.get(split, []))
            lost += [f"{place} {split} {name}" for name in wanted.keys() - counts.keys()]
            doubled += [f"{place} {split} {name}" for name, count in counts.items() if count > 1 or name not in wanted]
            mislabelled += [
                f"{place} {split} {row['id']}" for row in ours.get(split, []) if wanted.get(row["id"], row) != row
            ]
            if ours.get(split, []) != rows and not (lost or doubled or mislabelled):
                mislabelled.append(f"{place} {split}: the rows are in another order")
    for place in ("records", "responses", "stored"):
        before, after = getattr(undisturbed, place), getattr(ended, place)
        lost += [f"{place} {key}" for key in before - after]
        doubled += [f"{place} {key}" for key in after - before]
    lost += [f"request {key}" for key in undisturbed.asked.keys() - ended.asked.keys()]
    again = sum(ended.asked.values()) - len(ended.asked)
    paid_twice = max(again - MODELS * kills["generate"], 0)
    return Losses(kills, tuple(lost), tuple(doubled), tuple(mislabelled), paid_twice, refused)


def arguments_of_processes() -> set[str]:
    """Return the arguments of every process of this machine, as everybody on it can see them."""
    arguments = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments.add(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return arguments


def _written(values: Mapping[str, Any] | None) -> str:
    return json.dumps({key: entry["value"] for key, entry in (values or {}).items()}, sort_keys=True)
