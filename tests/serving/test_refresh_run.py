"""A refresh in a process of its own says what went wrong as a sentence, whatever it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from curation.serving.outcome import Outcome, Request
from curation.serving.refresh_run import run
from tests.configs import write_config


def test_a_config_that_is_gone_is_an_error_of_the_refresh(tmp_path: Path) -> None:
    outcome = run(tmp_path / "gone.toml", Request())
    assert (outcome.exit_code, outcome.dashboard) == (1, None)
    assert outcome.error is not None
    assert outcome.error.startswith(f"There is no config file {tmp_path / 'gone.toml'}.")


@pytest.mark.slow
def test_a_hub_that_is_not_there_is_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    for name, value in {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_of-nobody"}.items():
        monkeypatch.setenv(name, value)
    outcome = run(write_config(tmp_path, "unreachable-hub"), Request())
    assert (outcome.exit_code, outcome.dashboard) == (3, None)
    assert outcome.error is not None
    assert "the Hub at http://127.0.0.1:9" in outcome.error.replace("The", "the")
    assert "hf_of-nobody" not in outcome.model_dump_json()


def test_an_error_that_is_not_ours_is_told_without_its_text(tmp_path: Path) -> None:
    """Its text may hold a key."""
    outcome = run(Path("a\0b-secret"), Request())
    assert outcome.exit_code == 1
    assert outcome.error == "Unexpected ValueError. Run `curation refresh` with --debug to see where."


@pytest.mark.slow
def test_the_process_hands_over_a_private_file(tmp_path: Path) -> None:
    result = tmp_path / "outcome.json"
    command = [
        sys.executable,
        "-m",
        "curation.serving.refresh_run",
        str(tmp_path / "gone.toml"),
        str(result),
        Request().model_dump_json(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert Outcome.model_validate_json(result.read_bytes()).exit_code == 1
    assert result.stat().st_mode & 0o077 == 0
