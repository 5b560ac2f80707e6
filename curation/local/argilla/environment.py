"""The virtual environment of argilla-server. It is created in the user's cache on first use, and then shared.

argilla-server cannot run in our own environment, because it needs pydantic 2.9 and typer 0.9.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from curation.errors import ServiceError

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
DOWNLOAD_MEGABYTES = 135
# This file is written last. A folder without it comes from an interrupted installation and is built again. (Building
# elsewhere and renaming does not work: the scripts of a virtual environment contain absolute paths.)
MARKER = "complete"


def server_python(*, cache: Path | None = None, requirements: Path = REQUIREMENTS) -> Path:
    """Return the path of Python in argilla-server's environment. If the environment is missing, it is built first.

    The environment is in `cache`: by default the folder in CURATION_CACHE, otherwise the user's cache folder. If
    several processes come at once, one builds and the others wait. Raises ServiceError, with the path of pip's log, if
    the installation fails.
    """
    folder = _folder(cache or _cache(), requirements)
    if not (folder / MARKER).exists():
        with _lock(folder.with_suffix(".lock")):
            if not (folder / MARKER).exists():
                _build(folder, requirements)
    return folder / "bin" / "python"


def _cache() -> Path:
    override = os.environ.get("CURATION_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("curation"))


def _folder(cache: Path, requirements: Path) -> Path:
    ingredients = f"{requirements.read_text()}\n{sys.version_info[:2]}\n{sys.base_prefix}"
    return cache / f"argilla-server-{hashlib.sha256(ingredients.encode()).hexdigest()[:12]}"


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, requirements: Path) -> None:
    sys.stderr.write(f"Installing argilla-server (once, about {DOWNLOAD_MEGABYTES} MB to download) in {folder}\n")
    log = folder.with_suffix(".log")
    log.write_text("")
    if not _build_with_uv(folder, requirements, log):
        _build_with_pip(folder, requirements, log)
    (folder / MARKER).touch()


def _build_with_uv(folder: Path, requirements: Path, log: Path) -> bool:
    """Install with uv, which takes seconds instead of pip's minute; return whether uv exists and succeeded.

    It reads none of pip's settings, so where packages come from an index of one's own it may fail where pip does not.
    """
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    return _ran([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], log) and _ran(
        [uv, "pip", "install", "--system-certs", "--python", python, "--requirement", str(requirements)], log
    )


def _build_with_pip(folder: Path, requirements: Path, log: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], log)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _run([*pip, "--progress-bar=off", "--requirement", str(requirements)], log)


def _run(command: list[str], log: Path) -> None:
    if not _ran(command, log):
        raise ServiceError(
            f"argilla-server could not be installed: {_last_line(log)}",
            remedy=f"Read {log}, check the network and pip's settings (`pip config list`), and run the same command "
            "again: it starts over.",
        )


def _ran(command: list[str], log: Path) -> bool:
    """Run a command with its output in the log; return whether it succeeded."""
    with log.open("ab") as output:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=_clean_environment()
        )
    return result.returncode == 0


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no output."
