"""The `dpo` and `reward` configs: pairs of a better and a worse answer (TRL's preference layout, explicit prompt)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from curation.export.exporter import Exporter
from curation.export.options import PairsPerPrompt
from curation.export.scored import Rows, ScoredSets, lost
from curation.frames import pl
from curation.published_rows import PreferenceRow


@dataclass(frozen=True, slots=True)
class PairExporter(Exporter):
    """Rows of two answers of a set each, whose scores are at least `min_gap` apart.

    - `faults`: takes the texts of chosen and of rejected, and returns for each pair the check that it does not pass,
      null if it passes all
    - `margin`: adds the column `margin` with the gap. TRL's RewardTrainer subtracts it whenever the column is there, so
      it is only written if the configuration asks for it.
    - `graded`: adds the column `strength` (see `_strengths`)
    """

    name: Literal["dpo", "reward"]
    min_gap: float
    faults: Callable[[pl.Series, pl.Series], pl.Series]
    pairs: PairsPerPrompt = "best-worst"
    margin: bool = False
    graded: bool = False
    row_type = PreferenceRow
    sides = ("chosen", "rejected")

    def rows(self, scored: ScoredSets) -> Rows:
        """Return the best answer of each set with its worst, or all pairs, if their scores are `min_gap` apart.

        Equal scores give no pair, even with a `min_gap` of 0. An edit with a fault is left out before pairs are made,
        so that a sound pair of the other answers stays. Reasons: "tie" (all scores are equal), "gap" (they are too
        close), "one_score" (only one answer has a score), "stands_twice" (a later set gives the same pair), and those
        of the checks.
        """
        faulty = pl.col("is_edit") & pl.col("fault_if_chosen").is_not_null()
        apart = _with_sides(self._pairs(scored.answers.filter(~faulty)), scored.answers).with_columns(
            # Rounded, because 0.6 - 0.4 is less than 0.2 in floating point.
            score_gap=(pl.col("chosen_score") - pl.col("rejected_score")).round(9)
        )
        pairs = apart.filter((pl.col("score_gap") >= self.min_gap) & (pl.col("score_gap") > 0))
        twice = pl.col("set_no") < pl.col("set_no").max().over(
            "prompt_no", "chosen_candidate_id", "rejected_candidate_id"
        )
        pairs = pairs.with_columns(
            fault=pl.coalesce(
                self.faults(pairs["chosen_text"], pairs["rejected_text"]),
                "chosen_fault_if_chosen",
                "rejected_fault_if_rejected",
                pl.when(twice).then(pl.lit("stands_twice")),
            )
        )
        without = scored.answers.filter(~pl.col("set_no").is_in(pairs["set_no"].unique().implode()))
        kept = pairs.filter(pl.col("fault").is_null())
        if self.graded:
            kept = kept.join(
                _strengths(scored),
                on=["chosen_candidate_id", "rejected_candidate_id"],
                how="left",
                maintain_order="left",
            )
        return Rows(
            frame=kept.select(
                "set_no", "chosen", "rejected", "score_gap", *(["strength"] if self.graded else [])
            ).with_row_index("row_no"),
            lost=pl.concat([lost(pairs.drop_nulls("fault"), pl.col("fault")), _without_pair(without, faulty)]),
        )

    def own_columns(self) -> dict[str, pl.Expr]:
        """Return the columns that the frame of `with_answers` does not have yet, as expressions over that frame."""
        margin = {"margin": pl.col("score_gap")} if self.margin else {}
        strength = {"strength": pl.col("strength")} if self.graded else {}
        return {
            "chosen": assistant_turn("chosen_text"),
            "rejected": assistant_turn("rejected_text"),
            **margin,
            **strength,
        }

    def _pairs(self, answers: pl.DataFrame) -> pl.DataFrame:
        """Return set_no and the answer_no of chosen and rejected: the best and the worst of each set, or every two."""
        if self.pairs == "best-worst":
            return answers.group_by("set_no", maintain_order=True).agg(
                chosen=pl.col("answer_no").last(), rejected=pl.col("answer_no").first()
            )
        numbers = answers.select("set_no", chosen="answer_no")
        every_two = numbers.join(numbers.rename({"chosen": "rejected"}), on="set_no", maintain_order="left_right")
        return every_two.filter(pl.col("chosen") > pl.col("rejected"))


def _with_sides(pairs: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with the columns of both answers, such as chosen_text and rejected_score."""
    of_answer = answers.select("answer_no", "candidate_id", "text", "score", "fault_if_chosen", "fault_if_rejected")
    for side in ("chosen", "rejected"):
        of_side = of_answer.rename(f"{side}_{{}}".format)
        pairs = pairs.join(of_side, left_on=side, right_on=f"{side}_answer_no", maintain_order="left")
    return pairs.join(answers.select("set_no", "prompt_no").unique(), on="set_no", maintain_order="left")


def _strengths(scored: ScoredSets) -> pl.DataFrame:
    """Return by how much reviewers find one of two answers better that they saw side by side.

    The columns are chosen_candidate_id, rejected_candidate_id and strength: the mean over the reviewers who count, from
    -3 to 3. Each two answers give two rows, one for each order: (a, b, 1.5) and (b, a, -1.5).
    """
    graded = scored.entries.filter(pl.col("strength").is_not_null() & pl.col("counted"))
    first, second = (pl.col("shown").list.get(place) for place in (0, 1))
    in_both_orders = pl.concat(
        graded.select(chosen_candidate_id=chosen, rejected_candidate_id=rejected, strength=strength)
        for chosen, rejected, strength in ((first, second, pl.col("strength")), (second, first, -pl.col("strength")))
    )
    return in_both_orders.group_by("chosen_candidate_id", "rejected_candidate_id").agg(pl.col("strength").mean())


def assistant_turn(text: str) -> pl.Expr:
    """Return a column of texts as conversations: "Rain." becomes [{"role": "assistant", "content": "Rain."}]."""
    return pl.concat_list(pl.struct(role=pl.lit("assistant"), content=pl.col(text)))


def _without_pair(answers: pl.DataFrame, faulty: pl.Expr) -> pl.DataFrame:
    """Return why each set of these answers gives no pair (see `lost`). `faulty` says which answers are faulty edits."""
    sound = pl.col("score").filter(~faulty)
    sets = answers.group_by("set_no", maintain_order=True).agg(
        edit_fault=pl.col("fault_if_chosen").filter(faulty).first(),
        answers=sound.len(),
        spread=sound.max() - sound.min(),
    )
    reason = (
        pl.when(pl.col("edit_fault").is_not_null())
        .then("edit_fault")
        .when(pl.col("answers") < 2)
        .then(pl.lit("one_score"))
        .when(pl.col("spread") == 0)
        .then(pl.lit("tie"))
        .otherwise(pl.lit("gap"))
    )
    return lost(sets, reason)
