"""Versions of a published dataset: each publish has a tag, "publish-1", "publish-2" and so on."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_TAG = re.compile(r"publish-([1-9][0-9]{0,8})")
LISTED = 10
"""An error names so many tags."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version by the name of its tag, and the one that was published before it, null for the first."""

    name: str
    previous: str | None


def version_of(manifest: Mapping[str, Any] | None) -> Version | None:
    """Return the version that a manifest (curation.json) names, null if there is none."""
    name, previous = (manifest or {}).get("version"), (manifest or {}).get("previous")
    if not isinstance(name, str) or not _TAG.fullmatch(name):
        return None
    return Version(name, previous if isinstance(previous, str) and _TAG.fullmatch(previous) else None)


def next_version(current: Version | None, tags: Collection[str]) -> Version:
    """Return the version after `current`. Its number is above that of every tag, also of those that were put back.

    For example `publish-4` after `publish-1` if there are tags up to `publish-3`.
    """
    names = [*tags, *([current.name] if current else [])]
    return Version(f"publish-{max(map(_number, names), default=0) + 1}", current.name if current else None)


def newer_tag(current: Version | None, tags: Collection[str]) -> str | None:
    """Return the newest tag if it is newer than what is published, because an earlier version was put back."""
    newest = max(tags, key=_number, default=None)
    if newest is None or current is None or _number(newest) <= _number(current.name):
        return None
    return newest


def tags_like(tag: str, tags: Collection[str]) -> str:
    """Return the tags that somebody who wrote `tag` may have meant, as a phrase: "Did you mean publish-2?"."""
    versions = sorted((name for name in tags if _number(name)), key=_number, reverse=True)
    if not versions:
        return "No version is tagged yet."
    near = get_close_matches(tag, versions, n=1, cutoff=0.8)
    meant = f"Did you mean {near[0]}? " if near else ""
    more = f" and {len(versions) - LISTED} older" if len(versions) > LISTED else ""
    return f"{meant}There are {', '.join(versions[:LISTED])}{more}."


def _number(tag: str) -> int:
    """Return the number in the name of one of our tags, 0 for a tag that somebody else made."""
    match = _TAG.fullmatch(tag)
    return int(match[1]) if match else 0
