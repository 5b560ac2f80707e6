"""Imports modules that need distilabel, without the side effects that the import of distilabel has."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import ModuleType


def load_distilabel(module: str) -> ModuleType:
    """Import a module that needs distilabel, and remove distilabel's exception hook.

    That hook prints all local variables of a traceback, and API keys may be among them.
    """
    hook = sys.excepthook
    try:
        with warnings.catch_warnings():
            # distilabel 1.5.3 and argilla 2.8, which it imports, raise warnings about themselves.
            warnings.simplefilter("ignore")
            return import_module(module)
    finally:
        sys.excepthook = hook
