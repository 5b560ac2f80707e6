"""Gold: records whose right answer is known. They are mixed in with the others, and measure reviewers."""

from curation.gold.file import GoldItem, read_gold
from curation.gold.measured import gold_accuracy, gold_line
from curation.gold.mixing import gold_prompts, gold_records, mixed_records, refuse_shown_prompts
from curation.gold.pushed import PushedGold, pushed_gold

__all__ = [
    "GoldItem",
    "PushedGold",
    "gold_accuracy",
    "gold_line",
    "gold_prompts",
    "gold_records",
    "mixed_records",
    "pushed_gold",
    "read_gold",
    "refuse_shown_prompts",
]
