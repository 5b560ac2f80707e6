"""What can be wrong with prompts, answers, pairs and whole datasets, found by pure predicates with names."""

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
from curation.quality.findings import row_faults
from curation.quality.language import detect_language
from curation.quality.layouts import Example, read_example
from curation.quality.pairs import is_identical, length_ratio
from curation.quality.pii import find_pii, redacted
from curation.quality.safety import Coverage, coverage
from curation.quality.sets import passed
from curation.quality.sources import open_dataset
from curation.quality.tokens import TokenCounter

__all__ = [
    "Benchmarks",
    "Check",
    "Coverage",
    "Example",
    "NearDuplicates",
    "PromptChecks",
    "Quality",
    "Sketches",
    "TokenCounter",
    "answer_checks",
    "answer_fault",
    "coverage",
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
    "open_dataset",
    "pair_checks",
    "pair_fault",
    "passed",
    "read_example",
    "redacted",
    "row_faults",
    "sketched",
    "spoken",
]
