"""Which records go to adjudicators: those on which the first reviewers do not agree, and those that were flagged.

Only what the first reviewers answered is looked at, so that a record is escalated for the same reason at any time.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from curation import ids
from curation.config import Config
from curation.derive.ballots import Ballots, read_ballots
from curation.derive.derivation import annotation_of, resolver_of
from curation.derive.tables import read_records
from curation.errors import RefusedError
from curation.labels import Ballot, MajorityResolver, Resolver
from curation.store import Snapshot
from curation.types import Drop, EscalatedRecord

FLAGGED, LOW_AGREEMENT = "flagged", "low_agreement"
DRAWS = frozenset({"draw", "not_unanimous"})
"""Why there is no verdict although enough reviewers answered."""


def records_to_escalate(config: Config, snapshot: Snapshot) -> list[EscalatedRecord]:
    """Return the records of the present task that are to be escalated and were not before, in the order of the store.

    There are none without `escalate_below`.
    """
    below = config.review.escalate_below
    if below is None:
        return []
    records = read_records(snapshot)
    ballots = read_ballots(snapshot, records, partial(annotation_of, present=config.review))
    resolver = _resolver(config, ballots)
    reasons = [
        reason_to_escalate(
            Ballot(record_id, annotations),
            resolver,
            below=below,
            min_submitted=config.review.min_submitted,
            ignored_flags=config.labels.ignored_flags,
        )
        for record_id, annotations in zip(ballots.examples, ballots.annotations, strict=True)
    ]
    return [
        EscalatedRecord(id=ids.adjudication_id(record_id), record_id=record_id, task=task, reason=reason)
        for record_id, task, ballot_no in ballots.records.select("record_id", "task", "ballot_no").iter_rows()
        if (reason := reasons[ballot_no]) is not None
        and task == config.review.task
        and record_id not in snapshot.escalated
    ]


def reason_to_escalate(
    ballot: Ballot, resolver: Resolver, *, below: float, min_submitted: int, ignored_flags: Collection[str] = ()
) -> str | None:
    """Return why further reviewers should decide a record, null if they need not.

    - "flagged": anybody flagged it, with a flag that is not ignored. This needs no other answer.
    - "draw", "not_unanimous": there is no verdict, although all `min_submitted` answers are there.
    - "low_agreement": there is one, and fewer agree with it than `below`.
    """
    first = ballot.first_round
    if any(flag not in ignored_flags for annotation in first.annotations for flag in annotation.flags):
        return FLAGGED
    if sum(annotation.status == "submitted" for annotation in first.annotations) < min_submitted:
        # More reviewers will answer it as it is.
        return None
    outcome = resolver.resolve(first)
    if isinstance(outcome, Drop):
        return outcome.reason if outcome.reason in DRAWS else None
    return LOW_AGREEMENT if outcome.agreement is not None and outcome.agreement < below else None


def _resolver(config: Config, ballots: Ballots) -> Resolver:
    """Return the resolver of the config; the majority as long as `dawid-skene` has too little to learn from."""
    try:
        return resolver_of(config, ballots)
    except RefusedError:
        return MajorityResolver(min_reviewers=config.labels.min_reviewers)
