"""What is known of a review: what Argilla holds, what is not synced yet, and what reviewers commented and flagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.config import Config, Services
from curation.errors import CurationError
from curation.review import reading_task
from curation.review.datasets import ReviewDatasets, together
from curation.review.merge import merge_responses
from curation.services import open_review, review_datasets
from curation.store import Snapshot
from curation.types import Annotation, Response, Row
from curation.wording import excerpt

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview

PROMPT_EXCERPT, COMMENT_EXCERPT = 40, 500
READ_ALL = 5_000
"""Of so many records all answers are read to say what is not synced; of more they are counted."""
REMARKS = {"comment", "flags"}
"""The questions of every task whose answers are remarks."""
MOST_FLAGGED = 20
"""A report holds the ids of so many records for each flag."""


class Comment(Row):
    """A comment of a reviewer on a record. `prompt` and `comment` are excerpts."""

    reviewer: str
    record_id: str
    prompt: str
    comment: str


class Flagged(Row):
    """How many records reviewers flagged for one thing, and the ids of the first 20 of them in the order of ids."""

    flag: str
    records: int
    record_ids: tuple[str, ...]


class InArgilla(Row):
    """What Argilla holds of a curation.

    - `url` is the page on which reviewers answer, null if the dataset does not exist.
    - `completed` of the `records` have as many answers as they need.
    - `waiting` answers are not synced yet: they are new, changed or withdrawn. With more than 5,000 records they are
      counted by reviewer and status: answers that were withdrawn, or edited and stayed submitted, are not among them.
    - `progress` has the number of answers by reviewer and status: {"anna": {"submitted": 3, "draft": 1}}. What they
      answered as adjudicators is not in it.
    - `adjudication_url` is where adjudicators answer, null if there is nothing to adjudicate.
    """

    url: str | None
    completed: int
    records: int
    waiting: int
    progress: dict[str, dict[str, int]]
    adjudication_url: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewState:
    """The state of the review as far as it can be known.

    `in_argilla` is None if Argilla cannot be read; `problem` says why. `responses` are those of the store, updated with
    what is not synced yet. `record_ids` are the records in Argilla; if it cannot be read, those that were pushed.
    """

    in_argilla: InArgilla | None
    responses: Sequence[Response]
    record_ids: frozenset[str]
    problem: str | None = None


def read_review(config: Config, services: Services, snapshot: Snapshot) -> ReviewState:
    """Return the state of the review, also if Argilla cannot be read."""
    try:
        with closing(open_review(config, services)) as review:
            return pulled_review(review, config, snapshot, count_above=READ_ALL)
    except CurationError as error:
        stored = list(snapshot.responses.values())
        return ReviewState(None, stored, frozenset(snapshot.shown) - snapshot.retired, problem=str(error))


def pulled_review(
    review: ArgillaReview, config: Config, snapshot: Snapshot, *, count_above: int | None = None
) -> ReviewState:
    """Return the state of the review; raise what reading Argilla raises.

    With more records than `count_above` the answers are not read if Argilla's own counts will do (see `InArgilla`).
    """
    stored = list(snapshot.responses.values())
    dataset_id = review.find()
    if dataset_id is None:
        missing = InArgilla(url=None, completed=0, records=0, waiting=0, progress={})
        return ReviewState(missing, stored, frozenset())
    url = review.url(dataset_id, in_order=config.review.in_order)
    datasets = review_datasets(config, review, snapshot)
    datasets.check()
    completed, total = review.progress()
    if not total or not snapshot.records:
        progress = progress_of(_as_reviewers(snapshot, stored))
        empty = InArgilla(url=url, completed=completed, records=total, waiting=0, progress=progress)
        return ReviewState(empty, stored, frozenset())
    second = datasets.adjudication.find() if datasets.adjudication is not None else None
    known = count_above is not None and _counted(datasets, config, snapshot, total, read_up_to=count_above)
    if known:
        progress, waiting = known
        counted = InArgilla(
            url=url,
            completed=completed,
            records=total,
            waiting=waiting,
            progress=progress,
            adjudication_url=review.url(second) if second is not None else None,
        )
        return ReviewState(counted, stored, _expected(config, snapshot) | snapshot.adjudications.keys())
    pulled = together(*datasets.pull())
    forgotten = snapshot.manifest.forgotten
    merged = merge_responses(snapshot.responses, pulled, known=snapshot.shown, forgotten=forgotten)
    responses = list(merged.responses.values())
    in_argilla = InArgilla(
        url=url,
        completed=completed,
        records=total,
        waiting=merged.added + merged.changed + merged.withdrawn,
        progress=progress_of(_as_reviewers(snapshot, responses)),
        adjudication_url=review.url(second) if second is not None else None,
    )
    return ReviewState(
        in_argilla, responses, frozenset(record_id for record_id in pulled.records.values() if record_id)
    )


def _as_reviewers(snapshot: Snapshot, responses: Iterable[Response]) -> list[Response]:
    """Return the responses that were not given by adjudicators."""
    return [response for response in responses if response.record_id not in snapshot.adjudications]


def _counted(
    datasets: ReviewDatasets, config: Config, snapshot: Snapshot, total: int, *, read_up_to: int
) -> tuple[dict[str, dict[str, int]], int] | None:
    """Return the answers by reviewer and status, and how many are not synced, unless they must be read: then None.

    They need not be read if nobody did anything since the last sync. Else a thousand answers take half a second, so of
    large datasets they are counted, as long as Argilla has as many records as were pushed and nothing was escalated.
    """
    expected = _expected(config, snapshot)
    if total != len(expected):
        return None
    last = snapshot.manifest.review.last_sync if snapshot.manifest.review is not None else None
    synced = progress_of(response for response in snapshot.responses.values() if response.record_id in expected)
    if last is not None and datasets.activity() == last.activity:
        return synced, 0
    if total <= read_up_to or datasets.adjudication is not None:
        return None
    inside = datasets.review.answers_by_reviewer()
    return inside, sum(_new_answers(counts, synced.get(name, {})) for name, counts in inside.items())


def _expected(config: Config, snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of the records that the dataset has unless some were deleted there, or not pushed."""
    records = snapshot.all_records.values()
    return frozenset(record.id for record in records if record.task == config.review.task) - snapshot.retired


def _new_answers(inside: Mapping[str, int], synced: Mapping[str, int]) -> int:
    """Return how many answers of a reviewer are new or have another status, by their numbers by status.

    The store may have more than Argilla: it keeps the answers to records that were deleted there.
    """
    return sum(max(count - synced.get(status, 0), 0) for status, count in inside.items())


def progress_of(responses: Iterable[Response]) -> dict[str, dict[str, int]]:
    """Return the number of responses by reviewer and status."""
    progress: dict[str, dict[str, int]] = {}
    for response in responses:
        counts = progress.setdefault(response.reviewer, {})
        counts[response.status] = counts.get(response.status, 0) + 1
    return dict(sorted(progress.items()))


def remarks_of(snapshot: Snapshot, responses: Iterable[Response]) -> list[tuple[Response, Annotation]]:
    """Return the responses that have a comment or flags, with what they mean, in the order of reviewers and records."""
    remarks = []
    records = snapshot.shown
    # Most responses have neither, and to read what a response means takes time.
    remarked = [response for response in responses if REMARKS & response.values.keys()]
    for response in sorted(remarked, key=lambda response: (response.reviewer, response.record_id)):
        record = records[response.record_id]
        annotation = reading_task(record.task).annotation(response, record)
        if annotation.comment is not None or annotation.flags:
            remarks.append((response, annotation))
    return remarks


def flagged_records(remarks: Iterable[tuple[Response, Annotation]]) -> tuple[Flagged, ...]:
    """Return what reviewers flagged, in the order of flags."""
    records: dict[str, set[str]] = {}
    for response, annotation in remarks:
        for flag in annotation.flags:
            records.setdefault(flag, set()).add(response.record_id)
    return tuple(
        Flagged(flag=flag, records=len(record_ids), record_ids=tuple(sorted(record_ids)[:MOST_FLAGGED]))
        for flag, record_ids in sorted(records.items())
    )


def comments_of(snapshot: Snapshot, commented: Sequence[tuple[Response, str]]) -> tuple[Comment, ...]:
    """Return the comments with excerpts of their prompts."""
    records, of_gold = snapshot.shown, [record.candidate_set for record in snapshot.gold.values()]
    set_ids = {records[response.record_id].set_id for response, _ in commented}
    prompts = {
        candidate_set.id: candidate_set.prompt.messages[-1].content
        for candidate_set in (*of_gold, *(snapshot.each_candidate_set() if set_ids else ()))
        if candidate_set.id in set_ids
    }
    return tuple(
        Comment(
            reviewer=response.reviewer,
            record_id=response.record_id,
            prompt=excerpt(prompts.get(records[response.record_id].set_id, ""), PROMPT_EXCERPT),
            comment=excerpt(comment, COMMENT_EXCERPT),
        )
        for response, comment in commented
    )
