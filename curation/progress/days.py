"""Answers and completed records by day, the pace of the last days, and when reviewing will be done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate

from curation.frames import pl
from curation.progress.responses import moments
from curation.types import Row

PACE_DAYS = 7
"""The pace of reviewing is that of the last seven days."""
MOST_DAYS = 60


class Day(Row):
    """How many answers were given on a day (in UTC), and how many records had enough answers at its end, in all."""

    day: date
    answers: int
    completed: int


class Forecast(Row):
    """When reviewing will be done: records a day at the pace of the last days, and the day, null if it has no pace."""

    remaining: int
    pace: float
    done_on: date | None


def completed_at(responses: pl.DataFrame, *, min_submitted: int) -> pl.DataFrame:
    """Return when each record had as many submitted responses as it needs: record_id, at; the others are left out."""
    submitted = responses.filter(pl.col("status") == "submitted").select("record_id", at=moments()).sort("at")
    return submitted.filter(pl.int_range(pl.len()).over("record_id") == min_submitted - 1)


def days_of(responses: pl.DataFrame, completed: pl.Series, today: date) -> tuple[Day, ...]:
    """Return the last days up to today, from the first one with an answer on, at most 60.

    `completed` has the moments at which records had enough answers.
    """
    answers = _by_day(responses.filter(pl.col("status") == "submitted").select(moments()).to_series())
    finished = _by_day(completed)
    if not answers:
        return ()
    # Clocks differ: an answer may be of tomorrow.
    last = max(today, *answers)
    first = max(min(answers), last - timedelta(days=MOST_DAYS - 1))
    before = sum(count for day, count in finished.items() if day < first)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    totals = accumulate((finished.get(day, 0) for day in days), initial=before)
    next(totals)
    return tuple(
        Day(day=day, answers=answers.get(day, 0), completed=total) for day, total in zip(days, totals, strict=True)
    )


def forecast(records: int, completed: int, days: Sequence[Day], today: date) -> Forecast:
    """Return when the last record will have enough answers, if reviewing goes on as in the last seven days.

    The pace is counted from the first of these days that had an answer, so that a review that began yesterday is not
    taken for a slow one.
    """
    remaining = records - completed
    first = today - timedelta(days=PACE_DAYS - 1)
    before = max((day.completed for day in days if day.day < first), default=0)
    # A record may lose an answer, so the pace may be below 0 for a while.
    active = [day.day for day in days if day.day >= first and day.answers]
    finished = max((days[-1].completed - before) if days else 0, 0)
    pace = finished / ((today - min(active)).days + 1) if active and finished else 0.0
    if not remaining:
        return Forecast(remaining=0, pace=pace, done_on=None)
    left = remaining / pace if pace else None
    done_on = today + timedelta(days=round(left)) if left is not None and left < 3650 else None
    return Forecast(remaining=remaining, pace=pace, done_on=done_on)


def _by_day(moments: pl.Series) -> dict[date, int]:
    """Return how many of these moments are on each day, in UTC."""
    return dict(moments.dt.date().value_counts().iter_rows())
