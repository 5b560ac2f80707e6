"""The `sft` config: every chosen answer, and every edit (TRL's language-modelling layout)."""

from __future__ import annotations

from dataclasses import dataclass

from curation.export.dpo import assistant_turn
from curation.export.exporter import Exporter
from curation.export.scored import Rows, ScoredSets, lost
from curation.frames import pl
from curation.published_rows import SupervisedRow


@dataclass(frozen=True, slots=True)
class SupervisedExporter(Exporter):
    """Rows of one answer each: the chosen answers of `pairs` (the rows of `dpo`), and the edits of all sets."""

    pairs: Rows
    name = "sft"
    row_type = SupervisedRow
    sides = ("answer",)

    def rows(self, scored: ScoredSets) -> Rows:
        """Return the chosen answers of all pairs, and all edits.

        Reasons: those of the checks, "stands_twice" (a later set gives the same answer), and for a set without a chosen
        answer and without an edit the reason why it gives no pair.
        """
        chosen = pl.col("answer_no").is_in(self.pairs.frame["chosen"].unique().implode()) | pl.col("is_edit")
        answers = scored.answers.filter(chosen)
        twice = pl.col("set_no") < pl.col("set_no").max().over("prompt_no", "candidate_id")
        answers = answers.with_columns(
            fault=pl.coalesce("fault_if_chosen", pl.when(twice).then(pl.lit("stands_twice")))
        )
        return Rows(
            frame=answers.filter(pl.col("fault").is_null())
            .select("set_no", answer="answer_no")
            .with_row_index("row_no"),
            lost=pl.concat(
                [
                    lost(answers.drop_nulls("fault"), pl.col("fault")),
                    self.pairs.lost.filter(~pl.col("set_no").is_in(answers["set_no"].unique().implode())),
                ]
            ),
        )

    def own_columns(self) -> dict[str, pl.Expr]:
        """Return the columns that the frame of `with_answers` does not have yet, as expressions over that frame."""
        return {
            "messages": pl.concat_list("prompt", assistant_turn("answer_text")),
            "score": pl.col("answer_score"),
            "model": pl.col("answer_model"),
            "edit_similarity": pl.col("answer_edit_similarity"),
            "thinking": pl.col("answer_thinking"),
        }
