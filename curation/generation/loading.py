"""How modules that need distilabel are imported: without what distilabel does to the program when it is."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import ModuleType


def load_distilabel(module: str) -> ModuleType:
    """Import a module that needs distilabel, and undo its hook, which prints all locals, keys among them."""
    hook = sys.excepthook
    try:
        with warnings.catch_warnings():
            # distilabel 1.5.3, and argilla 2.8 which it imports, warn of themselves and of how they use pydantic.
            warnings.simplefilter("ignore")
            return import_module(module)
    finally:
        sys.excepthook = hook
