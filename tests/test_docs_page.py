"""docs/README.md follows one prompt through the code: every function, class and file that it names exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIFE = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").split("## The life of a prompt")[1].split("\n## ")[0]
FILES_OF_THE_EXAMPLE = {"helpful.toml", "curation.json"}
NAMES = sorted(set(re.findall(r"`((?:[a-z_]+\.)+[A-Za-z_]+)`", LIFE)) - FILES_OF_THE_EXAMPLE)
PATHS = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", LIFE)))


def exists(dotted: str) -> bool:
    """Whether `dotted`, such as "store.Store.set_reviews", is a module of the package or a name in one."""
    parts = ["curation", *dotted.split(".")]
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            value = getattr(value, name, None)
        return value is not None
    return False


def test_the_page_names_functions_and_files() -> None:
    assert len(NAMES) >= 15
    assert len(PATHS) >= 5


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(".py")])
def test_every_name_on_the_page_exists(name: str) -> None:
    assert exists(name)


@pytest.mark.parametrize("path", PATHS)
def test_every_file_on_the_page_exists(path: str) -> None:
    assert (ROOT / "curation" / path).exists() or (ROOT / path).exists()


def test_a_name_that_is_gone_is_noticed() -> None:
    assert not exists("store.Store.no_such_method")
    assert not exists("no_such_module.function")
