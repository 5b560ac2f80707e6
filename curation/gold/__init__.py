"""Gold: records whose right answer is known. They are mixed in with the others, and measure reviewers."""

from curation.gold.file import GoldItem, read_gold
from curation.gold.measured import gold_accuracy, gold_line
from curation.gold.mixing import gold_prompts, gold_records, gold_wanted, mixed, refuse_shown_prompts

__all__ = [
    "GoldItem",
    "gold_accuracy",
    "gold_line",
    "gold_prompts",
    "gold_records",
    "gold_wanted",
    "mixed",
    "read_gold",
    "refuse_shown_prompts",
]
