"""How often each reviewer was right on the gold records of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from curation import labels
from curation.config import Config
from curation.review import reading_task
from curation.review.gold_answers import is_right
from curation.review_statistics import GoldAccuracy
from curation.store import Snapshot
from curation.types import GoldRecord, Response
from curation.wording import counted, measured, percent

LAST = datetime.max.replace(tzinfo=UTC)


def gold_accuracy(
    config: Config, snapshot: Snapshot, responses: Iterable[Response] | None = None
) -> tuple[GoldAccuracy, ...]:
    """Return how often each reviewer was right on gold records that count, sorted by reviewer.

    `responses` are by default those of the store. Only submitted ones count, also of other tasks than the present one.
    """
    if not snapshot.gold:
        return ()
    given = snapshot.gold_responses if responses is None else responses
    return labels.gold_accuracies(answers_by_reviewer(config, snapshot.gold, given))


def answers_by_reviewer(
    config: Config, gold: Mapping[str, GoldRecord], responses: Iterable[Response]
) -> dict[str, list[bool]]:
    """Return by reviewer whether each answer to a gold record that counts is right, in the order of the answers."""
    answers: defaultdict[str, list[bool]] = defaultdict(list)
    for response in sorted(responses, key=lambda given: (given.inserted_at or LAST, given.record_id)):
        record = gold.get(response.record_id)
        if record is None or not record.counts or response.status != "submitted":
            continue
        scores = reading_task(record.task, config.review).annotation(response, record).scores
        answers[response.reviewer].append(is_right(record.task, record.expected, scores))
    return answers


def gold_line(gold: GoldAccuracy) -> str:
    """Return how often a reviewer is right, and whether that is too seldom, as a sentence."""
    share, answers = measured(gold.accuracy, percent), counted(gold.accuracy.count, "gold answer")
    too_seldom = "; marked: too seldom for an honest reviewer" if gold.marked else ""
    return f"{gold.reviewer} is right in {share} of {answers}{too_seldom}."
