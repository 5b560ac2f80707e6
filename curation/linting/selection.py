"""Chooses the splits of a dataset to lint: all of them, except configs that contain no preferences by design."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from curation.dataset_rows import Split
from curation.errors import DataError
from curation.preferences.layouts import is_preference_row
from curation.preferences.rows import has_answers

PEEK = 100
"""So many rows of each split are read first, to see whether they are preferences."""

IMPORT = ' Trainers do not read this layout, but [prompts] type = "preferences" does: see docs/recipes/import.md.'
"""What is added for a dataset in a layout that is no trainer's."""

NO_TRAINING_PAIRS = frozenset({"raw", "sft"})
"""Configs that are skipped if they contain no preferences, because their names promise none."""


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """The first rows of a split: their number, their columns, and whether one of them is a preference.

    `has_answers` is whether one of them has answers in a layout that can be imported.
    """

    rows: int
    columns: frozenset[str]
    has_preferences: bool
    has_answers: bool


def with_preferences(splits: Iterable[Split], dataset: str, *, asked: bool) -> tuple[list[Split], tuple[str, ...]]:
    """Return the splits to lint, and a note for every config that is skipped. `asked` is whether a config was named."""
    peeked = [(split, _peek(split)) for split in splits]
    if not any(first_rows.rows for _, first_rows in peeked):
        raise DataError(f"{dataset} holds no rows.")
    without = {split.config for split, first_rows in peeked if first_rows.rows and not first_rows.has_preferences}
    if not any(first_rows.has_preferences for _, first_rows in peeked):
        columns = sorted(frozenset().union(*(first_rows.columns for _, first_rows in peeked)))
        if not columns:
            raise DataError(
                f"{dataset} is no preference dataset: none of its first rows is a JSON object that can be read.",
                remedy="Write each row on one line, or all rows as one array.",
            )
        raise DataError(
            f"{dataset} is no preference dataset: its columns are {', '.join(columns)}.",
            remedy="It needs prompt, chosen and rejected, or prompt, completion and label."
            + (IMPORT if any(first_rows.has_answers for _, first_rows in peeked) else ""),
        )
    passed = without & NO_TRAINING_PAIRS if not asked else set()
    notes = tuple(f"The config {name} contains no preferences and was skipped." for name in sorted(passed))
    return [split for split, _ in peeked if split.config not in passed], notes


def _peek(split: Split) -> _FirstRows:
    # The rows themselves are not kept in memory, because a hundred of them may be a gigabyte.
    count, columns, has_preferences, importable = 0, set[str](), False, False
    for row in islice(split.rows(), PEEK):
        count += 1
        columns.update(row.values or {})
        has_preferences = has_preferences or (row.values is not None and is_preference_row(row.values))
        importable = importable or (row.values is not None and has_answers(row.values))
    return _FirstRows(count, frozenset(columns), has_preferences, importable)
