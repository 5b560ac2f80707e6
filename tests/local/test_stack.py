"""The stack as a whole: from another process, from a shell, twice in one folder, and interrupted."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from curation.errors import ServiceError, TemporaryError
from curation.local import Stack
from curation.local import stack as stack_module

pytestmark = pytest.mark.stack

CURATION = [sys.executable, "-m", "curation"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CURATION, *arguments], capture_output=True, text=True, timeout=300, cwd=cwd, check=False)


def answers(address: str) -> bool:
    try:
        return httpx2.get(address, timeout=300, trust_env=False).status_code < 500
    except httpx2.TransportError:
        return False


def test_a_stack_goes_up_and_down_and_up_again_with_the_same_settings(tmp_path: Path) -> None:
    assert run("local", "status", cwd=tmp_path).returncode == 1
    assert "`curation local up`" in run("local", "env", cwd=tmp_path).stderr
    first = run("local", "up", cwd=tmp_path)
    try:
        assert first.returncode == 0, first.stderr
        env = run("local", "env", cwd=tmp_path).stdout
        shell = subprocess.run(
            [
                "bash",
                "-c",
                f"{env}\nprintenv HF_ENDPOINT HF_TOKEN ARGILLA_API_URL ARGILLA_API_KEY CURATION_INFERENCE_URL",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert len(shell) == 5
        assert answers(shell[0] + "/health")
        assert answers(shell[4] + "/models")
        again = run("local", "up", cwd=tmp_path)
        assert again.returncode == 1
        assert "runs in" in again.stderr
        servers = json.loads(run("local", "status", "--format", "json", cwd=tmp_path).stdout)
        assert [server["healthy"] for server in servers] == [True] * 3
        assert all(server["url"].startswith("http://127.0.0.1:") for server in servers)
    finally:
        down = run("local", "down", cwd=tmp_path)
    assert down.returncode == 0
    assert not answers(shell[0] + "/health")
    assert run("local", "status", cwd=tmp_path).returncode == 1
    secrets = {shell[1], shell[3]}
    for log in tmp_path.rglob("server.log"):
        assert not any(secret in log.read_text(errors="replace") for secret in secrets)
    for kept in (".curation/hub/users.json", ".curation/argilla/credentials.json"):
        assert (tmp_path / kept).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".curation").stat().st_mode & 0o777 == 0o700

    # The same ports and the same keys: clients that were set up once stay so.
    assert run("local", "up", cwd=tmp_path).returncode == 0
    try:
        assert run("local", "env", cwd=tmp_path).stdout == env
    finally:
        run("local", "down", cwd=tmp_path)


def test_ctrl_c_while_starting_stops_what_was_started(tmp_path: Path) -> None:
    process = subprocess.Popen([*CURATION, "local", "up"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    port = tmp_path / ".curation" / "hub" / "port"
    while not (tmp_path / ".curation" / "argilla" / "server.log").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert not answers(f"http://127.0.0.1:{port.read_text()}/health")
    assert "No stack runs" in run("local", "down", cwd=tmp_path).stderr


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_ctrl_c_while_a_process_is_started_leaves_none_running(
    servers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(real(*arguments, **options))
        if len(processes) == servers:
            raise KeyboardInterrupt
        return processes[-1]

    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Stack(tmp_path).up()
    assert [process.wait(300) is not None for process in processes] == [True] * servers
    assert Stack(tmp_path).down() is False


def test_a_killed_up_leaves_nothing_running_after_down(tmp_path: Path) -> None:
    process = subprocess.Popen([*CURATION, "local", "up"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    port = tmp_path / ".curation" / "hub" / "port"
    while not (tmp_path / ".curation" / "argilla" / "server.log").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert run("local", "down", cwd=tmp_path).returncode == 0
    assert not answers(f"http://127.0.0.1:{port.read_text()}/health")
    assert run("local", "up", cwd=tmp_path).returncode == 0
    assert "Stopped." in run("local", "down", cwd=tmp_path).stderr


def test_hub_and_models_answer_before_argilla_does(tmp_path: Path) -> None:
    stack = Stack(tmp_path, tied=True).begin()
    try:
        early = stack.settings_without_argilla()
        assert answers(f"{early['HF_ENDPOINT']}/health")
        assert answers(f"{early['CURATION_INFERENCE_URL']}/models")
        settings = stack.wait().settings()
        assert answers(f"{settings['ARGILLA_API_URL']}/api/v1/status")
        assert early.items() <= settings.items()
    finally:
        stack.down()
    assert not answers(f"{settings['ARGILLA_API_URL']}/api/v1/status")
    assert not answers(f"{settings['HF_ENDPOINT']}/health")


def test_down_while_argilla_is_starting_leaves_nothing_running(tmp_path: Path) -> None:
    stack = Stack(tmp_path, tied=True).begin()
    stack.down()
    with pytest.raises(ServiceError):
        stack.wait()
    assert Stack(tmp_path).down() is False


def test_wait_raises_an_error_if_argilla_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "argilla" / "argilla.db").mkdir(parents=True)
    stack = Stack(tmp_path, tied=True).begin()
    with pytest.raises(ServiceError, match="Argilla ended while starting"):
        stack.wait()
    assert Stack(tmp_path).down() is False


def test_down_of_a_stack_that_is_still_starting_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "STOP_SECONDS", 0.2)
    with (tmp_path / "lock").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        with pytest.raises(TemporaryError, match=r"has not ended after 0 s\. .*Ctrl-C"):
            Stack(tmp_path).down()
    assert Stack(tmp_path).down() is False


def test_the_list_of_processes_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file ends after eight bytes, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            stack._write_pids({"hub": 4_000_000, "argilla": 4_000_001})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "pids.json").exists()
    assert stack.down() is False


def test_tied_servers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from curation.local.hub import HubServer\n"
        f"hub = HubServer(Path({str(tmp_path)!r})).start(); print(hub.url, flush=True); time.sleep(36_000)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert answers(f"{url}/health")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    # If the server went on, the limit of the whole test would end this.
    while answers(f"{url}/health"):
        time.sleep(0.1)


def test_without_the_extra_the_stack_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys; sys.modules['starlette'] = None; from curation.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "local", "up"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "pip install 'curation[local]'" in done.stderr
    assert "Traceback" not in done.stderr
