"""The `sft` config: what was chosen, and every edit (TRL's language-modelling layout)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from curation import ids
from curation.export.columns import Cells, Columns, answer_column, models, prompt_column, table
from curation.export.dpo import Pair
from curation.export.resolved import Answer, Resolved
from curation.types import SupervisedRow


class Demonstration(NamedTuple):
    """A row to be: an answer to learn from."""

    record: Resolved
    answer: Answer


def demonstrations_of(record: Resolved, pairs: Iterable[Pair]) -> list[Demonstration]:
    """Return what a record's pairs chose and what reviewers wrote, each once, in the order of the record's answers."""
    chosen = {pair.chosen.id for pair in pairs}
    return [Demonstration(record, answer) for answer in record.answers if answer.id in chosen or answer.edited]


def supervised_table(demonstrations: Sequence[Demonstration], columns: Columns) -> Any:
    """Return a pyarrow.Table of SupervisedRow."""
    answers = [one.answer for one in demonstrations]
    cells: Cells = [(one.record, (one.answer,)) for one in demonstrations]
    own = {
        "id": [demonstration_id(one) for one in demonstrations],
        "messages": _joined(prompt_column(cells, columns), answer_column(answers, columns)),
        "score": [answer.score for answer in answers],
        "model": models(answers, columns),
        "edit_similarity": [answer.edit_of[1] if answer.edit_of else None for answer in answers],
    }
    return table(SupervisedRow, cells, columns, own)


def demonstration_id(one: Demonstration) -> str:
    """Return the id of the row that a demonstration becomes."""
    return ids.row_id("sft", one.record.record_id, one.answer.id)


def _joined(prompts: Any, completions: Any) -> Any:
    """Each prompt's messages followed by the completion's."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    turns = pa.concat_arrays([prompts.flatten(), completions.flatten().cast(prompts.type.value_type)])
    # Positions of the messages of both, sorted by row; a stable sort keeps the prompt's before the completion's.
    rows = np.concatenate([pc.list_parent_indices(prompts).to_numpy(), pc.list_parent_indices(completions).to_numpy()])
    lengths = pc.add(pc.list_value_length(prompts), pc.list_value_length(completions)).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), turns.take(pa.array(np.argsort(rows, kind="stable"))))
