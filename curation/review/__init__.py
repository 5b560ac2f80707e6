"""Review by people: one file for each review task, and the connection to Argilla."""

from curation.review.binary import BinaryTask
from curation.review.pairwise import PairwiseTask
from curation.review.ranking import RankingTask
from curation.review.rating import RatingTask
from curation.review.records import spread_records
from curation.review.safety import SafetyTask
from curation.review.spec import (
    Field,
    LabelQuestion,
    MultiLabelQuestion,
    Question,
    RankingQuestion,
    RatingQuestion,
    RecordSpec,
    TaskSpec,
    TextQuestion,
)
from curation.review.task import ReviewTask
from curation.review.tasks import TASKS, reading_task

__all__ = [
    "TASKS",
    "BinaryTask",
    "Field",
    "LabelQuestion",
    "MultiLabelQuestion",
    "PairwiseTask",
    "Question",
    "RankingQuestion",
    "RankingTask",
    "RatingQuestion",
    "RatingTask",
    "RecordSpec",
    "ReviewTask",
    "SafetyTask",
    "TaskSpec",
    "TextQuestion",
    "reading_task",
    "spread_records",
]
