"""Makes gold records of the gold file, and mixes them with the other records so that nobody can tell which are gold.

A gold record gets its id, its fields and the order of its candidates from the same functions as any other record. Its
answers are given the names of generators of the config. These names, and the record's place among the others, are drawn
with the store's secret key: without it, anybody who reads this code could compute them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Sequence

from curation import ids
from curation.config import Config
from curation.errors import RefusedError
from curation.gold.file import GoldItem
from curation.review.records import make_record
from curation.review.suggesting import with_suggestions
from curation.store import Snapshot
from curation.types import IMPORTED, UNKNOWN_MODEL, Candidate, CandidateSet, GoldRecord, ReviewRecord


def gold_prompts(records: Iterable[GoldRecord]) -> frozenset[str]:
    """Return the ids of the prompts of the gold records that count."""
    return frozenset(record.prompt_id for record in records if record.counts)


def refuse_shown_prompts(config: Config, items: Sequence[GoldItem], snapshot: Snapshot) -> None:
    """Raise RefusedError if reviewers are shown the prompt of a line already, in a record that is published."""
    shown = {record.prompt_id: record.id for record in snapshot.records.values()}
    for item in items:
        if item.prompt.id in shown:
            raise RefusedError(
                f"{config.review.gold}, line {item.line} has a prompt that reviewers are shown already, in the record "
                f"{shown[item.prompt.id]}: they would meet it twice, and know that one of them is gold.",
                remedy="Nothing was pushed. Take the line out.",
            )


def gold_records(
    config: Config, items: Sequence[GoldItem], snapshot: Snapshot, *, others: int
) -> tuple[GoldRecord, ...]:
    """Return all gold records that the store should have, if reviewers are shown so many `others`.

    - Lines that reviewers are shown already stay, with the right answer that the file has now.
    - Further lines are taken, in the order of the file, until there are as many as `gold_share` and `calibration` want.
    - Records whose line is no longer in the file do not count any more.
    - Records of other tasks stay as they are.
    """
    review = config.review
    known = {_content(record): record for record in snapshot.gold.values() if record.task == review.task}
    key = snapshot.manifest.pseudonym_key
    in_file = {_content(record): record for record in (_record(config, item, key=key) for item in items)}
    kept = {record.id: _as_in(in_file.get(content), record) for content, record in known.items()}
    room = max(gold_count(config, others) - sum(record.counts for record in kept.values()), 0)
    added = [record for content, record in in_file.items() if content not in known][:room]
    return (*(kept.get(record_id, record) for record_id, record in snapshot.gold.items()), *added)


def gold_count(config: Config, others: int) -> int:
    """Return how many gold records there should be among so many others."""
    share = config.review.gold_share
    return max(math.ceil(share / (1 - share) * others), config.review.calibration)


def mixed_records(
    records: Sequence[ReviewRecord], gold: Sequence[GoldRecord], *, known: Collection[str], calibration: int, key: str
) -> list[ReviewRecord]:
    """Return all records in the order to push them in: the first gold ones, then the others with gold among them.

    `known` are the ids of the records that were pushed before. New gold records stand among the new ones of the others.
    `key` is the secret by which the places are drawn.
    """
    first, rest = gold[:calibration], gold[calibration:]

    def part(is_known: bool) -> list[ReviewRecord]:
        others = [record for record in records if (record.id in known) == is_known]
        of_gold = [record for record in rest if (record.id in known) == is_known]
        places = [
            *((float(number), record) for number, record in enumerate(others)),
            *((ids.unit_interval(f"gold {key}", record.id) * len(others) - 0.5, record) for record in of_gold),
        ]
        return [record for _, record in sorted(places, key=lambda place: place[0])]

    return [*first, *part(True), *part(False)]


def _record(config: Config, item: GoldItem, *, key: str) -> GoldRecord:
    """Return the gold record of a line, as the task makes a record of a candidate set."""
    names = [generator.name for generator in config.generators] + [evolver.name for evolver in config.evolve]
    names = names or [IMPORTED]
    drawn = random.Random(f"gold {key} {item.prompt.id}").sample(names, len(names))
    candidates = tuple(_candidate(config, item, place, drawn[place % len(drawn)]) for place in range(len(item.answers)))
    set_id = ids.candidate_set_id(item.prompt.id, "gold", (candidate.id for candidate in candidates))
    candidate_set = CandidateSet(id=set_id, prompt=item.prompt, candidates=candidates, settings="gold")
    expected = dict(zip((candidate.id for candidate in candidates), item.expected, strict=True))
    # Whether a page shows what the judge says must tell nobody which records are gold.
    [record] = with_suggestions(
        config.review, candidate_set, [make_record(config.review.task, candidate_set, candidates)]
    )
    return GoldRecord(
        **dict(record),
        candidate_set=candidate_set,
        expected=tuple(expected[candidate] for candidate in record.candidates),
    )


def _candidate(config: Config, item: GoldItem, place: int, generator: str) -> Candidate:
    """Return an answer as a candidate.

    If the config has a judge, the rating follows from the right answer. Without a rating the record would have no
    suggestion, and would stand out among records that show what the judge says.
    """
    score = item.expected[place]
    return Candidate(
        id=ids.candidate_id(item.prompt.id, generator, item.answers[place]),
        text=item.answers[place],
        generator=generator,
        model=UNKNOWN_MODEL,
        rating=None if score is None or not config.models.judges else 1 + 4 * score,
    )


def _content(record: GoldRecord) -> tuple[str, frozenset[str]]:
    """Return the prompt and the texts: gold records with the same are the same, whichever generators they name."""
    texts = (ids.normalise(candidate.text) for candidate in record.candidate_set.candidates)
    return record.prompt_id, frozenset(texts)


def _as_in(in_file: GoldRecord | None, record: GoldRecord) -> GoldRecord:
    """Return a stored record with the right answer that the gold file has now; it does not count if no line has it."""
    if in_file is None:
        return record.model_copy(update={"counts": False})

    def text(of: GoldRecord, candidate: str) -> str:
        return ids.normalise(of.candidate_set.candidate(candidate).text)

    # The same texts may have the names of other generators now, and so another order.
    expected = {
        text(in_file, candidate): score for candidate, score in zip(in_file.candidates, in_file.expected, strict=True)
    }
    scores = tuple(expected[text(record, candidate)] for candidate in record.candidates)
    return record.model_copy(update={"counts": True, "expected": scores})
