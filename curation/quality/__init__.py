"""Checks of prompts, answers and pairs. Each check is a pure predicate with a name."""

from typing import TYPE_CHECKING

from curation.late import late_names
from curation.quality.filters import Filter
from curation.quality.options import Quality

if TYPE_CHECKING:
    from curation.quality.checks import (
        Check,
        PromptChecks,
        answer_checks,
        answer_fault,
        pair_faults,
        prompt_checks,
        spoken,
    )
    from curation.quality.duplicates import Sketches, leaders_of, sketched
    from curation.quality.language import detect_language
    from curation.quality.pii import redacted
    from curation.quality.sets import with_passing_answers
    from curation.quality.tokens import TokenCounter
else:
    __getattr__ = late_names(
        __name__,
        {
            "checks": "Check PromptChecks answer_checks answer_fault pair_faults prompt_checks spoken",
            "duplicates": "Sketches leaders_of sketched",
            "language": "detect_language",
            "pii": "redacted",
            "sets": "with_passing_answers",
            "tokens": "TokenCounter",
        },
    )

__all__ = [
    "Check",
    "Filter",
    "PromptChecks",
    "Quality",
    "Sketches",
    "TokenCounter",
    "answer_checks",
    "answer_fault",
    "detect_language",
    "leaders_of",
    "pair_faults",
    "prompt_checks",
    "redacted",
    "sketched",
    "spoken",
    "with_passing_answers",
]
