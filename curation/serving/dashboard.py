"""What the page shows of a curation, as one value. It follows from a store alone; no server is needed."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from curation.types import WRONG_ON_GOLD, Measure, Row

PACE_DAYS = 7
"""The pace of reviewing is that of the last seven days."""


class Day(Row):
    """How many answers were given on a day (in UTC), and how many records had enough answers at its end, in all."""

    day: date
    answers: int
    completed: int


class Span(Row):
    """How far reviewers agree on the records that were completed in a stretch of time, which ends at `ends_at`.

    `equal` is the share of equal pairs of answers, `alpha` is Krippendorff's.
    """

    ends_at: datetime
    equal: Measure
    alpha: Measure


class ReviewerProgress(Row):
    """What a reviewer did. `name` is null for those who may see pseudonyms only.

    `agreement` is the share of the other reviewers of the same records who gave the same answer. `gold` is the share of
    right answers to gold records, null without any. `marks` say what is unusual.
    """

    name: str | None
    pseudonym: str
    submitted: int
    drafts: int
    discarded: int
    last_at: datetime | None
    agreement: Measure
    gold: Measure | None = None
    marks: tuple[str, ...] = ()


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


class Forecast(Row):
    """When reviewing will be done: records a day at the pace of the last days, and the day, null if it has no pace."""

    remaining: int
    pace: float
    done_on: date | None


def forecast(dashboard: Dashboard, today: date) -> Forecast:
    """Return when the last record will have enough answers, if reviewing goes on as in the last seven days.

    The pace is counted from the first of these days that had an answer, so that a review that began yesterday is not
    taken for a slow one.
    """
    remaining = dashboard.records - dashboard.completed
    first = today - timedelta(days=PACE_DAYS - 1)
    before = max((day.completed for day in dashboard.days if day.day < first), default=0)
    # A record may lose an answer, so the pace may be below 0 for a while.
    active = [day.day for day in dashboard.days if day.day >= first and day.answers]
    finished = max((dashboard.days[-1].completed - before) if dashboard.days else 0, 0)
    pace = finished / ((today - min(active)).days + 1) if active and finished else 0.0
    if not remaining:
        return Forecast(remaining=0, pace=pace, done_on=None)
    days = remaining / pace if pace else None
    done_on = today + timedelta(days=round(days)) if days is not None and days < 3650 else None
    return Forecast(remaining=remaining, pace=pace, done_on=done_on)


def without_names(text: str, dashboard: Dashboard | None) -> str:
    """Return a sentence with pseudonyms in the place of the reviewers' names that the dashboard knows."""
    pseudonyms = {reviewer.name: reviewer.pseudonym for reviewer in (dashboard.reviewers if dashboard else ())}
    known = sorted((name for name in pseudonyms if name), key=len, reverse=True)
    if not known:
        return text
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, known))})(?![\w-])")
    return pattern.sub(lambda match: pseudonyms[match[0]], text)
