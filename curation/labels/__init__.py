"""From the responses to a record to one verdict: majority, mean, and the judge where no person answered."""

from curation.labels.judge import judge_verdict
from curation.labels.majority import MajorityResolver
from curation.labels.mean import MeanResolver

__all__ = ["MajorityResolver", "MeanResolver", "judge_verdict"]
