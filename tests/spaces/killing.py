"""A review Space that is killed while somebody answers, on the real argilla-server under the Space's start script."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from curation.local.argilla import ArgillaServer
from spaces.argilla.snapshots import list_snapshots

SCRIPT = Path(__file__).parents[2] / "spaces" / "argilla" / "snapshots.py"
KEPT = {"credentials.json", "secret_key", "port", "server.log"}
"""What a Space has from its secrets, and what its platform knows."""
RECORDS = 100
"""So many records are pushed before each kill; few enough that they are not all answered by then."""
QUESTION = {"type": "label_selection", "options": [{"value": "yes", "text": "Yes"}, {"value": "no", "text": "No"}]}


class DurableArgilla(ArgillaServer):
    """argilla-server under the start script of spaces/argilla: `folder` is its disk, `snapshots` its bucket."""

    def __init__(self, folder: Path, snapshots: Path, *, seconds: float) -> None:
        super().__init__(folder)
        self.snapshots = snapshots
        self.seconds = seconds

    def _arguments(self, port: int) -> list[str]:
        paths = ["--database", str(self.folder / "argilla.db"), "--snapshots", str(self.snapshots)]
        script = [sys.executable, str(SCRIPT), *paths, "--seconds", str(self.seconds)]
        return [*script, "--", *super()._arguments(port)]

    def newest(self) -> int:
        """Return the number of the newest snapshot, 0 if there is none."""
        return max((snapshot.number for snapshot in list_snapshots(self.snapshots)), default=0)

    def kill(self) -> None:
        """Kill the script and the server at once and lose the disk, as when the machine of a Space is gone."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self.stop()
        for child in children:
            while _runs(child):
                time.sleep(0.01)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.name not in KEPT:
                path.rmdir() if path.is_dir() else path.unlink()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that the server confirmed: when, and the newest snapshot then."""

    record: str
    confirmed: float
    snapshot: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a kill cost: the answers that were confirmed and are gone.

    `excused` ones were confirmed after the last snapshot began, or may have been: they had not more than one interval.
    `invented` are there although nobody sent them. An answer that was sent when the server was killed may be there
    without having been confirmed.
    """

    answers: int
    excused: int
    unexcused: int
    invented: int
    oldest_seconds: float


class Desk:
    """A dataset in a durable Argilla, and somebody who answers its records."""

    def __init__(self, server: DurableArgilla) -> None:
        self.server = server
        self.confirmed: dict[str, Answer] = {}
        self._sent: set[str] = set()
        self._number = 0
        self._dataset = self._create()

    def kill(self, after: float) -> Callable[[set[str]], Loss]:
        """Answer, and kill the server so many seconds after the first answer.

        Returns a function that says what is lost, given the external ids of the records that have an answer later.
        """
        before = len(self.confirmed)
        records = self._push()
        thread = threading.Thread(target=self._answer, args=(records,))
        thread.start()
        while len(self.confirmed) == before and thread.is_alive():
            time.sleep(0.001)
        time.sleep(after)
        newest, killed = self.server.newest(), time.monotonic()
        self.server.kill()
        thread.join()
        return lambda present: self._loss(present, newest, killed)

    def _loss(self, present: set[str], newest: int, killed: float) -> Loss:
        lost = [answer for answer in self.confirmed.values() if answer.record not in present]
        # Snapshot n + 1 may have begun before an answer that saw snapshot n; snapshot n + 2 began after it.
        unexcused = [answer for answer in lost if answer.snapshot <= newest - 2]
        for answer in lost:
            del self.confirmed[answer.record]
        return Loss(
            answers=len(lost) + len(self.confirmed),
            excused=len(lost) - len(unexcused),
            unexcused=len(unexcused),
            invented=len(present - self._sent),
            oldest_seconds=max((killed - answer.confirmed for answer in lost), default=0.0),
        )

    def answered(self) -> set[str]:
        """Return the external ids of the records that have an answer."""
        answered: set[str] = set()
        with self._client() as client:
            for offset in range(0, self._number + 1, 500):
                query: dict[str, Any] = {"include": "responses", "limit": 500, "offset": offset}
                page = _json(client.get(f"/api/v1/datasets/{self._dataset}/records", params=query))
                answered |= {record["external_id"] for record in page["items"] if record["responses"]}
        return answered

    def _create(self) -> str:
        with self._client() as client:
            (workspace,) = _json(client.get("/api/v1/me/workspaces"))["items"]
            dataset = _json(client.post("/api/v1/datasets", json={"name": "desk", "workspace_id": workspace["id"]}))[
                "id"
            ]
            text = {"name": "text", "title": "Text", "required": True, "settings": {"type": "text"}}
            _json(client.post(f"/api/v1/datasets/{dataset}/fields", json=text))
            question = {"name": "good", "title": "Good?", "required": True, "settings": QUESTION}
            _json(client.post(f"/api/v1/datasets/{dataset}/questions", json=question))
            _json(client.put(f"/api/v1/datasets/{dataset}/publish"))
        return str(dataset)

    def _push(self) -> list[dict[str, Any]]:
        names = [f"record-{number}" for number in range(self._number, self._number + RECORDS)]
        self._number += RECORDS
        items = [{"external_id": name, "fields": {"text": f"Text of {name}"}} for name in names]
        with self._client() as client:
            answer = client.post(f"/api/v1/datasets/{self._dataset}/records/bulk", json={"items": items})
        return list(_json(answer)["items"])

    def _answer(self, records: list[dict[str, Any]]) -> None:
        """Answer one record after the other until the server is gone."""
        body = {"values": {"good": {"value": "yes"}}, "status": "submitted"}
        with self._client() as client, suppress(httpx2.TransportError):
            for record in records:
                name = record["external_id"]
                self._sent.add(name)
                _json(client.post(f"/api/v1/records/{record['id']}/responses", json=body))
                self.confirmed[name] = Answer(name, time.monotonic(), self.server.newest())
                time.sleep(0.01)

    def _client(self) -> httpx2.Client:
        headers = {"X-Argilla-Api-Key": self.server.api_key}
        return httpx2.Client(base_url=self.server.url, headers=headers, timeout=60.0, trust_env=False)


def moments(seed: int, kills: int, *, longest: float) -> list[float]:
    """Return random numbers of seconds."""
    generator = random.Random(seed)
    return [generator.uniform(0.0, longest) for _ in range(kills)]


def answered_in(database: Path) -> set[str]:
    """Return the external ids of the records that have an answer in a database of Argilla."""
    statement = "SELECT external_id FROM records JOIN responses ON responses.record_id = records.id"
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute(statement)}


def _json(response: httpx2.Response) -> Any:
    response.raise_for_status()
    return response.json()


def _runs(pid: str) -> bool:
    """Whether a process has not ended; one that ended and was not collected yet has the state Z."""
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except FileNotFoundError:
        return False
