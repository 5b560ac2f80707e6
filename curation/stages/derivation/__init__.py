"""From one segment of the store to rows and counts; what is done for every segment alike."""

from curation.stages.derivation.checks import Checks
from curation.stages.derivation.segment import Plan, derive_dropped, derive_segment
from curation.stages.derivation.sets import annotated
from curation.stages.derivation.tally import Shard, Tally

__all__ = ["Checks", "Plan", "Shard", "Tally", "annotated", "derive_dropped", "derive_segment"]
