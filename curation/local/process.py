"""A local server as a child process on 127.0.0.1: start it, wait until it answers, stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from curation.errors import ServiceError, TemporaryError

HOST = "127.0.0.1"
STOP_SECONDS = 10.0
LET_GO = b"."


def free_port(preferred: int | None = None) -> int:
    """Return a free TCP port on 127.0.0.1: `preferred` if it is free, otherwise one that the kernel picks."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError(f"No free port on {HOST}.")


class ServerProcess:
    """A server in a process of its own. Its port is kept in `folder`/port and its output in `folder`/server.log.

    The child ends when this process ends, even if this process is killed, unless `let_go` was called. This works
    through the child's standard input, a pipe from this process: `exit_with_parent()` in the child waits for its end.
    """

    def __init__(
        self,
        name: str,
        *,
        folder: Path,
        command: Callable[[int], Sequence[str]],
        health: str,
        env: Mapping[str, str] | None = None,
        startup_seconds: float = 60.0,
        inherit: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "server.log"
        self._command = command
        self._health = health
        self._env = dict(env or {})
        self._startup_seconds = startup_seconds
        self._inherit = tuple(inherit)
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._tie: int | None = None

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        if self._port is None:
            raise ServiceError(f"The local {self.name} is not running.")
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._process is None:
            raise ServiceError(f"The local {self.name} is not running.")
        return self._process.pid

    def attach(self) -> Self:
        """Use the port of a server that another process started in this folder.

        Nothing is started. Raises ServiceError if the server never ran here.
        """
        remembered = self.folder / "port"
        if not remembered.exists():
            raise ServiceError(f"The local {self.name} never ran in {self.folder}.", remedy="Run `curation local up`.")
        self._port = int(remembered.read_text())
        return self

    def healthy(self) -> bool:
        """Whether the server answers now."""
        try:
            return httpx2.get(self.url + self._health, timeout=5.0, trust_env=False).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def start(self) -> Self:
        """Start the child and wait until its health route answers 200.

        If that fails, the child is stopped and the error names its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        remembered = self.folder / "port"
        preferred = int(remembered.read_text()) if remembered.exists() else None
        self._port = free_port(preferred)
        remembered.write_text(str(self._port))
        command = list(self._command(self._port))
        try:
            self._spawn(command)
            self._await_health()
        except BaseException:
            self.stop()
            raise
        return self

    def let_go(self) -> None:
        """Let the child outlive this process."""
        if self._tie is None:
            raise ServiceError(f"The local {self.name} is not running.")
        # If the child has ended by now, there is nobody to write to; `healthy()` then returns False.
        with suppress(BrokenPipeError):
            os.write(self._tie, LET_GO)
        self._untie()

    def stop(self) -> None:
        """Ask the child to end, and kill it if it has not ended after ten seconds. Does nothing if none runs."""
        self._untie()
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, command: Sequence[str]) -> None:
        # The pipe is made here and not by Popen: after a Ctrl-C inside Popen, closing the pipe still ends the child.
        child_end, self._tie = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=child_end,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._env, "CURATION_TIED": "1"},
                    start_new_session=True,
                    pass_fds=self._inherit,
                )
        finally:
            os.close(child_end)

    def _untie(self) -> None:
        tie, self._tie = self._tie, None
        if tie is not None:
            os.close(tie)

    def _await_health(self) -> None:
        deadline = time.monotonic() + self._startup_seconds
        with httpx2.Client(timeout=5.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                process = self._process
                if process is None:
                    raise ServiceError(f"The local {self.name} was stopped while it started.")
                if process.poll() is not None:
                    raise ServiceError(
                        f"The local {self.name} ended while starting (exit code {process.returncode}).",
                        remedy=f"Its log: {self.log}",
                    )
                try:
                    if client.get(self.url + self._health).status_code == httpx2.codes.OK:
                        return
                except httpx2.TransportError:
                    pass
                time.sleep(0.05)
        raise TemporaryError(
            f"The local {self.name} did not answer within {self._startup_seconds:.0f} s.", remedy=f"Its log: {self.log}"
        )


def exit_with_parent() -> None:
    """For a child of `ServerProcess`: end this process when the parent ends, unless the parent called `let_go`."""
    if os.environ.get("CURATION_TIED") != "1":
        return

    def wait() -> None:
        if os.read(0, 1) != LET_GO:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="exit-with-parent", daemon=True).start()
