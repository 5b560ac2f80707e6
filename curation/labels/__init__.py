"""Makes one verdict of the responses to a record, and measures how far reviewers agree.

What a response and a ballot mean is plain Python on small values. numpy and scipy are used only by the files that
compute over all votes at once: `votes`, `matrices`, `em`, `fitting`, `alpha`, `intervals`, `reviewers`, `measures`,
`judge_checks`, `lengths` and `bradley_terry`. (The statistics of reviewers of a million records take a second of a
processor; plain Python took seven.) They are imported when one of their names is first used.
"""

from typing import TYPE_CHECKING

from curation.labels.aspects import aspects_of_answer, ways_by_aspect
from curation.labels.ballot import Ballot, edit_texts
from curation.labels.dawid_skene import DawidSkeneResolver, FittedDawidSkene
from curation.labels.imported import agrees, imported_verdict
from curation.labels.judge import judge_verdict
from curation.labels.majority import MajorityResolver
from curation.labels.mean import MeanResolver
from curation.labels.resolver import Resolver
from curation.labels.role import role_verdict
from curation.labels.unanimous import UnanimousResolver
from curation.late import late_names

if TYPE_CHECKING:
    from curation.labels.accuracy import gold_accuracies, share_right
    from curation.labels.bradley_terry import win_rates
    from curation.labels.edits import index_of_edited, similarity
    from curation.labels.fitting import fitted
    from curation.labels.intervals import share_measure
    from curation.labels.judge_checks import Compared, judge_check, judge_check_lines, share_difference, weighted_kappa
    from curation.labels.lengths import length_bias
    from curation.labels.measures import agreement, judge_agreement, judges_agreement
    from curation.labels.votes import Votes
else:
    __getattr__ = late_names(
        __name__,
        {
            "accuracy": "gold_accuracies share_right",
            "bradley_terry": "win_rates",
            "edits": "index_of_edited similarity",
            "fitting": "fitted",
            "intervals": "share_measure",
            "judge_checks": "Compared judge_check judge_check_lines share_difference weighted_kappa",
            "lengths": "length_bias",
            "measures": "agreement judge_agreement judges_agreement",
            "votes": "Votes",
        },
    )

__all__ = [
    "Ballot",
    "Compared",
    "DawidSkeneResolver",
    "FittedDawidSkene",
    "MajorityResolver",
    "MeanResolver",
    "Resolver",
    "UnanimousResolver",
    "Votes",
    "agreement",
    "agrees",
    "aspects_of_answer",
    "edit_texts",
    "fitted",
    "gold_accuracies",
    "imported_verdict",
    "index_of_edited",
    "judge_agreement",
    "judge_check",
    "judge_check_lines",
    "judge_verdict",
    "judges_agreement",
    "length_bias",
    "role_verdict",
    "share_difference",
    "share_measure",
    "share_right",
    "similarity",
    "ways_by_aspect",
    "weighted_kappa",
    "win_rates",
]
