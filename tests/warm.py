"""Runs `curation` in forks of an interpreter that has imported already what its verbs import.

Those imports take one to three seconds of a processor for each command, and tests run hundreds of commands. The command
is a process with streams, environment and exit code of its own all the same. `python -m tests.warm` is the interpreter
that forks. It reads a line of JSON for each command, and writes two lines: the id of the process, and its exit code.

    {"arguments": ["push", "a.toml"], "folder": "/tmp/x", "environment": {"HF_TOKEN": "hf_..."}, "streams": "/tmp/y",
     "killed_at": null}

With `killed_at` a number n, the process kills itself before it opens, renames or removes its n-th file (kill -9).
"""

from __future__ import annotations

import atexit
import gc
import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

VERBS = frozenset(
    {
        "cache",
        "check",
        "deploy",
        "explain",
        "export",
        "generate",
        "init",
        "lint",
        "publish",
        "push",
        "recipes",
        "refresh",
        "restore",
        "reviewers",
        "schedule",
        "status",
        "sync",
        "verify",
    }
)
"""The verbs that are run in forks."""

SEEDS = ("1", "2")
"""All forks of an interpreter hash strings alike. Two with these seeds take turns: nothing may depend on the hashes."""

MODULES = (
    *(f"curation.cli.{name}" for name in ("accounts", "app", "preview", "progress")),
    *(f"curation.stages.{name}" for name in ("check", "generate", "lint", "preview", "push", "status", "sync")),
    *(f"curation.stages.{name}" for name in ("explain", "export", "publish", "refresh", "restore", "verify")),
    *(f"curation.stages.{name}" for name in ("add_reviewers", "remove_reviewers", "reviewers")),
    *(f"curation.generation.{name}" for name in ("endpoints", "engines", "pipeline", "tasks")),
    *(f"curation.deploy.{name}" for name in ("argilla", "schedule", "sync")),
    "curation.review.argilla",
    "argilla",
)

READ_WHEN_USED = frozenset(
    {"ARGILLA_API_KEY", "ARGILLA_API_URL", "CURATION_CACHE", "CURATION_INFERENCE_URL", "CURATION_PATIENCE"}
    | {"HF_HOME", "HF_TOKEN", "MODEL_KEY", "PYTEST_CURRENT_TEST"}
)
"""The variables that may differ from command to command. Libraries may read all others when they are imported. They
read HF_HOME then too, so it names a link, which leads to the folder of the command that runs."""

LONGEST_SECONDS = 600

CHANGES = frozenset({"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"})
"""The audit events of changed files (https://docs.python.org/3/library/audit_events.html)."""


class WarmInterpreter:
    """The interpreter that forks. It starts with the first command, and runs one command at a time."""

    def __init__(self, environment: Mapping[str, str], *, seed: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._home = Path(self._folder.name, "hf")
        self._environment = dict(environment)
        self._seed = seed
        self._process: subprocess.Popen[str] | None = None
        self._busy = threading.Lock()

    def fits(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bool:
        """Say whether a command may run in a fork: by its verb, and by the variables that imports may read."""
        return bool(VERBS.intersection(arguments[:1])) and settled(environment) == settled(self._environment)

    def run(
        self, arguments: tuple[str, ...], *, folder: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str] | None:
        """Run one command in this folder; return its exit code and what it wrote.

        Return None if it must run elsewhere: it does not fit, or another command runs at the moment.
        """
        if not self.fits(arguments, environment) or not self._busy.acquire(blocking=False):
            return None
        try:
            return self._run(arguments, folder, environment)[0]
        finally:
            self._busy.release()

    def watched(
        self,
        arguments: tuple[str, ...],
        *,
        folder: Path,
        environment: Mapping[str, str],
        begun: Callable[[int], None],
        killed_at: int | None,
    ) -> tuple[subprocess.CompletedProcess[str], int]:
        """Run one command; return how it ended, and how many files it changed, which is 0 if it was killed.

        `begun` is called with the id of its process. `killed_at` is the change of a file before which it is killed.
        """
        with self._busy:
            return self._run(arguments, folder, environment, begun, killed_at)

    def _run(
        self,
        arguments: tuple[str, ...],
        folder: Path,
        environment: Mapping[str, str],
        begun: Callable[[int], None] | None = None,
        killed_at: int | None = None,
    ) -> tuple[subprocess.CompletedProcess[str], int]:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        Path(environment["HF_HOME"]).mkdir(exist_ok=True)
        self._home.unlink(missing_ok=True)
        self._home.symlink_to(environment["HF_HOME"])
        with tempfile.TemporaryDirectory(prefix="streams-") as streams:
            own = {**environment, "HF_HOME": str(self._home)}
            command: dict[str, Any] = {
                "arguments": arguments,
                "folder": str(folder),
                "environment": own,
                "streams": streams,
            }
            command["killed_at"] = killed_at if begun is None else killed_at or 0
            process.stdin.write(f"{json.dumps(command)}\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            if begun is not None:
                begun(pid)
            exit_code = int(process.stdout.readline())
            out, err, changes = (
                file.read_text(encoding="utf-8") if (file := Path(streams, name)).exists() else ""
                for name in ("out", "err", "changes")
            )
        return subprocess.CompletedProcess(["curation", *arguments], exit_code, out, err), int(changes or 0)

    def close(self) -> None:
        """End the interpreter."""
        if self._process is not None:
            self._process.communicate(timeout=60)
        self._folder.cleanup()

    def _start(self) -> subprocess.Popen[str]:
        # OpenBLAS would start a thread when numpy is imported, and a process with threads is not forked safely.
        alone = {"OPENBLAS_NUM_THREADS": "1", "TQDM_DISABLE": "1", "HF_HOME": str(self._home)}
        alone["PYTHONHASHSEED"] = self._seed
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**self._environment, **alone},
            start_new_session=True,
        )
        return self._process


def settled(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that must be the same for all commands of one interpreter."""
    return {name: value for name, value in environment.items() if name not in READ_WHEN_USED}


def main() -> None:
    """Import, then fork for each line of the standard input; a fork becomes the command."""
    from curation.generation.loading import load_distilabel

    for module in MODULES:
        load_distilabel(module)
    # Forks share the memory of what was imported as long as nothing writes to it, which a collection of garbage does.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            return
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        exit_code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{exit_code}\n")
        sys.stdout.flush()


def become(command: Mapping[str, Any]) -> None:
    """Run a command in this process, as `python -m curation` would in a new one."""
    signal.alarm(LONGEST_SECONDS)
    for number, name in ((1, "out"), (2, "err")):
        stream = os.open(Path(command["streams"], name), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(stream, number)
        os.close(stream)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(command["environment"])
    os.chdir(command["folder"])
    sys.argv[1:] = command["arguments"]
    if command["killed_at"] is not None:
        count_changes(command["killed_at"], Path(command["streams"], "changes"))
    try:
        runpy.run_module("curation", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        leave(ended.code)


def count_changes(killed_at: int, counted: Path) -> None:
    """Count how often this process opens, renames or removes a file, and write it down when it ends.

    Before the change with the number `killed_at` the process kills itself; 0 is none of them.
    """
    changes = itertools.count(1)
    last = [0]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in CHANGES or (event == "open" and not is_written(arguments)):
            return
        last[0] = next(changes)
        if last[0] == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    atexit.register(lambda: counted.write_text(str(last[0]), encoding="utf-8"))


def is_written(opened: tuple[object, ...]) -> bool:
    """Say whether a file is opened so that it may be changed, by the arguments of Python's audit event "open"."""
    return isinstance(flags := opened[2], int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def leave(exit_code: int) -> None:
    """End this process as an interpreter does, but without freeing one by one all objects that were imported."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    main()
