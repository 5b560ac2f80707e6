"""What the page shows of a curation, as one value. It follows from a store alone; no server is needed."""

from __future__ import annotations

import re
from datetime import datetime

from curation.agreement_over_time import Span
from curation.progress.days import Day
from curation.progress.reviewers import ReviewerProgress
from curation.review_statistics import WRONG_ON_GOLD, Measure
from curation.types import Row


class Step(Row):
    """A step from prompts to rows: the count after it, and what was dropped on the way to it, by reason."""

    name: str
    count: int
    dropped: dict[str, int]


class SampleRow(Row):
    """A row that would be published now: the prompt, and its answers, each with its role ("chosen")."""

    id: str
    prompt: str
    answers: tuple[tuple[str, str], ...]
    decided_by: str
    reviewers: int
    agreement: float | None


class Dashboard(Row):
    """A curation at one commit of its store.

    - `records` are those that need an answer, `completed` of them have as many as the review task asks for.
    - `days` are the last ones in their order, without gaps.
    - `judge` is how often the judge prefers the same answer as people, `kappa` is Cohen's; both null without a judge.
    - `win_rates` has the expected share of wins of each model against the others, `decided_by` says by whose answers.
    - `rows` counts the rows of each config, and `sample` has some of `sample_of`.
    - `refused` says why the responses cannot be resolved; then there are no rows.
    """

    name: str
    published: str
    store: str
    revision: str
    made_at: datetime
    records: int
    completed: int
    days: tuple[Day, ...]
    reviewers: tuple[ReviewerProgress, ...]
    agreement: tuple[Span, ...]
    alpha: Measure
    judge: Measure | None
    kappa: Measure | None
    win_rates: dict[str, Measure]
    decided_by: str
    steps: tuple[Step, ...]
    rows: dict[str, int]
    sample: tuple[SampleRow, ...]
    sample_of: str
    refused: str | None = None

    def without_names(self) -> Dashboard:
        """Return the same without the names of reviewers, and without gold.

        A reviewer who looks before and after an answer would learn from the numbers whether the record was gold.
        """
        return self.model_copy(update={"reviewers": tuple(map(_without_name, self.reviewers))})


def _without_name(reviewer: ReviewerProgress) -> ReviewerProgress:
    marks = tuple(mark for mark in reviewer.marks if mark != WRONG_ON_GOLD)
    return reviewer.model_copy(update={"name": None, "gold": None, "marks": marks})


def without_names(text: str, dashboard: Dashboard | None) -> str:
    """Return a sentence with pseudonyms in the place of the reviewers' names that the dashboard knows."""
    pseudonyms = {reviewer.name: reviewer.pseudonym for reviewer in (dashboard.reviewers if dashboard else ())}
    known = sorted((name for name in pseudonyms if name), key=len, reverse=True)
    if not known:
        return text
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, known))})(?![\w-])")
    return pattern.sub(lambda match: pseudonyms[match[0]], text)
