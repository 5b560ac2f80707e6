"""The `dpo` and `reward` configs: which candidates stand against which (TRL's preference layout, explicit prompt)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

from curation import ids
from curation.export.columns import Cells, Columns, answer_column, models, prompt_column, table
from curation.export.resolved import Answer, Resolved
from curation.types import PreferenceRow

PairsPerPrompt = Literal["best-worst", "all"]


class Pair(NamedTuple):
    """A row to be: the better and the worse answer of a record, and how far apart their scores are."""

    record: Resolved
    chosen: Answer
    rejected: Answer
    gap: float


def pairs_of(record: Resolved, *, min_gap: float, pairs: PairsPerPrompt = "best-worst") -> list[Pair] | str:
    """Return the best candidate against the worst, or all pairs, whose scores are at least `min_gap` apart.

    An edit wins over a candidate with the same score. Instead of no pair the reason: "tie" (no answer is better than
    another) or "gap" (too close).
    """
    ranked = sorted(record.answers, key=_rank, reverse=True)
    either = [(ranked[0], ranked[-1])] if pairs == "best-worst" else combinations(ranked, 2)
    found = []
    for better, worse in either:
        gap = _gap(better, worse)
        # A tie is no preference, however small the gap that the config accepts.
        if gap >= min_gap and gap > 0:
            found.append(Pair(record, better, worse, gap))
    return found or ("tie" if record.tied else "gap")


def preference_table(pairs: Sequence[Pair], columns: Columns, *, config: str = "dpo", margin: bool = False) -> Any:
    """Return a pyarrow.Table of PreferenceRow.

    A column `margin` (the score gap) is there only if asked for: TRL's RewardTrainer subtracts it whenever it is.
    """
    cells: Cells = [(pair.record, (pair.chosen, pair.rejected)) for pair in pairs]
    chosen, rejected = [pair.chosen for pair in pairs], [pair.rejected for pair in pairs]
    gaps = [pair.gap for pair in pairs]
    own = {
        "id": [row_id(pair, config) for pair in pairs],
        "prompt": prompt_column(cells, columns),
        "chosen": answer_column(chosen, columns),
        "rejected": answer_column(rejected, columns),
        "chosen_score": [answer.score for answer in chosen],
        "rejected_score": [answer.score for answer in rejected],
        "score_gap": gaps,
        "chosen_model": models(chosen, columns),
        "rejected_model": models(rejected, columns),
    }
    if margin:
        import pyarrow as pa

        own["margin"] = pa.array(gaps, pa.float64())
    return table(PreferenceRow, cells, columns, own)


def row_id(pair: Pair, config: str = "dpo") -> str:
    """Return the id of the row that a pair becomes."""
    return ids.row_id(config, pair.record.record_id, pair.chosen.id, pair.rejected.id)


def _rank(answer: Answer) -> tuple[float | None, bool, str]:
    return answer.score, answer.edited, answer.id


def _gap(better: Answer, worse: Answer) -> float:
    """How far apart two scores are. Rounded, as 0.6 - 0.4 is less than 0.2."""
    return round((better.score or 0.0) - (worse.score or 0.0), 9)
