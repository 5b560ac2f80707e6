"""What is uploaded to a Space: a folder of spaces/, which come with the package, and a config with its files."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from curation.errors import ConfigError

CONFIG = "curation.toml"
"""The name of the config file in the sync Space."""
LOCAL_ONLY = frozenset({"compose.yaml"})
"""Files of the folder that are for a server of one's own, and of no use in a Space."""


def space_files(name: str) -> dict[str, bytes]:
    """Return the files of the Space spaces/`name`, by their names: {"Dockerfile": b"FROM ..."}."""
    inside = files("curation") / "spaces"
    folder = (inside if inside.is_dir() else files("curation") / ".." / "spaces") / name
    return {entry.name: entry.read_bytes() for entry in _entries(folder)}


def _entries(folder: Traversable) -> list[Traversable]:
    entries = [entry for entry in folder.iterdir() if entry.is_file() and entry.name not in LOCAL_ONLY]
    return sorted(entries, key=lambda entry: entry.name)


def carried_files(config: Path) -> dict[str, bytes]:
    """Return the config and the files beside it that `refresh` reads, by their names relative to it.

    These are the benchmarks and the tokenizer of [quality]; prompts are not read again. Raises ConfigError if one of
    them lies elsewhere, because its name would lead nowhere in another folder.
    """
    values = tomllib.loads(config.read_text(encoding="utf-8"))
    quality = values.get("quality", {})
    names = [*_listed(quality.get("benchmarks")), *_listed(quality.get("tokenizer"))]
    carried = {CONFIG: config.read_bytes()}
    for name in names:
        place = config.parent / name
        if not place.exists():
            continue
        if not place.resolve().is_relative_to(config.parent.resolve()) or Path(name).is_absolute():
            raise ConfigError(
                f"{config} names {name}, which lies outside of its folder, so it would be missing elsewhere.",
                remedy="Move it beside the config, or put it on the Hub.",
            )
        for file in [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file()):
            carried[file.relative_to(config.parent).as_posix()] = file.read_bytes()
    return carried


def _listed(value: Any) -> list[str]:
    return [name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str) and name]
