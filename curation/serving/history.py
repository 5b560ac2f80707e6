"""How reviewing went over time: answers by day, and how far reviewers agreed, from the responses of the store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from types import MappingProxyType

from curation import labels
from curation.labels import Ballot
from curation.review import ReviewTask, reading_task
from curation.serving.dashboard import Day, ReviewerProgress, Span
from curation.types import (
    WRONG_ON_GOLD,
    Annotation,
    GoldAccuracy,
    Measure,
    Response,
    ReviewerStatistics,
    ReviewRecord,
)

MOST_DAYS = 60
MOST_SPANS = 10
SMALLEST_SPAN = 20
"""A span has at least so many records: of fewer, agreement says little."""
SEED = 0


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """A record that counts as completed since `at`, with the annotations that count."""

    at: datetime
    submitted: tuple[Annotation, ...]


def given_at(response: Response) -> datetime:
    """Return when a response was last changed, the beginning of time if Argilla does not say."""
    return response.updated_at or response.inserted_at or datetime.min.replace(tzinfo=UTC)


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


def agreement_over_time(
    responses: Iterable[Response], records: Mapping[str, ReviewRecord], task: ReviewTask
) -> tuple[Span, ...]:
    """Return how far reviewers agreed, in up to ten stretches of as many records each, in the order of time.

    A record with two answers or more counts at the time of its last one. If people answered, programs do not count.
    """
    reviewed = sorted(_reviewed(responses, records, task), key=lambda record: record.at)
    people = [record for record in reviewed if Ballot("", record.submitted).label_source == "human"]
    reviewed = people or reviewed
    spans = min(MOST_SPANS, max(len(reviewed) // SMALLEST_SPAN, 1)) if reviewed else 0
    bounds = [len(reviewed) * number // spans for number in range(spans + 1)] if spans else []
    return tuple(_span(reviewed[start:stop], task) for start, stop in pairwise(bounds))


def _span(reviewed: Sequence[_Reviewed], task: ReviewTask) -> Span:
    votes = labels.Votes.counted(record.submitted for record in reviewed)
    agreement = labels.agreement(votes, level=task.level, leaning=task.leaning, seed=SEED)
    return Span(ends_at=reviewed[-1].at, equal=agreement.percent, alpha=agreement.alpha)


def _reviewed(
    responses: Iterable[Response], records: Mapping[str, ReviewRecord], task: ReviewTask
) -> Iterable[_Reviewed]:
    of_record: defaultdict[str, list[Response]] = defaultdict(list)
    for response in responses:
        if response.status == "submitted" and records[response.record_id].task == task.task:
            of_record[response.record_id].append(response)
    reading = reading_task(task.task, task)
    for record_id, several in of_record.items():
        if len(several) > 1:
            annotations = tuple(reading.annotation(response, records[record_id]) for response in several)
            submitted = Ballot(record_id, annotations).submitted
            if len(submitted) > 1:
                yield _Reviewed(max(map(given_at, several)), submitted)


def reviewers_of(
    responses: Iterable[Response],
    statistics: Mapping[str, ReviewerStatistics],
    pseudonyms: Mapping[str, str],
    *,
    gold: Mapping[str, GoldAccuracy] = MappingProxyType({}),
) -> tuple[ReviewerProgress, ...]:
    """Return what each reviewer did, those with most answers first. `statistics` and `gold` are by pseudonym."""
    of_reviewer: defaultdict[str, list[Response]] = defaultdict(list)
    for response in responses:
        of_reviewer[response.reviewer].append(response)
    progress = [
        _progress(
            *(reviewer, several, statistics.get(pseudonyms[reviewer]), pseudonyms[reviewer]),
            gold=gold.get(pseudonyms[reviewer]),
        )
        for reviewer, several in of_reviewer.items()
    ]
    return tuple(sorted(progress, key=lambda reviewer: (-reviewer.submitted, reviewer.pseudonym)))


def _progress(
    name: str,
    responses: Sequence[Response],
    statistics: ReviewerStatistics | None,
    pseudonym: str,
    *,
    gold: GoldAccuracy | None,
) -> ReviewerProgress:
    statuses = Counter(response.status for response in responses)
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
        ),
    )
