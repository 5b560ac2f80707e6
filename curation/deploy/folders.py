"""The folders of spaces/, which come with the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

LOCAL_ONLY = frozenset({"compose.yaml"})
"""What a folder has for a server of one's own, and a Space has no use for."""


def space_files(name: str) -> dict[str, bytes]:
    """Return the files of the Space spaces/`name`, by their names: {"Dockerfile": b"FROM ..."}."""
    inside = files("curation") / "spaces"
    folder = (inside if inside.is_dir() else files("curation") / ".." / "spaces") / name
    return {entry.name: entry.read_bytes() for entry in _entries(folder)}


def _entries(folder: Traversable) -> list[Traversable]:
    entries = [entry for entry in folder.iterdir() if entry.is_file() and entry.name not in LOCAL_ONLY]
    return sorted(entries, key=lambda entry: entry.name)
