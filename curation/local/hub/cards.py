"""Reads the YAML at the top of a README.md, which the Hub shows as `cardData` and `tags`."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_TAGGED = ("task_categories", "task_ids", "size_categories", "language", "license", "annotations_creators")


def parse_card(text: str) -> dict[str, Any]:
    """Return the metadata of a card, {} if it has none. Raises ValueError if it is not a YAML mapping."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}
    try:
        data = yaml.safe_load(match.group(1))
        # Dates and other YAML values become text, as on the Hub.
        data = json.loads(json.dumps(data, default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"The metadata is not valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError("The metadata is not a mapping of keys to values.")
    return data


def card_tags(card: dict[str, Any]) -> list[str]:
    """Return the tags that a repository gets from its card, such as "license:mit"."""
    tags = [f"{key}:{value}" for key in _TAGGED for value in _values(card, key)]
    return [*tags, *(str(tag) for tag in _values(card, "tags"))]


def _values(card: dict[str, Any], key: str) -> list[Any]:
    value = card.get(key)
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
