"""Compares the rows that are published with those that would be: which would come, go or change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any, Literal

from curation.types import Row
from curation.wording import excerpt

EXAMPLES = 10
"""So many rows are shown as examples."""

PROMPT_EXCERPT, ANSWER_EXCERPT = 40, 30

Kind = Literal["comes", "goes", "changes"]
Rows = Callable[[], Iterable[Mapping[str, Any]]]
"""A function that returns the rows of one config. It is called several times and always returns the same rows."""


class RowChange(Row):
    """A row that would come, go or change. `prompt` and `what` are excerpts on one line."""

    config: str
    kind: Kind
    id: str
    prompt: str
    what: str

    @property
    def line(self) -> str:
        """The change as one line, such as "goes    dpo    What is a prime?: chosen 'A number that...'"."""
        return f"{self.kind:<8}{self.config:<7}{self.prompt}: {self.what}"


class ConfigChange(Row):
    """The numbers of rows of one config that come, go and change."""

    comes: int
    goes: int
    changes: int


@dataclass(slots=True)
class _Changes:
    """The changes of one config: the number of each kind, and the keys of the first rows of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=lambda: {"changes": [], "goes": [], "comes": []})

    def add(self, kind: Kind, key: str) -> None:
        self.counts[kind] += 1
        if len(self.first[kind]) < EXAMPLES:
            self.first[kind].append(key)


def config_changes(config: str, before: Rows, now: Rows) -> tuple[ConfigChange, list[list[RowChange]]]:
    """Return how many rows of a config change, and up to ten changes of each kind.

    The rows are read up to twice, and only hashes are kept in memory. If the answers of a preference row change places,
    the row counts as changed.
    """
    known = {_key(row): _digest(row) for row in before()}
    changes = _Changes()
    for row in now():
        key = _key(row)
        digest = known.pop(key, None)
        if digest is None:
            changes.add("comes", key)
        elif digest != _digest(row):
            changes.add("changes", key)
    for key in known:
        changes.add("goes", key)
    keys = set(chain.from_iterable(changes.first.values()))
    old, new = _rows_of(before, keys), _rows_of(now, keys)
    kinds: tuple[Kind, ...] = ("goes", "changes", "comes")
    examples = [[_change(config, kind, old.get(key), new.get(key)) for key in changes.first[kind]] for kind in kinds]
    counts = changes.counts
    return ConfigChange(comes=counts["comes"], goes=counts["goes"], changes=counts["changes"]), examples


def mixed(groups: Iterable[list[RowChange]]) -> tuple[RowChange, ...]:
    """Return ten changes, taking one from each group in turn."""
    turns = chain.from_iterable(zip_longest(*groups))
    return tuple(islice((change for change in turns if change is not None), EXAMPLES))


def _rows_of(rows: Rows, keys: set[str]) -> dict[str, Mapping[str, Any]]:
    return {_key(row): row for row in rows() if _key(row) in keys} if keys else {}


def _key(row: Mapping[str, Any]) -> str:
    """Return the key of a row: for a pair its prompt and its two texts in any order, for other rows the id."""
    if "chosen" not in row:
        return str(row["id"])
    return json.dumps([row["prompt_id"], *sorted((_text(row["chosen"]), _text(row["rejected"])))])


def _digest(row: Mapping[str, Any]) -> int:
    return hash(json.dumps(row, sort_keys=True, default=str))


def _text(value: Any) -> str:
    """Return the text of an answer or a prompt. If it is a list of messages, return the last one."""
    if isinstance(value, list):
        return str(value[-1]["content"]) if value else ""
    return str(value)


def _change(config: str, kind: Kind, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> RowChange:
    row = new or old or {}
    description = _difference(old, new) if old and new else ", ".join(_answers(row))
    prompt = row.get("prompt") or (row.get("messages") or [])[:-1]
    return RowChange(
        config=config, kind=kind, id=str(row["id"]), prompt=excerpt(_text(prompt), PROMPT_EXCERPT), what=description
    )


def _answers(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("chosen", "rejected", "completion", "messages", "label"):
        if name in row:
            value = row[name]
            yield f"{name} {str(value).lower() if isinstance(value, bool) else repr(_answer_excerpt(value))}"


def _answer_excerpt(value: Any) -> str:
    return excerpt(_text(value), ANSWER_EXCERPT)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if "chosen" in new and (old["chosen"], old["rejected"]) == (new["rejected"], new["chosen"]):
        return f"chosen and rejected change places, {', '.join(_answers(new))}"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "id"]
    plain = [name for name in names if not isinstance(new.get(name), list | dict)]
    long_values = [name for name in names if name not in plain]
    return ", ".join([*(f"{name} {_plain(old.get(name))} -> {_plain(new.get(name))}" for name in plain), *long_values])


def _plain(value: Any) -> str:
    return excerpt(value if isinstance(value, str) else json.dumps(value, default=str), ANSWER_EXCERPT)
