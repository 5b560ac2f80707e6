"""From verdicts to the rows of published configs: pure functions."""

from curation.export.accepted import faults
from curation.export.chat_template import chat_template
from curation.export.columns import EXTRAS, Columns
from curation.export.dpo import Pair, PairsPerPrompt, pairs_of, preference_table, row_id
from curation.export.kto import (
    Completion,
    KtoWeights,
    completion_id,
    completions_of,
    kto_order,
    suggested_weights,
    unpaired_table,
)
from curation.export.raw import raw_row
from curation.export.resolved import Answer, Resolved, edits_of, resolved
from curation.export.sft import Demonstration, demonstration_id, demonstrations_of, supervised_table
from curation.export.splits import SPLITS, Split, split_of
from curation.export.strings import as_strings, plain

__all__ = [
    "EXTRAS",
    "SPLITS",
    "Answer",
    "Columns",
    "Completion",
    "Demonstration",
    "KtoWeights",
    "Pair",
    "PairsPerPrompt",
    "Resolved",
    "Split",
    "as_strings",
    "chat_template",
    "completion_id",
    "completions_of",
    "demonstration_id",
    "demonstrations_of",
    "edits_of",
    "faults",
    "kto_order",
    "pairs_of",
    "plain",
    "preference_table",
    "raw_row",
    "resolved",
    "row_id",
    "split_of",
    "suggested_weights",
    "supervised_table",
    "unpaired_table",
]
