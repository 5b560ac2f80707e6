"""Who did how much today and in all, and what is left for each."""

from __future__ import annotations

from datetime import UTC, date, datetime

from curation.reviewer_counts import ReviewerCounts, counts_of
from curation.types import Response, Status

TODAY = date(2026, 11, 28)


def response(record_id: str, reviewer: str, day: int, status: Status = "submitted") -> Response:
    return Response(
        record_id=record_id,
        reviewer=reviewer,
        status=status,
        values={},
        dataset_id="dataset",
        server_record_id=record_id,
        server_user_id=reviewer,
        updated_at=datetime(2026, 11, day, 23, 59, tzinfo=UTC),
    )


def test_a_record_is_left_for_who_has_not_decided_on_it_until_it_has_enough_answers() -> None:
    responses = [
        response("r0", "ann", 28),
        response("r0", "bob", 27),  # r0 has the two answers that it needs.
        response("r1", "ann", 28),
        response("r2", "ann", 28, "draft"),
        response("r3", "bob", 28, "discarded"),
        response("r1", "gone", 26),  # r1 too.
    ]
    counts = counts_of(responses, {"r0", "r1", "r2", "r3", "r4"}, {"ann", "bob", "new"}, min_submitted=2, today=TODAY)
    assert counts == (
        ReviewerCounts(username="ann", member=True, today=2, submitted=2, drafts=1, discarded=0, left=3),
        ReviewerCounts(username="bob", member=True, today=0, submitted=1, drafts=0, discarded=1, left=2),
        ReviewerCounts(username="gone", member=False, today=0, submitted=1, drafts=0, discarded=0, left=None),
        ReviewerCounts(username="new", member=True, today=0, submitted=0, drafts=0, discarded=0, left=3),
    )
    assert counts[0].line == "ann: 2 answers today, 2 in all (1 draft), 3 left."
    assert counts[2].line == "gone: 0 answers today, 1 in all, no longer in the workspace."
