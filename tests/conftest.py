"""What tests share: one stack of real servers, the command line as users run it, and no silent skips in CI."""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from curation.local import Stack
from curation.local.inference import ScriptedServer
from tests.scripts import scripted_reply
from tests.warm import SEEDS, WarmInterpreter


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Where everything is required (CURATION_NO_SKIP=1, as in CI) a skip is a failure."""
    if os.environ.get("CURATION_NO_SKIP") == "1" and call.excinfo and call.excinfo.errisinstance(pytest.skip.Exception):
        pytest.fail(f"skipped, but nothing may be: {call.excinfo.value}", pytrace=False)


# Tests start hundreds of interpreters: what the first one compiled is for all, whatever the environment says.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests that run beside each other have one processor each. Polars reads this when it is first used.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("POLARS_MAX_THREADS", "1")

# A service that is made to fail for good is given up sooner than a user would.
os.environ.setdefault("CURATION_PATIENCE", "20")

# The folder of the names of curations (tests/configs.py): workers get it from the process that starts them.
if "CURATION_TEST_NAMES" not in os.environ:
    os.environ["CURATION_TEST_NAMES"] = tempfile.mkdtemp(prefix="curation-names-")
    atexit.register(shutil.rmtree, os.environ["CURATION_TEST_NAMES"], ignore_errors=True)

VARIABLES = frozenset({*os.environ, "PYTEST_CURRENT_TEST"})
"""The environment variables with which tests begin, and the one in which pytest names the test that runs."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After the last test of a file take back what libraries set when they were imported."""
    yield
    if nextitem is None or nextitem.path != item.path:
        take_back_variables()


def take_back_variables() -> None:
    """Remove the environment variables that libraries set when they were imported, as polars and torch do.

    Else later commands would start cold, because their environment would not be that of the warm interpreters.
    """
    for name in os.environ.keys() - VARIABLES:
        del os.environ[name]


WARM: list[WarmInterpreter] = []
"""The interpreters for commands that use the stack, while it runs; the next command goes to the first that is free."""

LONGEST_FIRST = ("train", "engine", "browser", "stack")
"""The marks of files that take minutes. Workers share the files in this order, so that none waits at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with long tests first; the order within a file stays."""
    place: dict[Path, int] = {}
    for item in items:
        marks = [LONGEST_FIRST.index(mark.name) for mark in item.iter_markers() if mark.name in LONGEST_FIRST]
        place[item.path] = min([*marks, place.get(item.path, len(LONGEST_FIRST))])
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported: it all lives as long as the process."""
    gc.collect()
    gc.freeze()
    take_back_variables()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a service that never answers after a second: for tests in which none ever does."""
    monkeypatch.setenv("CURATION_PATIENCE", "1")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real stack, for the whole session; tests keep apart by the names of their repos and datasets."""
    with Stack(tmp_path_factory.mktemp("stack"), tied=True) as running:
        WARM.extend(WarmInterpreter({**os.environ, **running.settings()}, seed=seed) for seed in SEEDS)
        yield running
        while WARM:
            WARM.pop().close()


@dataclass(frozen=True)
class CommandLine:
    """Runs `curation` in a process of its own, with the settings of the stack and a cache of the test's own."""

    settings: dict[str, str]
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one command and return what it said, whatever its exit code."""
        for warm in tuple(WARM):
            done = warm.run(arguments, folder=self.folder, environment=self.environment(**env))
            if done is not None:
                WARM.reverse()
                return done
        return subprocess.run(
            [sys.executable, "-m", "curation", *arguments],
            capture_output=True,
            text=True,
            timeout=600,
            cwd=self.folder,
            env=self.environment(**env),
            check=False,
        )

    def unread(self, *arguments: str, stderr_too: bool = True) -> tuple[int, str]:
        """Run one command into pipes whose readers are gone; return the exit code and what could be read."""
        ours, theirs = os.pipe()
        os.close(ours)
        done = subprocess.run(
            [sys.executable, "-m", "curation", *arguments],
            stdout=theirs,
            stderr=theirs if stderr_too else subprocess.PIPE,
            text=True,
            timeout=600,
            cwd=self.folder,
            env=self.environment(),
            check=False,
        )
        os.close(theirs)
        return done.returncode, done.stderr or ""

    def environment(self, **env: str) -> dict[str, str]:
        """Return the environment of a process that uses the stack, with a cache of the test's own."""
        outside = {key: value for key, value in os.environ.items() if key not in self.settings}
        own = {"HF_HOME": str(self.folder / "hf"), "CURATION_CACHE": str(self.folder / "cache")}
        return {**outside, **own, **self.settings, **self.extra, **env}

    def json(self, *arguments: str, exit_code: int = 0, **env: str) -> dict[str, Any]:
        """Run one verb with --format json; return its report."""
        done = self.run(*arguments, "--format", "json", **env)
        assert done.returncode == exit_code, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def error(self, *arguments: str, exit_code: int = 1, **env: str) -> str:
        """Run one verb that must fail; return its sentence, after seeing that it is one and no traceback."""
        done = self.run(*arguments, **env)
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def cli(stack: Stack, tmp_path: Path, scripted: ScriptedServer) -> CommandLine:
    """The command line on the stack, with models that answer by script."""
    return CommandLine({**stack.settings(), "CURATION_INFERENCE_URL": scripted.url}, tmp_path)


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """An inference server in this process; its log says what was asked."""
    with ScriptedServer(scripted_reply) as server:
        yield server
