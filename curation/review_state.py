"""What is known of a review: what Argilla holds, and what is not synced yet."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.config import Config, Services
from curation.errors import CurationError
from curation.frames import pl
from curation.progress.responses import frame_of, progress_of, stored_responses
from curation.review.datasets import ReviewDatasets, together
from curation.review.merge import merge_responses
from curation.services import open_review, review_datasets
from curation.store import RECORDS, Snapshot
from curation.types import Row

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview

READ_ALL = 5_000
"""Of so many records all answers are read to say what is not synced; of more they are counted."""


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

    `in_argilla` is None if Argilla cannot be read; `problem` says why. `stored` are the responses of the store as
    `progress.responses` describes them, and `responses` the same updated with what is not synced yet. `record_ids` are
    the records in Argilla; if it cannot be read, those that were pushed.
    """

    in_argilla: InArgilla | None
    stored: pl.DataFrame
    responses: pl.DataFrame
    record_ids: frozenset[str]
    problem: str | None = None


def read_review(config: Config, services: Services, snapshot: Snapshot) -> ReviewState:
    """Return the state of the review, also if Argilla cannot be read."""
    try:
        with closing(open_review(config, services)) as review:
            return pulled_review(review, config, snapshot, count_above=READ_ALL)
    except CurationError as error:
        stored = stored_responses(snapshot)
        pushed = {*_ids_of_records(snapshot), *snapshot.gold, *snapshot.adjudications}
        return ReviewState(None, stored, stored, frozenset(pushed) - snapshot.retired, problem=str(error))


def pulled_review(
    review: ArgillaReview, config: Config, snapshot: Snapshot, *, count_above: int | None = None
) -> ReviewState:
    """Return the state of the review; raise what reading Argilla raises.

    With more records than `count_above` the answers are not read if Argilla's own counts will do (see `InArgilla`).
    """
    stored = stored_responses(snapshot)
    dataset_id = review.find()
    if dataset_id is None:
        missing = InArgilla(url=None, completed=0, records=0, waiting=0, progress={})
        return ReviewState(missing, stored, stored, frozenset())
    url = review.url(dataset_id, in_order=config.review.in_order)
    datasets = review_datasets(config, review, snapshot)
    datasets.check()
    completed, total = review.progress()
    if not total or not _ids_of_records(snapshot):
        progress = progress_of(_as_reviewers(snapshot, stored))
        empty = InArgilla(url=url, completed=completed, records=total, waiting=0, progress=progress)
        return ReviewState(empty, stored, stored, frozenset())
    second = datasets.adjudication.find() if datasets.adjudication is not None else None
    known = count_above is not None and _counted(datasets, config, snapshot, stored, total, read_up_to=count_above)
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
        return ReviewState(counted, stored, stored, _expected(config, snapshot) | snapshot.adjudications.keys())
    pulled = together(*datasets.pull())
    forgotten = snapshot.manifest.forgotten
    merged = merge_responses(snapshot.responses, pulled, known=snapshot.shown, forgotten=forgotten)
    responses = frame_of(merged.responses.values())
    in_argilla = InArgilla(
        url=url,
        completed=completed,
        records=total,
        waiting=merged.added + merged.changed + merged.withdrawn,
        progress=progress_of(_as_reviewers(snapshot, responses)),
        adjudication_url=review.url(second) if second is not None else None,
    )
    in_dataset = frozenset(record_id for record_id in pulled.records.values() if record_id)
    return ReviewState(in_argilla, stored, responses, in_dataset)


def _as_reviewers(snapshot: Snapshot, responses: pl.DataFrame) -> pl.DataFrame:
    """Return the responses that were not given by adjudicators."""
    adjudications = [row.id for row in snapshot.escalated.values()]
    return responses.filter(~pl.col("record_id").is_in(adjudications))


def _counted(
    datasets: ReviewDatasets, config: Config, snapshot: Snapshot, stored: pl.DataFrame, total: int, *, read_up_to: int
) -> tuple[dict[str, dict[str, int]], int] | None:
    """Return the answers by reviewer and status, and how many are not synced, unless they must be read: then None.

    They need not be read if nobody did anything since the last sync. Else a thousand answers take half a second, so of
    large datasets they are counted, as long as Argilla has as many records as were pushed and nothing was escalated.
    """
    expected = _expected(config, snapshot)
    if total != len(expected):
        return None
    last = snapshot.manifest.review.last_sync if snapshot.manifest.review is not None else None
    synced = progress_of(stored.filter(pl.col("record_id").is_in(list(expected))))
    if last is not None and datasets.activity() == last.activity:
        return synced, 0
    if total <= read_up_to or datasets.adjudication is not None:
        return None
    inside = datasets.review.answers_by_reviewer()
    return inside, sum(_new_answers(counts, synced.get(name, {})) for name, counts in inside.items())


def _expected(config: Config, snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of the records that the dataset has unless some were deleted there, or not pushed."""
    task = config.review.task
    gold = (record.id for record in snapshot.gold.values() if record.task == task)
    return frozenset((*_ids_of_records(snapshot, task=task), *gold)) - snapshot.retired


def _ids_of_records(snapshot: Snapshot, *, task: str | None = None) -> list[str]:
    """Return the ids of the records that were pushed, of all tasks or of one."""
    records = pl.DataFrame(snapshot.whole(RECORDS, ("id", "task")))
    return records.filter(pl.lit(True) if task is None else pl.col("task") == task)["id"].to_list()


def _new_answers(inside: Mapping[str, int], synced: Mapping[str, int]) -> int:
    """Return how many answers of a reviewer are new or have another status, by their numbers by status.

    The store may have more than Argilla: it keeps the answers to records that were deleted there.
    """
    return sum(max(count - synced.get(status, 0), 0) for status, count in inside.items())
