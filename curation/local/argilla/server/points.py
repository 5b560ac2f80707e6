"""The names inside argilla_server that we hold on to; one that is gone stops the start with a sentence."""

from __future__ import annotations

import importlib
from typing import Any


def point(path: str) -> Any:
    """Return what `path` (module and name, with dots) stands for, or exit and say which name is gone."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise SystemExit(f"argilla-server changed: {path} is gone") from None


def replace(path: str, value: Any) -> None:
    """Put `value` in the place of the existing name `path`."""
    point(path)
    module, _, name = path.rpartition(".")
    setattr(importlib.import_module(module), name, value)
