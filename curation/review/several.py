"""A page with several responses, numbered from 1: its fields, and the records that fill it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from curation.review.limits import prompt_fault
from curation.review.page import PROMPT, conversation
from curation.review.records import make_record, shown_candidates, shuffled
from curation.review.shown import shown
from curation.review.spec import Field, RecordSpec
from curation.types import CandidateSet, Drop, ReviewRecord

MOST = 5
"""So many responses fit on a page that is still read."""


def fields(places: int) -> tuple[Field, ...]:
    """Return the prompt and a field for each place. Only the first is required: a record may show fewer responses."""
    return (PROMPT, *(Field(f"response_{n}", f"Response {n}", required=n == 1) for n in range(1, places + 1)))


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
    more: Mapping[str, JsonValue] = MappingProxyType({}),
) -> RecordSpec:
    """Return the Argilla record with these suggestions, and `more` fields; DataError if `record` is not of this set."""
    candidates = shown_candidates(candidate_set, record)
    return RecordSpec(
        record=record,
        fields={
            "prompt": conversation(candidate_set.prompt.messages),
            **more,
            **{f"response_{n}": shown(candidate.text) for n, candidate in enumerate(candidates, 1)},
        },
        suggestions=suggestions,
    )
