"""What people are asked: one file per review task, and Argilla, where they answer."""

from curation.review.pairwise import PairwiseTask
from curation.review.spec import Field, LabelQuestion, RecordSpec, TaskSpec, TextQuestion

__all__ = ["Field", "LabelQuestion", "PairwiseTask", "RecordSpec", "TaskSpec", "TextQuestion"]
