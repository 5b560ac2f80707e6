"""Keeps the last refreshes in a file, so that the page still shows them after a restart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import platformdirs
from pydantic import TypeAdapter, ValidationError

from curation.scratch import private_files
from curation.serving.outcome import Refresh

_REFRESHES = TypeAdapter(tuple[Refresh, ...])


def kept_file(config: Path) -> Path:
    """Return where the refreshes of a config are kept: in CURATION_CACHE, or in the user's cache folder."""
    folder = os.environ.get("CURATION_CACHE") or platformdirs.user_cache_dir("curation")
    place = hashlib.sha256(str(config.resolve()).encode()).hexdigest()[:16]
    return Path(folder) / "serving" / f"{config.stem}-{place}.json"


def read_refreshes(file: Path) -> tuple[Refresh, ...]:
    """Return the refreshes, newest first; none if there is no file or it is damaged, because nothing depends on it."""
    try:
        return _REFRESHES.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return ()


def write_refreshes(file: Path, refreshes: Iterable[Refresh]) -> None:
    """Write the refreshes, all or none. A disk that is full or cannot be written stops no refresh."""
    draft = file.with_suffix(".new")
    with suppress(OSError), private_files():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(_REFRESHES.dump_json(tuple(refreshes)))
        draft.replace(file)
