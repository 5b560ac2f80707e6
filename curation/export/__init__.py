"""Makes the rows of published configs from scored sets: pure functions, and one exporter for each config."""

from typing import TYPE_CHECKING

from curation.export.options import PairsPerPrompt
from curation.late import late_names

if TYPE_CHECKING:
    from curation.export.accepted import faults
    from curation.export.dpo import PairExporter
    from curation.export.exporter import EXTRAS, PASSAGE_COLUMNS, Exporter, extra_column, published_table, with_answers
    from curation.export.kto import CompletionExporter, KtoWeights, kto_order, suggested_weights
    from curation.export.raw import raw_rows, raw_schema, raw_table, rows_table
    from curation.export.scored import LABEL_SOURCES, Rows, ScoredSets, lost
    from curation.export.sft import SupervisedExporter
    from curation.export.splits import SPLITS, Split, splits_of
    from curation.export.strings import as_strings, plain
    from curation.export.templates import chat_template
else:
    __getattr__ = late_names(
        __name__,
        {
            "accepted": "faults",
            "templates": "chat_template",
            "dpo": "PairExporter",
            "exporter": "EXTRAS PASSAGE_COLUMNS Exporter extra_column published_table with_answers",
            "kto": "CompletionExporter KtoWeights kto_order suggested_weights",
            "raw": "raw_rows raw_schema raw_table rows_table",
            "scored": "LABEL_SOURCES Rows ScoredSets lost",
            "sft": "SupervisedExporter",
            "splits": "SPLITS Split splits_of",
            "strings": "as_strings plain",
        },
    )

__all__ = [
    "EXTRAS",
    "LABEL_SOURCES",
    "PASSAGE_COLUMNS",
    "SPLITS",
    "CompletionExporter",
    "Exporter",
    "KtoWeights",
    "PairExporter",
    "PairsPerPrompt",
    "Rows",
    "ScoredSets",
    "Split",
    "SupervisedExporter",
    "as_strings",
    "chat_template",
    "extra_column",
    "faults",
    "kto_order",
    "lost",
    "plain",
    "published_table",
    "raw_rows",
    "raw_schema",
    "raw_table",
    "rows_table",
    "splits_of",
    "suggested_weights",
    "with_answers",
]
