"""The one reader of rows with answers, in the layouts that datasets and tools have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.errors import DataError
from curation.preferences.answered import AnsweredRow
from curation.preferences.argilla_export import has_export, read_export
from curation.preferences.comparisons import has_comparison, read_comparison
from curation.preferences.lists import has_list, read_list
from curation.preferences.pairs import has_label, has_pair, read_labelled, read_pair

READERS = (
    (has_export, read_export),
    (has_pair, read_pair),
    (has_comparison, read_comparison),
    (has_list, read_list),
    (has_label, read_labelled),
)
"""For each layout, the function that recognises it and the function that reads it, in the order of trial.

| layout | columns |
|---|---|
| Argilla export | fields with answers, `<question>.responses`, `<question>.suggestion` |
| pair | `chosen`, `rejected` (TRL, ultrafeedback_binarized, orca pairs, HH-RLHF, LLaMA-Factory, feedloop) |
| pair of datafast | `chosen_response`, `rejected_response` |
| comparison | `response1` and `response2` (HelpSteer3), `response_a` and `response_b`, ... with a label |
| list | `completions` (UltraFeedback), `generations` (distilabel), `answers`, ... |
| single answer | `completion`, `output`, `messages` or `conversations`, with `label` or `kto_tag` |
"""


def has_answers(row: Mapping[str, Any]) -> bool:
    """Whether the row has the columns of a known layout."""
    return any(has_layout(row) for has_layout, _ in READERS)


def read_answers(row: Mapping[str, Any]) -> AnsweredRow:
    """Return what a row asks, and its answers with the labels of the source.

    Raises ValueError with the reason as one word if the row cannot be used, and DataError if its columns are those of
    no known layout.
    """
    for has_layout, read in READERS:
        if has_layout(row):
            return read(row)
    raise DataError(f"no columns of a known layout, only {', '.join(map(str, row)) or 'none'}")
