"""The list of a dataset's responses that our review Space gives, and which records must be read because of it.

Argilla's own API does not say which responses changed. spaces/argilla/review_app.py adds a list of who answered which
record, and when each answer was changed last. Answers that the store has with the same time need not be read again:

    in the list                       in the store       what is read
    record 1, ann, changed 12:00      12:00              nothing
    record 2, ann, changed 12:07      12:00              record 2, with all its answers
    record 3, ann, changed 12:08      no such response   record 3, with all its answers
    record 4, and no response         ann, 12:00         nothing: the answer was withdrawn

Times are compared for being the same, not for being later, so an answer that was written late, or on a server whose
clock was set, is seen too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from curation.review.pulled import Answer
from curation.review.times import time_of
from curation.types import Response

AS_LONG_AS_ONE = 20
"""To read a record by itself takes as long as to read about so many in pages of a thousand."""

Key = tuple[str, str]
"""The server's ids of a record and of the account that answered it. Argilla has at most one response for both."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The external id of each record by the server's own id, and when each response was changed last."""

    records: Mapping[str, str | None]
    changed_at: Mapping[Key, datetime]


def parse_listing(items: Iterable[Sequence[str | None]]) -> Listing:
    """Return the list from its rows; ValueError if a row is not of the shape that review_app.py gives."""
    records: dict[str, str | None] = {}
    changed_at: dict[Key, datetime] = {}
    for record_id, external_id, user_id, updated_at in items:
        if record_id is None or (user_id is None) != (updated_at is None):
            raise ValueError("a row of the list of responses that has no record or no time")
        records[record_id] = external_id
        if user_id is not None and updated_at is not None:
            changed_at[record_id, user_id] = time_of(updated_at)
    return Listing(records, changed_at)


def records_to_read(listing: Listing, stored: Mapping[Key, Response]) -> frozenset[str] | None:
    """Return the server's ids of the records with a response that the store lacks or has with another time.

    None if they are so many that all records are read sooner.
    """
    changed = frozenset(
        key[0]
        for key, changed_at in listing.changed_at.items()
        if key not in stored or stored[key].updated_at != changed_at
    )
    few = max(AS_LONG_AS_ONE, len(listing.records) // AS_LONG_AS_ONE)
    return changed if len(changed) <= few else None


def unchanged_answers(listing: Listing, stored: Mapping[Key, Response], read: frozenset[str]) -> list[Answer]:
    """Return the stored answers that are in the list, except those to records that were read."""
    return [_answer(stored[key]) for key in listing.changed_at if key[0] not in read]


def _answer(response: Response) -> Answer:
    return Answer(
        dataset_id=response.dataset_id,
        server_record_id=response.server_record_id,
        server_user_id=response.server_user_id,
        status=response.status,
        values=response.values,
        inserted_at=response.inserted_at,
        updated_at=response.updated_at,
    )
