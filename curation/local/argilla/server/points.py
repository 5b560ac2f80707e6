"""Access to names inside argilla_server. If a new version lacks one, the server does not start and says which."""

from __future__ import annotations

import importlib
from typing import Any


def point(path: str) -> Any:
    """Return the object at `path`, such as "argilla_server.app". If it does not exist, exit with a message."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise SystemExit(f"argilla-server changed: {path} is gone") from None


def replace(path: str, value: Any) -> None:
    """Replace the object at `path`, which must exist, with `value`."""
    point(path)
    module, _, name = path.rpartition(".")
    setattr(importlib.import_module(module), name, value)
