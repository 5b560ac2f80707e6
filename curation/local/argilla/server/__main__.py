"""`python -m server`: prepares the folder and the settings, then serves until SIGTERM.

argilla_server reads its settings and copies its web page when it is imported, so the preparation comes first.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType


def main() -> None:
    """Serve Argilla on 127.0.0.1 from the folder given by the arguments."""
    arguments = _arguments()
    os.umask(0o077)
    _leave_on_signal()
    _exit_with_parent()
    data: Path = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        _hold(lock.fileno(), data)
        scratch = _scratch(data)
        try:
            _settings(data)
            _serve()(port=arguments.port, users_file=arguments.users_file, workspace=arguments.workspace)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _serve() -> Callable[..., None]:
    try:
        # Two names, one package: `server` here, curation.local.argilla.server for the type checker.
        from .application import serve  # noqa: TID252
    except ImportError as error:
        raise SystemExit(f"argilla-server changed: {error}") from error
    return serve


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the database")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--users-file", type=Path, required=True, help="JSON: username, password, api_key")
    parser.add_argument("--workspace", required=True)
    return parser.parse_args()


def _leave_on_signal() -> None:
    """Turn SIGTERM into SystemExit, so that the scratch folder is removed."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)


def _exit_with_parent() -> None:
    """Do the same as `exit_with_parent` in curation.local.process, which cannot be imported here."""
    if os.environ.get("CURATION_TIED") != "1":
        return

    def wait() -> None:
        if not os.read(0, 1):
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="exit-with-parent", daemon=True).start()


def _hold(lock: int, data: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"Another Argilla already serves {data}.") from None


def _scratch(data: Path) -> Path:
    """Make Python put temporary files into a folder in `data`, which is removed at the end.

    Each start of argilla_server leaves a 14 MB copy of its web page among the temporary files.
    """
    scratch = data / "tmp"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    return scratch


def _settings(data: Path) -> None:
    """Set the environment variables that argilla_server reads, and remove the user's own ARGILLA_* variables."""
    for name in [name for name in os.environ if name.startswith("ARGILLA_")]:
        del os.environ[name]
    os.environ |= {
        "ARGILLA_HOME_PATH": str(data),
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{data / 'argilla.db'}?check_same_thread=False",
        "ARGILLA_SEARCH_ENGINE": "embedded",
        "ARGILLA_AUTH_SECRET_KEY": _secret_key(data / "secret_key"),
        "ARGILLA_AUTH_OAUTH_CFG": str(data / "oauth.yaml"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def _secret_key(path: Path) -> str:
    """Return the key that signs sessions. It is kept in the file `path`, so that sessions survive a restart."""
    if not path.exists() or not path.read_text():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


if __name__ == "__main__":
    main()
