"""The stack: a local Hub, Argilla and inference server that start together and keep their data in one folder."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from curation.errors import RefusedError, ServiceError, TemporaryError
from curation.local.argilla import ArgillaServer
from curation.local.hub import Account, HubServer
from curation.local.inference import InferenceServer

USER, ORGANISATION = "local", "acme"
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The state of one server of the stack: its address, whether it answers, and the path of its log."""

    name: str
    url: str
    healthy: bool
    log: str


class Stack:
    """Three servers on 127.0.0.1. The servers hold a lock on the folder, so that only one stack can run in it.

    With `tied=True` the servers end when this process ends. Otherwise they run until some process calls `down`. While
    the stack starts, the servers always end with this process: `down` does not know them before all are up.
    """

    def __init__(self, folder: Path, *, tied: bool = False) -> None:
        self.folder = folder.resolve()
        self._tied = tied
        self._lock: int | None = None
        self._servers: tuple[HubServer, ArgillaServer, InferenceServer] | None = None
        self._argilla_start: Future[ArgillaServer] | None = None

    @property
    def hub(self) -> HubServer:
        """The local Hub."""
        return self._attached()[0]

    @property
    def argilla(self) -> ArgillaServer:
        """The local Argilla."""
        return self._attached()[1]

    @property
    def inference(self) -> InferenceServer:
        """The local inference server."""
        return self._attached()[2]

    def up(self, *, say: Callable[[str], None] = lambda sentence: None) -> Self:
        """Start the three servers and wait until they answer. If one does not, or on Ctrl-C, all are stopped.

        `say` is called with a sentence before each start. Raises RefusedError if a stack already runs in this folder,
        or if the folder cannot be created.
        """
        servers = self._created_servers()
        try:
            for server in servers:
                say(f"Starting the local {server.name} ...")
                server.start()
            self._all_started()
        except BaseException:
            self._stop_children()
            raise
        return self

    def begin(self, *, say: Callable[[str], None] = lambda sentence: None) -> Self:
        """Start all servers, and wait until the Hub and the inference server answer. `wait` waits for Argilla.

        Raises what `up` raises; whoever calls this calls `down` in the end.
        """
        hub, argilla, inference = self._created_servers()
        try:
            say("Starting the local Hub and inference server; Argilla starts beside them.")
            with ThreadPoolExecutor(1, thread_name_prefix="argilla") as pool:
                self._argilla_start = pool.submit(argilla.start)
                pool.shutdown(wait=False)
            hub.start()
            inference.start()
        except BaseException:
            self._stop_children()
            raise
        return self

    def wait(self) -> Self:
        """After `begin`: wait until Argilla answers too. Raises ServiceError if it does not start."""
        try:
            if self._argilla_start is not None:
                self._argilla_start.result()
            self._all_started()
        except BaseException:
            self._stop_children()
            raise
        return self

    def _created_servers(self) -> tuple[HubServer, ArgillaServer, InferenceServer]:
        """Lock the folder for this stack and create the server objects. No server runs yet."""
        self._make_folder()
        self._lock = self._take_lock()
        self._pids.unlink(missing_ok=True)
        self._servers = self._make(inherit=(self._lock,))
        return self._servers

    def _all_started(self) -> None:
        servers = self._attached()
        self._write_pids({server.name: server.pid for server in servers})
        if not self._tied:
            for server in servers:
                server.let_go()

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        except OSError as error:
            raise RefusedError(
                f"The stack cannot keep its data in {self.folder}: {error.strerror}.",
                remedy="Name a folder that you may write to with --folder.",
            ) from error

    def down(self) -> bool:
        """Stop the servers, whichever process started them; return whether any were running. Their data is kept.

        Raises TemporaryError if they do not end, which happens while another process is starting them.
        """
        if self._lock is not None:
            self._stop_children()
            return True
        if not self._runs():
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            if self._ended():
                return True
        raise TemporaryError(
            f"The stack in {self.folder} has not ended after {2 * STOP_SECONDS:.0f} s.",
            remedy="If a `curation local up` is still starting it, press Ctrl-C there, or wait for it and run "
            "`curation local down` again.",
        )

    def status(self) -> tuple[ServerStatus, ...]:
        """Return the state of each server. Raises ServiceError if no stack ever ran in this folder."""
        return tuple(
            ServerStatus(server.name, server.url, server.healthy(), str(server.log)) for server in self._attached()
        )

    def status_json(self) -> str:
        """Return the status as JSON."""
        return json.dumps([asdict(server) for server in self.status()])

    def describe(self) -> tuple[str, ...]:
        """Return lines for the terminal: one for each server, and one with the login to Argilla."""
        lines = [
            f"{'up  ' if server.healthy else 'DOWN'}  {server.name}: {server.url}  (log: {server.log})"
            for server in self.status()
        ]
        credentials = self.argilla.folder / "credentials.json"
        return (*lines, f"Argilla login: {self.argilla.username}, password in {credentials}")

    def settings(self) -> dict[str, str]:
        """Return the environment variables with which every command uses this stack."""
        return {
            **self.settings_without_argilla(),
            "ARGILLA_API_URL": self.argilla.url,
            "ARGILLA_API_KEY": self.argilla.api_key,
        }

    def settings_without_argilla(self) -> dict[str, str]:
        """Return those environment variables that are known before Argilla answers. They suffice for `generate`."""
        return {
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": self.hub.token,
            "CURATION_INFERENCE_URL": self.inference.base_url,
        }

    def export_lines(self) -> tuple[str, ...]:
        """Return the settings as `export` lines for a shell. Raises ServiceError if the stack does not run."""
        if not self._runs():
            raise ServiceError(f"No stack runs in {self.folder}.", remedy="Run `curation local up` first.")
        return tuple(f"export {name}={shlex.quote(value)}" for name, value in self.settings().items())

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def _pids(self) -> Path:
        """The file with the process ids of the servers. It exists only when all of them are up."""
        return self.folder / "pids.json"

    def _make(self, inherit: tuple[int, ...] = ()) -> tuple[HubServer, ArgillaServer, InferenceServer]:
        hub = self.folder / "hub"
        users = None
        if not (hub / "users.json").exists():
            users = {f"hf_{secrets.token_hex(17)}": Account(USER, orgs=(ORGANISATION,))}
        return (
            HubServer(hub, users=users, inherit=inherit),
            ArgillaServer(self.folder / "argilla", inherit=inherit),
            InferenceServer(self.folder / "inference", inherit=inherit),
        )

    def _attached(self) -> tuple[HubServer, ArgillaServer, InferenceServer]:
        if self._servers is None:
            if not (self.folder / "hub" / "port").exists():
                raise ServiceError(f"No stack ever ran in {self.folder}.", remedy="Run `curation local up` first.")
            servers = self._make()
            for server in servers:
                server.attach()
            self._servers = servers
        return self._servers

    def _take_lock(self) -> int:
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The children inherit this file descriptor, so the lock is free only when the last of them has ended.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise RefusedError(
                f"A stack runs in {self.folder} already.",
                remedy="`curation local status` shows it, `curation local down` stops it.",
            ) from error
        return lock

    def _runs(self) -> bool:
        if not self.folder.is_dir():
            return False
        try:
            os.close(self._take_lock())
        except RefusedError:
            return True
        return False

    def _ended(self) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        while self._runs():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _stop_children(self) -> None:
        for server in reversed(self._servers or ()):
            server.stop()
        if self._argilla_start is not None and self._servers is not None:
            # The server may be between two steps of its start. It then ends by itself, or starts and is stopped later.
            wait([self._argilla_start])
            self._servers[1].stop()
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None
        # After a Ctrl-C in the middle of a start there may be a child that `stop` does not know. It ends by itself.
        self._ended()

    def _write_pids(self, pids: dict[str, int]) -> None:
        """Write the process ids, all or none, so that `down` can read the file even if this process is killed here."""
        draft = self._pids.with_suffix(".new")
        draft.write_text(json.dumps(pids))
        draft.replace(self._pids)

    def _signal(self, number: int) -> None:
        for pid in json.loads(self._pids.read_text()).values() if self._pids.exists() else ():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
