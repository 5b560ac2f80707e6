"""A page with several responses, numbered from 1: its fields, and the records that fill it."""

from __future__ import annotations

import math

from pydantic import JsonValue

from curation.review.limits import prompt_fault
from curation.review.page import PROMPT, page_fields, page_values
from curation.review.records import make_record, shown_candidates, shuffled
from curation.review.spec import Field, RecordSpec
from curation.types import CandidateSet, Drop, ReviewRecord

MOST = 5
"""So many responses fit on a page that is still read."""


def fields(places: int, *, card: bool) -> tuple[Field, ...]:
    """Return the prompt and a field for each place, or a card with all of them.

    Only the first response is required: a record may show fewer.
    """
    responses = (Field(f"response_{n}", f"Response {n}", required=n == 1) for n in range(1, places + 1))
    return page_fields(PROMPT, *responses, card=card)


def records(
    task: str, candidate_set: CandidateSet, places: int, *, fewest: int, too_few: str
) -> tuple[ReviewRecord, ...] | Drop:
    """Return the record of a set, several of nearly one size if it has more candidates than the page has places.

    Drops: `too_few` with fewer than `fewest` candidates, and what `prompt_fault` returns. Which candidates stand
    together depends on the prompt alone, their order on the page on the record's id alone.
    """
    count = len(candidate_set.candidates)
    if count < fewest:
        return Drop(id=candidate_set.id, reason=too_few)
    fault = prompt_fault(candidate_set.prompt.messages)
    if fault is not None:
        return Drop(id=candidate_set.id, reason=fault)
    candidates = shuffled(candidate_set.candidates, seed=candidate_set.prompt.id)
    pages = math.ceil(count / places)
    return tuple(make_record(task, candidate_set, candidates[page::pages]) for page in range(pages))


def spec(
    candidate_set: CandidateSet,
    record: ReviewRecord,
    suggestions: dict[str, JsonValue],
    *,
    card: bool,
    category: str | None = None,
) -> RecordSpec:
    """Return the Argilla record with these suggestions, on a card or not; DataError if `record` is not of this set."""
    candidates = shown_candidates(candidate_set, record)
    return RecordSpec(
        record=record,
        fields=page_values(
            candidate_set.prompt,
            {f"response_{n}": candidate.text for n, candidate in enumerate(candidates, 1)},
            card=card,
            category=category,
        ),
        suggestions=suggestions,
    )
