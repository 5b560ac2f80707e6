"""How far reviewers agreed over time, from the responses of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from curation import labels
from curation.labels import Ballot
from curation.progress.responses import given_at
from curation.review import ReviewTask, reading_task
from curation.review_statistics import Measure
from curation.types import Annotation, Response, ReviewRecord, Row

MOST_SPANS = 10
SMALLEST_SPAN = 20
"""A span has at least so many records, because the agreement on fewer says little."""
SEED = 0


class Span(Row):
    """How far reviewers agree on the records that were completed in a stretch of time, which ends at `ends_at`.

    `equal` is the share of equal pairs of answers, `alpha` is Krippendorff's.
    """

    ends_at: datetime
    equal: Measure
    alpha: Measure


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """A record that counts as completed since `at`, with the annotations that count."""

    at: datetime
    submitted: tuple[Annotation, ...]


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
