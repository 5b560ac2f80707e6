"""The `sft` config: what was chosen, and every edit (TRL's language-modelling layout)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curation.export.columns import Columns, Rows, answer_column, model_column, prompt_column, table, thinking_columns
from curation.export.dpo import Pairs
from curation.types import SupervisedRow


@dataclass(frozen=True, slots=True)
class Demonstrations(Rows):
    """Rows to be: the number of an answer."""

    answer: Any

    @property
    def answers(self) -> tuple[Any, ...]:
        """The answers that are shown to learn from."""
        return (self.answer,)


def demonstrations_of(pairs: Pairs) -> Demonstrations:
    """Return the answers that pairs chose and those that reviewers of any record wrote, in order, each once."""
    import numpy as np

    wanted = pairs.resolved.edited.copy()
    wanted[pairs.chosen] = True
    return Demonstrations(pairs.resolved, np.flatnonzero(wanted))


def supervised_table(demonstrations: Demonstrations, columns: Columns) -> Any:
    """Return a pyarrow.Table of SupervisedRow, in the order given."""
    resolved, answers = demonstrations.resolved, demonstrations.answer
    edits = map(resolved.edits.get, resolved.row[answers].tolist())
    messages = _joined(prompt_column(demonstrations, columns), answer_column(demonstrations, answers, columns))
    own = {
        "id": demonstrations.ids("sft"),
        "messages": messages,
        "score": resolved.score[answers],
        "model": model_column(demonstrations, answers, columns),
        "edit_similarity": [edit.edit_of[1] if edit else None for edit in edits],
        **thinking_columns(demonstrations, columns, thinking=answers),
    }
    return table(SupervisedRow, demonstrations, columns, own)


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
