"""Finds the prompts that an id or a piece of text belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain

from curation.explaining.rows import KnownRows
from curation.store import Snapshot
from curation.types import CandidateSet, Prompt

SHORTEST_TEXT = 4
"""A piece of text has at least so many characters."""


def matching_prompts(snapshot: Snapshot, rows: KnownRows, query: str) -> list[str]:
    """Return the ids of the prompts that `query` belongs to, oldest first.

    It is the id of a prompt, set, candidate, record (ours or Argilla's) or row. If nothing has this id, it is a piece
    of the text of a prompt, an answer, or what a reviewer wrote; case and the number of blanks do not matter.
    """
    by_id = _by_id(snapshot, rows, query)
    if by_id or len(_plain(query)) < SHORTEST_TEXT:
        return by_id
    return _by_text(snapshot, _plain(query))


def _by_id(snapshot: Snapshot, rows: KnownRows, query: str) -> list[str]:
    copies = {version.record_id for version in snapshot.response_versions if version.server_record_id == query}
    records = snapshot.shown
    known = {records[record_id].prompt_id for record_id in copies | {query} if record_id in records}
    known |= rows.prompts_of(query)

    def matches(candidate_set: CandidateSet) -> bool:
        candidates = (candidate.id for candidate in candidate_set.candidates)
        return query in {candidate_set.id, candidate_set.prompt.id, *candidates}

    return _prompts(snapshot, known, matches, lambda prompt: prompt.id == query)


def _by_text(snapshot: Snapshot, piece: str) -> list[str]:
    records = snapshot.shown
    known = {
        records[version.record_id].prompt_id
        for version in snapshot.response_versions
        if any(isinstance(value, str) and piece in _plain(value) for value in version.values.values())
    }

    def is_asked(prompt: Prompt) -> bool:
        return any(piece in _plain(message.content) for message in prompt.messages)

    def matches(candidate_set: CandidateSet) -> bool:
        return is_asked(candidate_set.prompt) or any(
            piece in _plain(candidate.text) for candidate in candidate_set.candidates
        )

    return _prompts(snapshot, known, matches, is_asked)


def _prompts(
    snapshot: Snapshot,
    known: Collection[str],
    matches: Callable[[CandidateSet], bool],
    drop_matches: Callable[[Prompt], bool],
) -> list[str]:
    """Return, in the order of the store, the prompts in `known`, and those whose set or whose drop matches."""

    def each() -> Iterator[str]:
        for candidate_set in chain(snapshot.each_candidate_set(), _gold_sets(snapshot)):
            if candidate_set.prompt.id in known or matches(candidate_set):
                yield candidate_set.prompt.id
        for dropped in snapshot.dropped_prompts.values():
            if drop_matches(dropped.prompt):
                yield dropped.prompt.id

    return list(dict.fromkeys(each()))


def _gold_sets(snapshot: Snapshot) -> Iterator[CandidateSet]:
    return (record.candidate_set for record in snapshot.gold.values())


def _plain(text: str) -> str:
    """Return a text for comparison: without case, with single blanks."""
    return " ".join(text.split()).casefold()
