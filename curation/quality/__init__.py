"""What can be wrong with prompts, answers and pairs, found by pure predicates with names."""

from curation.quality.answers import has_ai_tell, is_empty, is_refusal, is_truncated, leaked_names
from curation.quality.checks import (
    Check,
    PromptChecks,
    Quality,
    answer_checks,
    answer_fault,
    pair_checks,
    pair_fault,
    spoken,
)
from curation.quality.contamination import Benchmarks
from curation.quality.duplicates import NearDuplicates, Sketches, leaders_of, near_duplicate_leaders, sketched
from curation.quality.language import detect_language
from curation.quality.pairs import is_identical, length_ratio
from curation.quality.pii import find_pii, redacted
from curation.quality.sets import passed
from curation.quality.tokens import TokenCounter

__all__ = [
    "Benchmarks",
    "Check",
    "NearDuplicates",
    "PromptChecks",
    "Quality",
    "Sketches",
    "TokenCounter",
    "answer_checks",
    "answer_fault",
    "detect_language",
    "find_pii",
    "has_ai_tell",
    "is_empty",
    "is_identical",
    "is_refusal",
    "is_truncated",
    "leaders_of",
    "leaked_names",
    "length_ratio",
    "near_duplicate_leaders",
    "pair_checks",
    "pair_fault",
    "passed",
    "redacted",
    "sketched",
    "spoken",
]
