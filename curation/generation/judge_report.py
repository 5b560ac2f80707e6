"""Sentences about judges' ratings, for reports and the card."""

from __future__ import annotations

from curation.generation.judging import JudgeStatistics
from curation.review_statistics import JudgesAgreement
from curation.wording import counted, measured, percent, share


def judge_line(judge: JudgeStatistics) -> str:
    """Return the share of ratings that could be read, the consistency in both orders, ties and the histogram."""
    histogram = ", ".join(f"{rating}: {count:,}" for rating, count in judge.histogram.items())
    consistent = judge.swap_consistency
    swapped = "" if consistent is None else f", {share(consistent)} of pairs in the same order when swapped"
    tied = "no two ratings to compare" if judge.ties is None else f"best and worst tied in {share(judge.ties)} of sets"
    return (
        f"Judge {judge.judge}: {share(judge.parsed)} of ratings read{swapped}, {tied}; ratings {histogram or 'none'}."
    )


def judges_line(agreement: JudgesAgreement) -> str:
    """Return how often two judges prefer the same one of two answers, with the interval and what was left out."""
    first, second = agreement.judges
    if agreement.equal.value is None:
        return f"Judges {first} and {second}: equal choices {measured(agreement.equal)}."
    return (
        f"Judges {first} and {second} prefer the same one of two answers in {measured(agreement.equal, percent)} of "
        f"pairs, in {counted(agreement.equal.count, 'set')}; {share(agreement.undecided)} of pairs left out, which one "
        "of them rates equally."
    )
