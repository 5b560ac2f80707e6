"""From verdicts to the rows of published configs: pure functions."""

from curation.export.accepted import faults
from curation.export.chat_template import chat_template
from curation.export.columns import EXTRAS, Columns, Rows
from curation.export.dpo import Pairs, PairsPerPrompt, pairs_of, preference_table, without_pair
from curation.export.kto import (
    Completions,
    KtoWeights,
    completions_of,
    kto_order,
    repeats,
    suggested_weights,
    undecided,
    unpaired_table,
)
from curation.export.raw import raw_row
from curation.export.resolved import Case, Edit, Resolved, edits_of, resolved
from curation.export.sft import Demonstrations, demonstrations_of, supervised_table
from curation.export.splits import SPLITS, Split, split_of
from curation.export.strings import as_strings, plain

__all__ = [
    "EXTRAS",
    "SPLITS",
    "Case",
    "Columns",
    "Completions",
    "Demonstrations",
    "Edit",
    "KtoWeights",
    "Pairs",
    "PairsPerPrompt",
    "Resolved",
    "Rows",
    "Split",
    "as_strings",
    "chat_template",
    "completions_of",
    "demonstrations_of",
    "edits_of",
    "faults",
    "kto_order",
    "pairs_of",
    "plain",
    "preference_table",
    "raw_row",
    "repeats",
    "resolved",
    "split_of",
    "suggested_weights",
    "supervised_table",
    "undecided",
    "unpaired_table",
    "without_pair",
]
