"""The owner's name, password and API key of a local Argilla. They are kept in a file that only this user can read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The name and password for the login form, and the API key for the SDK. Its repr does not show the secrets."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)


def credentials_in(path: Path) -> Credentials:
    """Return the credentials in the file `path`. If there is no such file, create it with new ones and mode 0600."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Credentials(OWNER, password=secrets.token_urlsafe(12), api_key=secrets.token_urlsafe(48))
        _write_once(path, json.dumps(asdict(fresh), indent=2) + "\n")
    return Credentials(**json.loads(path.read_text()))


def _write_once(path: Path, text: str) -> None:
    """Write a file completely or not at all. If another process wrote it first, its file is kept."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
