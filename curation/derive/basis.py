"""What the published rows were made from, kept to say at the next publish why there are more rows or fewer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue, ValidationError

from curation.config import Config
from curation.derive.derivation import Derived
from curation.types import Row
from curation.wording import counted, excerpt, reasons

DECIDING = ("formats", "pairs", "min_gap", "conversational")
"""The options of [publish] that decide which rows there are."""
LONGEST_OPTION = 60


class Basis(Row):
    """What rows were made from: the number of rows in each config, the options that decide, and what gave no row.

    `dropped` has the reasons for missing rows by config, `unresolved` the reasons for records without a verdict.
    """

    rows: dict[str, int]
    records: int
    options: dict[str, JsonValue]
    unresolved: dict[str, int]
    dropped: dict[str, dict[str, int]]


def current_basis(config: Config, derived: Derived) -> Basis:
    """Return what the rows are made from, as the manifest keeps it for the next publish."""
    options: dict[str, JsonValue] = {"resolver": config.labels.resolver, **config.labels.model_dump(mode="json")}
    options |= config.publish.model_dump(mode="json", include=set(DECIDING))
    options["checks"] = list(config.quality.lines(config.filters))
    return Basis(
        rows=derived.row_counts,
        records=derived.records,
        options=options,
        unresolved=dict(derived.tally.unresolved),
        dropped=derived.dropped_rows,
    )


def published_basis(manifest: Mapping[str, Any] | None) -> Basis | None:
    """Return what the published rows were made from, null if nothing is published or its manifest does not say."""
    try:
        return Basis.model_validate((manifest or {}).get("basis"))
    except ValidationError:
        return None


def row_counts(before: Basis, now: Basis) -> str | None:
    """Return how the numbers of rows change, and why there are fewer; None if no number changes.

    For example "dpo 9 -> 1, kto 24 -> 6, because resolver is unanimous: 8 not_unanimous."
    """
    counts = {name: (before.rows.get(name, 0), now.rows.get(name, 0)) for name in {**before.rows, **now.rows}}
    changed = {name: pair for name, pair in counts.items() if pair[0] != pair[1]}
    if not changed:
        return None
    numbers = ", ".join(f"{name} {old_count:,} -> {new_count:,}" for name, (old_count, new_count) in changed.items())
    fewer = [name for name, (old_count, new_count) in changed.items() if new_count < old_count]
    return f"{numbers}{_because(before, now, fewer) if fewer else ''}."


def _because(before: Basis, now: Basis, fewer: list[str]) -> str:
    options = ", ".join(
        f"{name} is {_option(value, before.options.get(name))}"
        for name, value in now.options.items()
        if before.options.get(name) != value
    )
    more = reasons(_lost(now, fewer) - _lost(before, fewer))
    if now.records < before.records:
        records = f"{counted(now.records, 'record')} in place of {before.records:,}"
        more = f"{more}, {records}" if more else records
    if options:
        return f", because {options}{f': {more}' if more else ''}"
    return f", because of {more}" if more else ", because answers changed"


def _lost(basis: Basis, configs: Iterable[str]) -> Counter[str]:
    """Count what gave no row of these configs, by reason. If several configs share a reason, take the largest count."""
    lost = Counter(basis.unresolved)
    of_configs: Counter[str] = Counter()
    for config in configs:
        of_configs |= Counter(basis.dropped.get(config, {}))
    return lost + of_configs


def _option(value: JsonValue, before: JsonValue) -> str:
    """Return the value of an option as text. For a list, return only its new entries, if there are any."""
    if isinstance(value, list):
        new = [part for part in value if isinstance(before, list) and part not in before]
        return excerpt(", ".join(map(str, new or value)), LONGEST_OPTION) or "none"
    return excerpt(value if isinstance(value, str) else json.dumps(value), LONGEST_OPTION)
