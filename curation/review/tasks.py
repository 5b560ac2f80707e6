"""All review tasks by name."""

from __future__ import annotations

from curation.errors import DataError
from curation.review.binary import BinaryTask
from curation.review.pairwise import PairwiseTask
from curation.review.ranking import RankingTask
from curation.review.rating import RatingTask
from curation.review.safety import SafetyTask
from curation.review.task import ReviewTask

TASKS: dict[str, type[ReviewTask]] = {
    "pairwise": PairwiseTask,
    "binary": BinaryTask,
    "rating": RatingTask,
    "ranking": RankingTask,
    "safety": SafetyTask,
}


def reading_task(name: str, present: ReviewTask | None = None) -> ReviewTask:
    """Return the task that reads the responses to records of the task `name`.

    That is `present`, the task of the configuration, if it has that name: its weights count. Else it is the task with
    its default options, for what a response means depends on no other option. Raises DataError for a name that is not
    known.
    """
    if present is not None and present.task == name:
        return present
    if name not in TASKS:
        raise DataError(
            f"A review record has the task {name!r}; known are {', '.join(TASKS)}.",
            remedy="A newer version of curation may have pushed it: upgrade.",
        )
    return TASKS[name]()
