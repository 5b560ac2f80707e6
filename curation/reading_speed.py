"""How fast reviewers answered, beside how long it takes to read what they were shown.

Argilla gives each response two times: when it was first saved, and when it last changed. It does not say when somebody
opened a record. So the time that passed since the same reviewer's response before is the longest that somebody can have
looked at a record. It holds pauses too, so these times show who was too fast, and never who was slow. They cannot show
who read several records first and answered them together, or whom somebody else answered for by a program.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import pyarrow.compute as pc

from curation.labels.intervals import exact
from curation.labels.reviewers import MARK_ERROR
from curation.store import CANDIDATE_SETS, Snapshot
from curation.types import Response, ResponseVersion, Row

CHARACTERS_PER_SECOND = 100
"""Nobody reads faster. Adults read English prose at 238 words a minute (Brysbaert 2019): 24 characters a second."""
UNCHANGED = timedelta(seconds=1)
"""A response that changed later than this after it was first saved may have been a draft: its time is not known."""
MOST_TOO_FAST = 0.5
"""A reviewer is hasty if more than this share of the answers came faster than they can be read."""


class Speed(Row):
    """How fast a reviewer was.

    - `timed`: submitted answers whose time is known: the time since the reviewer's response before
    - `too_fast`: those of them that took less time than reading the candidates at 100 characters a second
    - `median_seconds`: the median of the times, null if none is known
    - `hasty`: whether more than half of the answers are too fast, with a probability of 99 % for the whole crowd
    """

    timed: int = 0
    too_fast: int = 0
    median_seconds: float | None = None
    hasty: bool = False


def given_at(response: Response) -> datetime:
    """Return when a response was last changed, the beginning of time if Argilla does not say."""
    return response.updated_at or response.inserted_at or datetime.min.replace(tzinfo=UTC)


def shown_characters(snapshot: Snapshot) -> dict[str, int]:
    """Return how many characters the candidates of each record have together, by record id. Prompts are not counted."""
    lengths: dict[str, int] = {}
    columns = ("candidates.list.element.id", "candidates.list.element.text")
    for _, table in snapshot.tables(CANDIDATE_SETS, columns):
        for chunk in table["candidates"].chunks:
            candidates = chunk.flatten()
            characters = pc.utf8_length(pc.struct_field(candidates, "text"))
            lengths.update(zip(pc.struct_field(candidates, "id").to_pylist(), characters.to_pylist(), strict=True))
    return {
        record.id: sum(lengths.get(candidate, 0) for candidate in record.candidates)
        for record in snapshot.records.values()
    }


def with_first_times(responses: Iterable[Response], versions: Iterable[ResponseVersion]) -> list[Response]:
    """Return responses with the times at which each was first seen with this content.

    `restore` writes responses again, and Argilla gives them the time of that.
    """
    first: dict[tuple[str, str], ResponseVersion] = {}
    for version in versions:
        key = version.record_id, version.reviewer
        if key not in first or not _same_content(first[key], version):
            first[key] = version
    return [_with_times(response, first.get((response.record_id, response.reviewer))) for response in responses]


def speeds(responses: Iterable[Response], characters: Mapping[str, int]) -> dict[str, Speed]:
    """Return how fast each reviewer was. `characters` are those of the candidates by record id."""
    of_reviewer: defaultdict[str, list[Response]] = defaultdict(list)
    for response in responses:
        if response.inserted_at is not None:
            of_reviewer[response.reviewer].append(response)
    return {
        reviewer: _speed(several, characters, error=MARK_ERROR / len(of_reviewer))
        for reviewer, several in of_reviewer.items()
    }


def _speed(responses: Iterable[Response], characters: Mapping[str, int], *, error: float) -> Speed:
    timed = [(response, seconds) for response, seconds in _timed(responses) if characters.get(response.record_id)]
    too_fast = sum(seconds * CHARACTERS_PER_SECOND < characters[response.record_id] for response, seconds in timed)
    low, _ = exact(too_fast, len(timed), error=error)
    return Speed(
        timed=len(timed),
        too_fast=too_fast,
        median_seconds=round(median(seconds for _, seconds in timed), 1) if timed else None,
        hasty=bool(low > MOST_TOO_FAST),
    )


def _timed(responses: Iterable[Response]) -> Iterator[tuple[Response, float]]:
    """Yield each submitted answer whose time is known, and the seconds since the same reviewer's response before."""
    moments = sorted(
        ((response.inserted_at, response) for response in responses if response.inserted_at is not None),
        key=lambda item: item[0],
    )
    for (before, _), (moment, response) in pairwise(moments):
        unchanged = response.updated_at is None or response.updated_at - moment < UNCHANGED
        if response.status == "submitted" and unchanged and not response.simulated:
            yield response, (moment - before).total_seconds()


def _same_content(version: Response, other: Response) -> bool:
    return version.status == other.status and version.values == other.values


def _with_times(response: Response, first: Response | None) -> Response:
    if first is None or not _same_content(first, response) or first.updated_at == response.updated_at:
        return response
    return response.model_copy(update={"inserted_at": first.inserted_at, "updated_at": first.updated_at})
