"""From verdicts to the rows of published configs: pure functions."""

from curation.export.dpo import preference_row
from curation.export.kto import KtoWeights, kto_order, suggested_weights, unpaired_rows
from curation.export.splits import split_of

__all__ = ["KtoWeights", "kto_order", "preference_row", "split_of", "suggested_weights", "unpaired_rows"]
