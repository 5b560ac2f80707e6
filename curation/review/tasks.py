"""All review tasks by name."""

from __future__ import annotations

from curation.errors import DataError
from curation.review.binary import BinaryTask
from curation.review.pairwise import PairwiseTask
from curation.review.ranking import RankingTask
from curation.review.rating import RatingTask
from curation.review.task import ReviewTask

TASKS: dict[str, type[ReviewTask]] = {
    "pairwise": PairwiseTask,
    "binary": BinaryTask,
    "rating": RatingTask,
    "ranking": RankingTask,
}


def reading_task(name: str) -> ReviewTask:
    """Return the task, with its default options, that reads the responses to records of the task `name`.

    What a response means does not depend on options. Raises DataError for a name that is not known.
    """
    if name not in TASKS:
        raise DataError(
            f"A review record has the task {name!r}; known are {', '.join(TASKS)}.",
            remedy="A newer version of curation may have pushed it: upgrade.",
        )
    return TASKS[name]()
