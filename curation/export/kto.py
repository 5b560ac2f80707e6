"""The `kto` config: one completion and a boolean label (TRL's conversational unpaired preference layout)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from curation import ids
from curation.export.annotations import published_annotations
from curation.export.dpo import assistant_turn
from curation.types import Drop, Score, UnpairedPreferenceRow, Verdict

THRESHOLD = 0.5
HIGHEST_RATIO = 1.33


@dataclass(frozen=True, slots=True)
class KtoWeights:
    """Weights that balance the labels; both null when one label is missing, which no weight can mend."""

    desirable: float | None
    undesirable: float | None


def unpaired_rows(verdict: Verdict, *, pseudonym: Callable[[str], str]) -> Iterator[UnpairedPreferenceRow | Drop]:
    """Yield a row per candidate: true above 0.5, false below; at exactly 0.5 a drop, "undecided"."""
    for score in verdict.scores:
        if score.score == THRESHOLD:
            yield Drop(id=score.candidate.id, reason="undecided")
        else:
            yield _row(verdict, score, pseudonym=pseudonym)


def kto_order(rows: Iterable[UnpairedPreferenceRow]) -> list[UnpairedPreferenceRow]:
    """Return the rows in the order to publish: KTOTrainer reads them in sequence and estimates its KL term per batch.

    Prompts come in the order of a hash; the second of two rows of a prompt half a turn after the first, of three rows
    each a third of a turn after the one before, and so on. Then the two labels are interleaved in proportion.
    """
    ordered = _spread(rows)
    true, false = ([row for row in ordered if row.label is label] for label in (True, False))
    return _interleave(true, false)


def suggested_weights(desirable: int, undesirable: int) -> KtoWeights:
    """Return TRL's weights for `desirable` true and `undesirable` false rows: one stays 1, the other balances.

    TRL's rule (KTOConfig): desirable_weight x desirable : undesirable_weight x undesirable between 1:1 and 4:3.
    """
    if not desirable or not undesirable:
        return KtoWeights(None, None)
    if desirable < undesirable:
        return KtoWeights(round(undesirable / desirable, 4), 1.0)
    if undesirable * HIGHEST_RATIO >= desirable:
        return KtoWeights(1.0, 1.0)
    return KtoWeights(1.0, round(desirable / undesirable, 4))


def _row(verdict: Verdict, score: Score, *, pseudonym: Callable[[str], str]) -> UnpairedPreferenceRow:
    candidate = score.candidate
    return UnpairedPreferenceRow(
        id=ids.row_id("kto", verdict.record_id, candidate.id),
        prompt=verdict.prompt.messages,
        completion=assistant_turn(candidate),
        label=score.score > THRESHOLD,
        prompt_id=verdict.prompt.id,
        record_id=verdict.record_id,
        score=score.score,
        model=candidate.model,
        reviewers=verdict.reviewers,
        agreement=verdict.agreement,
        label_source=verdict.label_source,
        source=verdict.prompt.source,
        language=None,
        annotations=published_annotations(verdict, (candidate,), pseudonym=pseudonym),
    )


def _spread(rows: Iterable[UnpairedPreferenceRow]) -> list[UnpairedPreferenceRow]:
    """Sort by a phase in [0, 1): that of the prompt, and for its later rows equal parts of a turn more."""
    groups: defaultdict[str, list[UnpairedPreferenceRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        groups[row.prompt_id].append(row)
    prompts = sorted(groups, key=lambda prompt: (ids.unit_interval("kto", prompt), prompt))
    phased = [
        ((place / len(prompts) + turn / len(groups[prompt])) % 1, row)
        for place, prompt in enumerate(prompts)
        for turn, row in enumerate(groups[prompt])
    ]
    return [row for _, row in sorted(phased, key=lambda pair: pair[0])]


def _interleave(
    first: Sequence[UnpairedPreferenceRow], second: Sequence[UnpairedPreferenceRow]
) -> list[UnpairedPreferenceRow]:
    """Merge two sequences so that every stretch holds them in the proportion of the whole."""
    placed = [
        ((position + 0.5) / len(rows), rows[position]) for rows in (first, second) for position in range(len(rows))
    ]
    return [row for _, row in sorted(placed, key=lambda pair: pair[0])]
