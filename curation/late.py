"""Lets a package offer names that are imported when they are first used, so that importing it stays fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def late_names(
    package: str, homes: Mapping[str, str], *, load: Callable[[str], ModuleType] = import_module
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package. `homes` has, by module, its names, separated by blanks.

    For example, after `__getattr__ = late_names("curation.quality", {"tokens": "TokenCounter"})` in the package's
    `__init__.py`, the first use of `curation.quality.TokenCounter` imports `curation.quality.tokens`. `load` is the
    function that imports a module.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def imported_name(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(load(f"{package}.{home_of[name]}"), name)

    return imported_name
