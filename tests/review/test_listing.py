"""Which records a list of responses says must be read, and what is taken from the store instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from curation.review.listing import AS_LONG_AS_ONE, Listing, parse_listing, records_to_read, unchanged_answers
from curation.review.pulled import Answer
from curation.types import Response

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def kept(record: str, user: str, minutes: int | None = 0) -> tuple[tuple[str, str], Response]:
    """Return a stored response that was changed so many minutes after noon, by its key."""
    response = Response(
        record_id=f"ours-{record}",
        reviewer=f"name-{user}",
        status="draft",
        values={"preference": "a"},
        dataset_id="d",
        server_record_id=record,
        server_user_id=user,
        inserted_at=NOON,
        updated_at=None if minutes is None else NOON + timedelta(minutes=minutes),
    )
    return (record, user), response


def listing(*responses: tuple[str, str, int], without: tuple[str, ...] = ()) -> Listing:
    """Return a list of responses (record, user, minutes after noon) and of records without any."""
    records = {record: f"ours-{record}" for record in (*(row[0] for row in responses), *without)}
    return Listing(records, {(record, user): NOON + timedelta(minutes=at) for record, user, at in responses})


def test_the_rows_of_the_server_become_records_and_times() -> None:
    rows: list[list[str | None]] = [
        ["r1", "0123", "ann", "2026-01-31T12:00:00.000001"],
        ["r1", "0123", "bob", "2026-01-31T12:01:00"],
        ["r2", None, None, None],
    ]
    parsed = parse_listing(rows)
    assert parsed.records == {"r1": "0123", "r2": None}
    assert parsed.changed_at == {
        ("r1", "ann"): NOON + timedelta(microseconds=1),
        ("r1", "bob"): NOON + timedelta(minutes=1),
    }


@pytest.mark.parametrize("row", [["r", "e", "ann", None], ["r", "e", None, "2026-01-31"], [None] * 4, ["r", "e"]])
def test_a_row_of_another_shape_is_an_error(row: list[str | None]) -> None:
    with pytest.raises(ValueError, match=r"row|unpack"):
        parse_listing([row])


def test_records_with_new_or_changed_responses_are_read_and_no_others() -> None:
    before = dict(
        [
            *(kept("same", "ann"), kept("edited", "ann"), kept("back", "ann", 9), kept("timeless", "ann", None)),
            *(kept("withdrawn", "ann"), kept("deleted", "ann"), kept("half", "ann"), kept("half", "bob")),
        ]
    )
    now = listing(
        *(("same", "ann", 0), ("edited", "ann", 1), ("back", "ann", 8), ("timeless", "ann", 0)),
        *(("new", "ann", 5), ("half", "ann", 0), ("same", "cleo", 5)),
        without=("withdrawn", "pending"),
    )
    read = records_to_read(now, before)
    assert read is not None
    assert set(read) == {"same", "edited", "back", "timeless", "new"}
    assert unchanged_answers(now, before, read) == [
        Answer("d", "half", "ann", "draft", {"preference": "a"}, inserted_at=NOON, updated_at=NOON)
    ]


def test_all_are_read_if_that_takes_less_time() -> None:
    changed = [(f"r{number}", "ann", 1) for number in range(AS_LONG_AS_ONE + 1)]
    few, many = listing(*changed[1:]), listing(*changed)
    assert records_to_read(few, {}) == frozenset(record for record, *_ in changed[1:])
    assert records_to_read(many, {}) is None
    # One of twenty records is few again.
    large = listing(*changed, without=tuple(f"w{number}" for number in range(AS_LONG_AS_ONE * AS_LONG_AS_ONE)))
    assert records_to_read(large, {}) == frozenset(record for record, *_ in changed)
