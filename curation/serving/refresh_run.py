"""`python -m curation.serving.refresh_run CONFIG RESULT REQUEST`: one refresh, in a process of its own.

REQUEST is a `Request` as JSON. The process writes an `Outcome` to the file RESULT. It is a process of its own for three
reasons: its imports take seconds, it can be stopped when a service hangs, and its work must not slow down the server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

from curation.config import Config, Services, load_config
from curation.errors import CurationError
from curation.serving.dashboard import Dashboard
from curation.serving.outcome import Outcome, Request


def main() -> None:
    """Refresh, and write the outcome."""
    os.umask(0o077)
    config, result, request = sys.argv[1:]
    outcome = run(Path(config), Request.model_validate_json(request))
    Path(result).write_text(outcome.model_dump_json(), encoding="utf-8")


def run(path: Path, request: Request) -> Outcome:
    """Return the outcome of a refresh. If it failed, the dashboard is made all the same if the store can be read."""
    outcome = Outcome()
    try:
        config, services = load_config(path), Services.from_environment()
        outcome = _refreshed(config, services, request.changed)
        return outcome.model_copy(update={"dashboard": _dashboard(config, services, request.revision)})
    except Exception as error:  # noqa: BLE001 - the server shows every error as a sentence
        code, sentence = _described(error)
        return outcome.model_copy(update={"error": outcome.error or sentence, "exit_code": outcome.exit_code or code})


def _refreshed(config: Config, services: Services, changed: Collection[str] | None) -> Outcome:
    from curation.stages.refresh import refresh

    lines: list[str] = []
    try:
        report = refresh(config, services=services, tell=lines.append, changed=changed)
    except Exception as error:  # noqa: BLE001 - the server shows every error as a sentence
        code, sentence = _described(error)
        return Outcome(lines=tuple(lines), error=sentence, exit_code=code)
    return Outcome(lines=report.lines, exit_code=report.exit_code)


def _described(error: Exception) -> tuple[int, str]:
    """Return the exit code and a sentence. An error that is not ours is a defect, and its text may contain a key."""
    if isinstance(error, CurationError):
        return error.exit_code, str(error)
    return 1, f"Unexpected {type(error).__name__}. Run `curation refresh` with --debug to see where."


def _dashboard(config: Config, services: Services, revision: str | None) -> Dashboard | None:
    from curation.serving.gathering import gather

    return gather(config, services, known=revision)


if __name__ == "__main__":
    main()
