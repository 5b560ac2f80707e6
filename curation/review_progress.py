"""How far reviewing is: answers by day and reviewer, agreement over time, the pace, and when it will be done.

The page of `serve` and `status` both show these figures. They follow from responses; no server is needed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate

from pydantic import Field

from curation.reading_speed import Speed, given_at, shown_characters, speeds, with_first_times
from curation.review_statistics import WRONG_ON_GOLD, Agreement, GoldAccuracy, Measure, ReviewerStatistics
from curation.store import Snapshot
from curation.types import Response, Row
from curation.wording import counted, measured, percent

PACE_DAYS = 7
"""The pace of reviewing is that of the last seven days."""
MOST_DAYS = 60


class Day(Row):
    """How many answers were given on a day (in UTC), and how many records had enough answers at its end, in all."""

    day: date
    answers: int
    completed: int


class ReviewerProgress(Row):
    """What a reviewer did. `name` is null for those who may see pseudonyms only.

    - `by_day`: submitted answers by day, in UTC; at most the last 60 days: {"2026-11-28": 12}
    - `agreement`: the share of the other reviewers of the same records who gave the same answer
    - `gold`: the share of right answers to gold records, null without any
    - `marks`: what is unusual: "contrary", "random", "one_sided" (see `labels.reviewers`), "hasty" (see `Speed`),
      "wrong_on_gold"
    - `speed`: how fast the answers came
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
    by_day: dict[str, int] = Field(default_factory=dict)
    speed: Speed = Speed()


class Forecast(Row):
    """When reviewing will be done: records a day at the pace of the last days, and the day, null if it has no pace."""

    remaining: int
    pace: float
    done_on: date | None


def completed_at(responses: Iterable[Response], *, min_submitted: int) -> dict[str, datetime]:
    """Return when each record had as many submitted responses as it needs, by record id; the others are left out."""
    times: defaultdict[str, list[datetime]] = defaultdict(list)
    for response in responses:
        if response.status == "submitted":
            times[response.record_id].append(given_at(response))
    return {
        record_id: sorted(of_record)[min_submitted - 1]
        for record_id, of_record in times.items()
        if len(of_record) >= min_submitted
    }


def days_of(responses: Iterable[Response], completed: Iterable[datetime], today: date) -> tuple[Day, ...]:
    """Return the last days up to today, from the first one with an answer on, at most 60."""
    answers = Counter(given_at(response).date() for response in responses if response.status == "submitted")
    finished = Counter(moment.date() for moment in completed)
    if not answers:
        return ()
    # Clocks differ: an answer may be of tomorrow.
    last = max(today, *answers)
    first = max(min(answers), last - timedelta(days=MOST_DAYS - 1))
    before = sum(count for day, count in finished.items() if day < first)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    totals = accumulate((finished[day] for day in days), initial=before)
    next(totals)
    return tuple(Day(day=day, answers=answers[day], completed=total) for day, total in zip(days, totals, strict=True))


def reviewers_of(
    responses: Iterable[Response],
    statistics: Mapping[str, ReviewerStatistics],
    pseudonyms: Mapping[str, str],
    speeds: Mapping[str, Speed],
    gold: Mapping[str, GoldAccuracy],
    today: date,
) -> tuple[ReviewerProgress, ...]:
    """Return what each reviewer did, those with most answers first. `statistics` and `gold` are by pseudonym."""
    of_reviewer: defaultdict[str, list[Response]] = defaultdict(list)
    for response in responses:
        of_reviewer[response.reviewer].append(response)
    progress = [
        _progress(
            reviewer,
            several,
            statistics.get(pseudonyms[reviewer]),
            pseudonyms[reviewer],
            speeds.get(reviewer, Speed()),
            gold.get(pseudonyms[reviewer]),
            today - timedelta(days=MOST_DAYS - 1),
        )
        for reviewer, several in of_reviewer.items()
    ]
    return tuple(sorted(progress, key=lambda reviewer: (-reviewer.submitted, reviewer.pseudonym)))


def _progress(
    name: str,
    responses: Sequence[Response],
    statistics: ReviewerStatistics | None,
    pseudonym: str,
    speed: Speed,
    gold: GoldAccuracy | None,
    first_day: date,
) -> ReviewerProgress:
    statuses = Counter(response.status for response in responses)
    days = Counter(given_at(response).date() for response in responses if response.status == "submitted")
    times = [moment for response in responses if (moment := response.updated_at or response.inserted_at)]
    return ReviewerProgress(
        name=name,
        pseudonym=pseudonym,
        submitted=statuses["submitted"],
        drafts=statuses["draft"],
        discarded=statuses["discarded"],
        last_at=max(times, default=None),
        agreement=statistics.agreement if statistics is not None else Measure(value=None, reason="no answer counts"),
        gold=gold.accuracy if gold is not None else None,
        marks=(
            *(statistics.marks if statistics is not None else ()),
            *([WRONG_ON_GOLD] if gold is not None and gold.marked else []),
            *(["hasty"] if speed.hasty else []),
        ),
        by_day={day.isoformat(): count for day, count in sorted(days.items()) if day >= first_day},
        speed=speed,
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


MARKS = {
    "contrary": "agrees with the others less than by chance",
    "random": "agrees with the others no more than by chance",
    "one_sided": "gives one kind of answer far more often than the other",
    "hasty": "answers faster than the answers of the models can be read",
}
"""What each mark of a reviewer says."""
DAYS_SHOWN = 7


class ReviewProgress(Row):
    """How far reviewing is.

    - `records` need answers, `completed` of them have as many as the review task asks for
    - `days`: the last sixty at most, in their order, without gaps
    - `equal`, `alpha`: the share of equal pairs of answers, and Krippendorff's alpha
    """

    records: int
    completed: int
    days: tuple[Day, ...]
    reviewers: tuple[ReviewerProgress, ...]
    equal: Measure
    alpha: Measure
    forecast: Forecast

    @property
    def lines(self) -> tuple[str, ...]:
        """How much is done, when it will be done, how far reviewers agree, and who stands out."""
        if not self.days:
            return ()
        days = ", ".join(f"{day.day:%m-%d} {day.answers:,}" for day in self.days[-DAYS_SHOWN:])
        return (
            f"Reviewed: {self.completed:,} of {counted(self.records, 'record')}. {self._pace}",
            f"Answers by day (in UTC): {days}.",
            f"Agreement so far: {measured(self.equal, percent)} of pairs of answers are equal; alpha "
            f"{measured(self.alpha)}.",
            *(_stands_out(reviewer, mark) for reviewer in self.reviewers for mark in reviewer.marks if mark in MARKS),
        )

    @property
    def _pace(self) -> str:
        if not self.forecast.remaining:
            return "Reviewing is done."
        left = f"{counted(self.forecast.remaining, 'record')} left"
        if self.forecast.done_on is None:
            return f"{left}; nothing was completed in the last seven days, so nobody can say when it will be done."
        pace = f"at {self.forecast.pace:.3g} a day, as in the last seven days"
        return f"{left}; {pace}, it will be done on {self.forecast.done_on}."


def review_progress(
    snapshot: Snapshot,
    responses: Iterable[Response],
    agreement: Agreement,
    *,
    gold: Iterable[GoldAccuracy],
    min_submitted: int,
    today: date,
) -> ReviewProgress:
    """Return how far reviewing is. `agreement` and `gold` have pseudonyms, the result has the names of reviewers.

    `responses` are those of the snapshot, and may include what is not synced yet. Responses to retired records do not
    count. Those to gold records count for their reviewers alone.
    """
    needed = snapshot.records.keys() - snapshot.retired
    answered = needed | snapshot.gold.keys()
    dated = with_first_times(
        (response for response in responses if response.record_id in answered), snapshot.response_versions
    )
    of_needed = [response for response in dated if response.record_id in needed]
    completed = completed_at(of_needed, min_submitted=min_submitted)
    days = days_of(of_needed, completed.values(), today)
    return ReviewProgress(
        records=len(needed),
        completed=len(completed),
        days=days,
        reviewers=reviewers_of(
            dated,
            {reviewer.reviewer: reviewer for reviewer in agreement.reviewers},
            {response.reviewer: snapshot.pseudonym(response.reviewer) for response in dated},
            speeds(dated, shown_characters(snapshot)) if dated else {},
            {accuracy.reviewer: accuracy for accuracy in gold},
            today,
        ),
        equal=agreement.percent,
        alpha=agreement.alpha,
        forecast=forecast(len(needed), len(completed), days, today),
    )


def _stands_out(reviewer: ReviewerProgress, mark: str) -> str:
    evidence = ""
    if mark == "hasty":
        speed = reviewer.speed
        evidence = f" ({speed.too_fast:,} of {speed.timed:,} timed answers; the median is {speed.median_seconds:g} s)"
    elif mark in {"contrary", "random"}:
        evidence = f" ({measured(reviewer.agreement, percent)})"
    return f"{reviewer.name or reviewer.pseudonym} {MARKS[mark]}{evidence}."
