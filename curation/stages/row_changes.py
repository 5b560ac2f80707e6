"""What a publish changes: how many rows each config had and has, why there are fewer, and which come, go or change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any, Literal

from pydantic import JsonValue

from curation.types import Row
from curation.wording import counted, excerpt, reasons

EXAMPLES = 10
"""Rows that are shown."""

PROMPT_EXCERPT, ANSWER_EXCERPT = 40, 30
LONGEST_OPTION = 60

Kind = Literal["comes", "goes", "changes"]
Rows = Callable[[], Iterable[Mapping[str, Any]]]
"""Gives rows of one config, the same ones each time."""


class Basis(Row):
    """What rows were made from: their number in each config, the options that decide, and what gave no row.

    `dropped` counts by config what a verdict did not become; `unresolved` the records without a verdict.
    """

    rows: dict[str, int]
    records: int
    options: dict[str, JsonValue]
    unresolved: dict[str, int]
    dropped: dict[str, dict[str, int]]


class RowChange(Row):
    """One row that would come, go or change; `prompt` and `what` are excerpts of one line."""

    config: str
    kind: Kind
    id: str
    prompt: str
    what: str

    @property
    def line(self) -> str:
        """The change on one line."""
        return f"{self.kind:<8}{self.config:<7}{self.prompt}: {self.what}"


class ConfigChange(Row):
    """How many rows of one config come, go and change."""

    comes: int
    goes: int
    changes: int


def row_counts(before: Basis, now: Basis) -> str | None:
    """Return what becomes of the numbers of rows and why there are fewer, as a sentence; null if no number changes.

    "dpo 9 -> 1, kto 24 -> 6, because resolver is unanimous: 8 not_unanimous."
    """
    counts = {name: (before.rows.get(name, 0), now.rows.get(name, 0)) for name in {**before.rows, **now.rows}}
    changed = {name: pair for name, pair in counts.items() if pair[0] != pair[1]}
    if not changed:
        return None
    said = ", ".join(f"{name} {was:,} -> {will:,}" for name, (was, will) in changed.items())
    fewer = [name for name, (was, will) in changed.items() if will < was]
    return f"{said}{_because(before, now, fewer) if fewer else ''}."


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
    """What gave no row of these configs, by reason; each config's own reasons count where they are the most."""
    lost = Counter(basis.unresolved)
    of_configs: Counter[str] = Counter()
    for config in configs:
        of_configs |= Counter(basis.dropped.get(config, {}))
    return lost + of_configs


def _option(value: JsonValue, before: JsonValue) -> str:
    """An option as it is now; of a list only what is new, if anything is."""
    if isinstance(value, list):
        new = [part for part in value if isinstance(before, list) and part not in before]
        return excerpt(", ".join(map(str, new or value)), LONGEST_OPTION) or "none"
    return excerpt(value if isinstance(value, str) else json.dumps(value), LONGEST_OPTION)


@dataclass(slots=True)
class _Found:
    """The changes of one config: how many of each kind, and the first of each with the row before and after."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=lambda: {"changes": [], "goes": [], "comes": []})

    def add(self, kind: Kind, key: str) -> None:
        self.counts[kind] += 1
        if len(self.first[kind]) < EXAMPLES:
            self.first[kind].append(key)


def config_changes(config: str, before: Rows, now: Rows) -> tuple[ConfigChange, list[list[RowChange]]]:
    """Return how many rows change in a config, and the first of each kind, at most ten.

    Both are read up to twice, and of each row only a hash is kept. A preference row whose answers change places is a
    row that changes.
    """
    known = {_key(row): _digest(row) for row in before()}
    found = _Found()
    for row in now():
        key = _key(row)
        digest = known.pop(key, None)
        if digest is None:
            found.add("comes", key)
        elif digest != _digest(row):
            found.add("changes", key)
    for key in known:
        found.add("goes", key)
    wanted = set(chain.from_iterable(found.first.values()))
    old, new = _rows_of(before, wanted), _rows_of(now, wanted)
    kinds: tuple[Kind, ...] = ("goes", "changes", "comes")
    examples = [[_change(config, kind, old.get(key), new.get(key)) for key in found.first[kind]] for kind in kinds]
    counts = found.counts
    return ConfigChange(comes=counts["comes"], goes=counts["goes"], changes=counts["changes"]), examples


def mixed(groups: Iterable[list[RowChange]]) -> tuple[RowChange, ...]:
    """Return ten changes of several groups, in turn one of each."""
    turns = chain.from_iterable(zip_longest(*groups))
    return tuple(islice((change for change in turns if change is not None), EXAMPLES))


def _rows_of(rows: Rows, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    return {_key(row): row for row in rows() if _key(row) in keys} if keys else {}


def _key(row: Mapping[str, Any]) -> str:
    """What a row is told by: a pair by its record and its two texts, whichever is chosen, another row by its id."""
    if "chosen" not in row:
        return str(row["id"])
    return json.dumps([row["record_id"], *sorted((_text(row["chosen"]), _text(row["rejected"])))])


def _digest(row: Mapping[str, Any]) -> int:
    return hash(json.dumps(row, sort_keys=True, default=str))


def _text(value: Any) -> str:
    """The text of an answer or a prompt: messages by their last one."""
    if isinstance(value, list):
        return str(value[-1]["content"]) if value else ""
    return str(value)


def _change(config: str, kind: Kind, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> RowChange:
    row = new or old or {}
    said = _difference(old, new) if old and new else ", ".join(_answers(row))
    prompt = row.get("prompt") or (row.get("messages") or [])[:-1]
    return RowChange(
        config=config, kind=kind, id=str(row["id"]), prompt=excerpt(_text(prompt), PROMPT_EXCERPT), what=said
    )


def _answers(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("chosen", "rejected", "completion", "messages", "label"):
        if name in row:
            value = row[name]
            yield f"{name} {str(value).lower() if isinstance(value, bool) else repr(_said(value))}"


def _said(value: Any) -> str:
    return excerpt(_text(value), ANSWER_EXCERPT)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if "chosen" in new and (old["chosen"], old["rejected"]) == (new["rejected"], new["chosen"]):
        return f"chosen and rejected change places, {', '.join(_answers(new))}"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "id"]
    plain = [name for name in names if not isinstance(new.get(name), list | dict)]
    others = [name for name in names if name not in plain]
    return ", ".join([*(f"{name} {_plain(old.get(name))} -> {_plain(new.get(name))}" for name in plain), *others])


def _plain(value: Any) -> str:
    return excerpt(value if isinstance(value, str) else json.dumps(value, default=str), ANSWER_EXCERPT)
