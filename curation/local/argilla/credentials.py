"""The owner's name, password and API key of one local Argilla, kept in a file that only its user can read."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person types to log in, and what the SDK sends; the secrets stay out of its repr."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)


def credentials_in(path: Path) -> Credentials:
    """Read the credentials in `path`; the first call makes them up and writes the file with mode 0600."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Credentials(OWNER, password=secrets.token_urlsafe(12), api_key=secrets.token_urlsafe(48))
        _write_once(path, json.dumps(asdict(fresh), indent=2) + "\n")
    return Credentials(**json.loads(path.read_text()))


def _write_once(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all; if another process was first, its file stays."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
