"""A sentence about a judge's ratings, for reports and the card."""

from __future__ import annotations

from curation.generation.judging import JudgeStatistics
from curation.wording import share


def judge_line(judge: JudgeStatistics) -> str:
    """Return the share of ratings that could be read, the consistency in both orders, ties and the histogram."""
    histogram = ", ".join(f"{rating}: {count:,}" for rating, count in judge.histogram.items())
    consistent = judge.swap_consistency
    swapped = "" if consistent is None else f", {share(consistent)} of pairs in the same order when swapped"
    tied = "no two ratings to compare" if judge.ties is None else f"best and worst tied in {share(judge.ties)} of sets"
    return (
        f"Judge {judge.judge}: {share(judge.parsed)} of ratings read{swapped}, {tied}; ratings {histogram or 'none'}."
    )
