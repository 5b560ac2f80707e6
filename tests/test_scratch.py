"""Temporary folders: for their owner alone, removed when a run ends, and by the next run if it was killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from curation.scratch import PREFIX, private_files, scratch_folder

HOLD = """
import sys
from curation.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "answers").write_text("private")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def left(temporary: Path) -> list[Path]:
    return sorted(temporary.glob(f"{PREFIX}*"))


def test_only_its_owner_can_read_a_folder_and_it_is_removed_with_the_run(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert folder.is_relative_to(temporary)
        assert list(folder.iterdir()) == []
        assert stat.S_IMODE(left(temporary)[0].stat().st_mode) == 0o700
    assert left(temporary) == []


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_running_one_is_kept(temporary: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    runs = [subprocess.Popen([sys.executable, "-c", HOLD], text=True, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    killed, running = (Path(run.stdout.readline().strip()) for run in runs)
    runs[0].send_signal(signal.SIGKILL)
    runs[0].communicate()
    assert (killed / "answers").exists()
    with scratch_folder():
        assert not killed.exists()
        assert (running / "answers").read_text() == "private"
    runs[1].communicate("")
    assert left(temporary) == []


def test_another_programs_folder_is_left_alone(temporary: Path) -> None:
    others = temporary / f"{PREFIX}without-a-lock"
    others.mkdir()
    with scratch_folder():
        assert others.exists()


def test_only_their_owner_can_read_private_files_and_other_files_are_as_before(temporary: Path) -> None:
    before = os.umask(0o022)
    try:
        with private_files():
            (temporary / "folder").mkdir()
            (temporary / "folder" / "file").write_text("x")
        (temporary / "other").write_text("x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((temporary / name).stat().st_mode) for name in ("folder", "folder/file", "other")]
    assert modes == [0o700, 0o600, 0o644]
