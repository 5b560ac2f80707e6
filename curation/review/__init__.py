"""What people are asked: one file per review task, and Argilla, where they answer."""

from curation.review.pairwise import PairwiseTask
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec, TextQuestion
from curation.review.task import ReviewTask
from curation.review.tasks import reading_task

__all__ = [
    "Field",
    "LabelQuestion",
    "PairwiseTask",
    "RecordSpec",
    "ReviewTask",
    "TaskSpec",
    "TextQuestion",
    "reading_task",
]
