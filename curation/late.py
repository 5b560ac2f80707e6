"""Names of a package that are imported when they are first used: what needs none of them waits for no library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def late_names(
    package: str, homes: Mapping[str, str], *, load: Callable[[str], ModuleType] = import_module
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package; `homes` has, by module, the names that come from it, parted by blanks.

    For example `late_names("curation.quality", {"language": "detect_language", "tokens": "TokenCounter"})`: the first
    use of `curation.quality.TokenCounter` imports `curation.quality.tokens`, and gives what it has of that name.
    `load` imports a module.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def from_its_home(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(load(f"{package}.{home_of[name]}"), name)

    return from_its_home
