"""Training in a process of its own, because torch warns where the tests take warnings for errors."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDS_TRL = [
    pytest.mark.train,
    pytest.mark.skipif(
        find_spec("trl") is None or find_spec("torch") is None, reason="torch and TRL are missing: make test ALL=1"
    ),
]
"""The marks of a module whose tests train."""


def run_apart(module: str, folder: Path) -> None:
    """Run a module of this package, which writes what it finds into the folder."""
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
