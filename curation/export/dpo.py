"""The `dpo` and `reward` configs: which answers stand against which (TRL's preference layout, explicit prompt)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from curation.export.columns import Columns, Rows, answer_column, model_column, prompt_column, table, thinking_columns
from curation.export.resolved import Resolved
from curation.types import PreferenceRow

PairsPerPrompt = Literal["best-worst", "all"]


@dataclass(frozen=True, slots=True)
class Pairs(Rows):
    """Rows to be: the numbers of the better and the worse answer, and how far their scores differ."""

    chosen: Any
    rejected: Any
    gap: Any

    @property
    def answers(self) -> tuple[Any, ...]:
        """The chosen answers, and the rejected ones."""
        return self.chosen, self.rejected


def pairs_of(resolved: Resolved, *, min_gap: float, pairs: PairsPerPrompt = "best-worst") -> Pairs:
    """Return each record's best answer against its worst, or all pairs, whose scores are at least `min_gap` apart.

    An edit wins over a candidate with the same score. A tie is no preference, however small the gap may be.
    """
    import numpy as np

    ranked = np.lexsort((_order_of_ids(resolved), resolved.edited, resolved.score, resolved.record))
    record = resolved.record[ranked]
    if pairs == "best-worst":
        changes = np.flatnonzero(np.diff(record)) + 1
        worst = np.concatenate((np.zeros(min(1, len(record)), np.int64), changes))
        best = np.concatenate((changes, np.full(min(1, len(record)), len(record)))) - 1
    else:
        most = np.bincount(record).max(initial=0)
        together = [np.flatnonzero(record[distance:] == record[:-distance]) for distance in range(1, most)]
        worst = np.concatenate([np.empty(0, np.int64), *together])
        best = np.concatenate([np.empty(0, np.int64), *(one + 1 + far for far, one in enumerate(together))])
    chosen, rejected = ranked[best], ranked[worst]
    # Rounded, as 0.6 - 0.4 is less than 0.2.
    gap = np.round(resolved.score[chosen] - resolved.score[rejected], 9)
    return Pairs(resolved, chosen, rejected, gap).where((gap >= min_gap) & (gap > 0))


def without_pair(pairs: Pairs) -> dict[int, str]:
    """Return the records that none of the pairs is of, and why: "tie" (no answer is better) or "gap" (too close)."""
    import numpy as np

    tied = pairs.resolved.tied()
    lacking = np.setdiff1d(np.arange(len(tied)), pairs.records)
    return {record: "tie" if tied[record] else "gap" for record in lacking.tolist()}


def preference_table(pairs: Pairs, columns: Columns, *, config: str = "dpo", margin: bool = False) -> Any:
    """Return a pyarrow.Table of PreferenceRow.

    A column `margin` (the score gap) is there only if asked for: TRL's RewardTrainer subtracts it whenever it is.
    """
    score = pairs.resolved.score
    own = {
        "id": pairs.ids(config),
        "prompt": prompt_column(pairs, columns),
        "chosen": answer_column(pairs, pairs.chosen, columns),
        "rejected": answer_column(pairs, pairs.rejected, columns),
        "chosen_score": score[pairs.chosen],
        "rejected_score": score[pairs.rejected],
        "score_gap": pairs.gap,
        "chosen_model": model_column(pairs, pairs.chosen, columns),
        "rejected_model": model_column(pairs, pairs.rejected, columns),
        **thinking_columns(pairs, columns, chosen_thinking=pairs.chosen, rejected_thinking=pairs.rejected),
    }
    if margin:
        own["margin"] = pairs.gap
    return table(PreferenceRow, pairs, columns, own)


def _order_of_ids(resolved: Resolved) -> Any:
    """For each answer, where its id comes among all of them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.empty(len(resolved.row), np.int64)
    of_answers = pa.array(resolved.answer_ids, pa.string()).take(pa.array(resolved.row))
    found[pc.sort_indices(of_answers).to_numpy()] = np.arange(len(found))
    return found
