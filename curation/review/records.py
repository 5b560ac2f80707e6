"""Records of a candidate set: their ids, the order of their candidates, and the order in which they are pushed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from curation import ids
from curation.errors import DataError
from curation.types import Candidate, CandidateSet, ReviewRecord


def make_record(task: str, candidate_set: CandidateSet, candidates: Sequence[Candidate]) -> ReviewRecord:
    """Return the record that shows these candidates of a set.

    Its id follows from the task, the prompt and which candidates it shows. Their order on the page follows from the id
    alone: so no model always stands first, and nothing that a judge said moves one.
    """
    record_id = ids.record_id(task, candidate_set.prompt.id, (candidate.id for candidate in candidates))
    return ReviewRecord(
        id=record_id,
        task=task,
        prompt_id=candidate_set.prompt.id,
        set_id=candidate_set.id,
        candidates=tuple(candidate.id for candidate in shuffled(candidates, seed=record_id)),
    )


def shuffled(candidates: Iterable[Candidate], *, seed: str) -> list[Candidate]:
    """Return the candidates in an order that follows from their ids and the seed alone."""
    # Sorted first: the order in which the set was made must not matter.
    ordered = sorted(candidates, key=lambda candidate: candidate.id)
    return random.Random(seed).sample(ordered, len(ordered))


def shown_candidates(candidate_set: CandidateSet, record: ReviewRecord) -> list[Candidate]:
    """Return the candidates that a record shows, in its order; DataError if the set lacks one."""
    try:
        return [candidate_set.candidate(candidate) for candidate in record.candidates]
    except KeyError as error:
        raise DataError(f"Record {record.id} shows a candidate that its set {candidate_set.id} lacks.") from error


def spread_records(records_of_sets: Sequence[Sequence[ReviewRecord]]) -> list[ReviewRecord]:
    """Return all records in the order to push them in: those of one set are spread evenly over the whole.

    Of sets with as many records each, all first ones come first, in the order of the sets, then all second ones, and so
    on. So whoever sorts the page by the time of insertion meets the answers to one prompt far apart. By default Argilla
    shows each reviewer the pending records in an order of their own, drawn at random.
    """
    count = max(len(records_of_sets), 1)
    placed = [
        ((number + position / count) / len(records), record)
        for position, records in enumerate(records_of_sets)
        for number, record in enumerate(records)
    ]
    return [record for _, record in sorted(placed, key=lambda place: place[0])]
