"""Columns of classes (`datasets.ClassLabel`). They hold numbers, and the features of the dataset name each number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NO_CLASS = -1
"""The number that `datasets` gives to a row without a class."""


def classes_of(features: object) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes in each column of classes: {"topic": ("art", "law")}.

    `features` is what `datasets.Features.to_dict` returns: {"topic": {"names": ["art", "law"], "_type": "ClassLabel"}}.
    """
    if not isinstance(features, Mapping):
        return {}
    return {
        column: tuple(map(str, feature["names"]))
        for column, feature in features.items()
        if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def with_class_names(values: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return a row with names in place of the numbers of classes: {"topic": 1} gives {"topic": "law"}.

    `names` has the names for each column of classes. The number -1, for a row without a class, gives None.
    """
    return {column: _name(value, names[column]) if column in names else value for column, value in values.items()}


def _name(value: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(value, int) or isinstance(value, bool) or not NO_CLASS <= value < len(names):
        return value
    return None if value == NO_CLASS else names[value]
