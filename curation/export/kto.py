"""The `kto` config: one completion and a boolean label (TRL's unpaired preference layout)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from curation.export.columns import Columns, Rows, answer_column, model_column, prompt_column, table, thinking_columns
from curation.export.resolved import Resolved
from curation.types import UnpairedPreferenceRow

THRESHOLD = 0.5
BATCH = 8
"""The rows of a batch that trainers take unless they are told another number (transformers' TrainingArguments)."""
LOOKED_AT = 64
"""How many rows are looked at for one whose prompt is not in the batch."""
HIGHEST_RATIO = 1.33


@dataclass(frozen=True, slots=True)
class Completions(Rows):
    """Rows to be: the number of an answer, and whether it is desirable."""

    completion: Any
    label: Any

    @property
    def answers(self) -> tuple[Any, ...]:
        """The completions."""
        return (self.completion,)


@dataclass(frozen=True, slots=True)
class KtoWeights:
    """Weights that balance the labels; both null when one label is missing, which no weight can mend."""

    desirable: float | None
    undesirable: float | None


def completions_of(resolved: Resolved) -> Completions:
    """Return the answers that score above 0.5 (true) or below (false); one of exactly 0.5 is undecided."""
    import numpy as np

    answers = np.flatnonzero(resolved.score != THRESHOLD)
    return Completions(resolved, answers, resolved.score[answers] > THRESHOLD)


def repeats(keys: Sequence[Hashable], labels: Sequence[bool]) -> list[str | None]:
    """Return why a completion is no row, null if it is one; equal `keys` are equal completions of one prompt.

    Of those with one label the first is a row ("stands_twice" for the others); with both labels none is
    ("both_labels"): a trainer would learn it and unlearn it.
    """
    said: defaultdict[Hashable, set[bool]] = defaultdict(set)
    for key, label in zip(keys, labels, strict=True):
        said[key].add(label)
    seen: set[Hashable] = set()
    reasons: list[str | None] = []
    for key in keys:
        reasons.append("both_labels" if len(said[key]) > 1 else "stands_twice" if key in seen else None)
        seen.add(key)
    return reasons


def undecided(resolved: Resolved) -> Any:
    """Return the numbers of the records of undecided answers, one for each of those."""
    return resolved.record[resolved.score == THRESHOLD]


def unpaired_table(completions: Completions, columns: Columns) -> Any:
    """Return a pyarrow.Table of UnpairedPreferenceRow, in the order given."""
    answers = completions.completion
    own = {
        "id": completions.ids("kto"),
        "prompt": prompt_column(completions, columns),
        "completion": answer_column(completions, answers, columns),
        "label": completions.label,
        "score": completions.resolved.score[answers],
        "model": model_column(completions, answers, columns),
        **thinking_columns(completions, columns, completion_thinking=answers),
    }
    return table(UnpairedPreferenceRow, completions, columns, own)


def kto_order(row_ids: Any, prompt_ids: Any, labels: Any) -> Any:
    """Return the order to publish rows in: KTOTrainer reads them in sequence and estimates its KL term per batch.

    Prompts come in the order of their ids, which are hashes; the second of two rows of a prompt half a turn after the
    first, of three rows each a third of a turn after the one before, and so on. Then the two labels are interleaved
    in proportion. Where that brings two rows of a prompt into one batch, as it can among few prompts, rows of the same
    label change places. Takes pyarrow.Arrays of one length, returns positions in them as a numpy array.
    """
    import numpy as np
    import pyarrow.compute as pc

    order = pc.sort_indices(row_ids).to_numpy()
    prompts = _ranks(prompt_ids.dictionary_encode())
    place = prompts[order]
    sizes = np.bincount(place)
    turn = _occurrence(place)
    phase = (place / len(sizes) + turn / sizes[place]) % 1
    order = order[np.argsort(phase, kind="stable")]
    true = labels.to_numpy(zero_copy_only=False)
    order = order[_interleaved(true[order])]
    met = _meetings(prompts[order])
    parted = _parted(order, prompts, true) if met else order
    # A prompt with many of the rows would only meet itself later.
    return parted if _meetings(prompts[parted]) < met else order


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


def _ranks(values: Any) -> Any:
    """For each value of a DictionaryArray, how many of the dictionary are less."""
    import numpy as np
    import pyarrow.compute as pc

    ranks = np.empty(len(values.dictionary), dtype=np.int64)
    ranks[pc.sort_indices(values.dictionary).to_numpy()] = np.arange(len(ranks))
    return ranks[values.indices.to_numpy()]


def _occurrence(values: Any) -> Any:
    """For each value, how many equal ones stand before it."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counted = np.arange(len(values)) - np.repeat(starts, np.diff(np.r_[starts, len(values)]))
    found = np.empty_like(counted)
    found[order] = counted
    return found


def _interleaved(mask: Any) -> Any:
    """Positions that merge the true and the false so that every stretch holds them in the proportion of the whole."""
    import numpy as np

    placed = np.empty(len(mask))
    for kind in (mask, ~mask):
        placed[kind] = (np.arange(kind.sum()) + 0.5) / max(kind.sum(), 1)
    # At equal places the true come first.
    return np.lexsort((~mask, placed))


def _meetings(prompts: Any) -> int:
    """How many pairs of rows are of one prompt, and less than a batch apart."""
    distances = range(1, min(BATCH, len(prompts)))
    return sum(int((prompts[distance:] == prompts[:-distance]).sum()) for distance in distances)


def _parted(order: Any, prompts: Any, true: Any) -> Any:
    """The same order of labels, but each row is the next of its label whose prompt is in no batch with it so far.

    Where there is none, it is the one whose prompt was last seen longest ago.
    """
    import numpy as np

    waiting = {label: deque(order[true[order] == label].tolist()) for label in (True, False)}
    seen: defaultdict[int, int] = defaultdict(lambda: -BATCH)
    parted = []
    for place, label in enumerate(true[order].tolist()):
        last = [seen[prompts[row]] for row in islice(waiting[label], LOOKED_AT)]
        found = next((at for at, before in enumerate(last) if place - before >= BATCH), last.index(min(last)))
        row = waiting[label][found]
        del waiting[label][found]
        seen[prompts[row]] = place
        parted.append(row)
    return np.array(parted)
