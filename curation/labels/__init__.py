"""From the responses to a record to one verdict, and how far those who gave them agree."""

from typing import TYPE_CHECKING

from curation.labels.aspects import aspects_of_answer
from curation.labels.ballot import Ballot, written
from curation.labels.dawid_skene import DawidSkeneResolver, FittedDawidSkene
from curation.labels.edits import edited, similarity
from curation.labels.judge import judge_verdict
from curation.labels.majority import MajorityResolver
from curation.labels.mean import MeanResolver
from curation.labels.resolver import FittedResolver
from curation.labels.unanimous import UnanimousResolver
from curation.late import late_names

if TYPE_CHECKING:
    from curation.labels.measures import agreement, judge_agreement, length_bias
    from curation.labels.votes import Votes
else:
    __getattr__ = late_names(
        __name__,
        {
            "measures": "agreement judge_agreement length_bias",
            "votes": "Votes",
        },
    )

__all__ = [
    "Ballot",
    "DawidSkeneResolver",
    "FittedDawidSkene",
    "FittedResolver",
    "MajorityResolver",
    "MeanResolver",
    "UnanimousResolver",
    "Votes",
    "agreement",
    "aspects_of_answer",
    "edited",
    "judge_agreement",
    "judge_verdict",
    "length_bias",
    "similarity",
    "written",
]
