"""The `dpo` and `reward` configs: which answers stand against which (TRL's preference layout, explicit prompt)."""

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
    """Pairs of the answers of a set whose scores are `min_gap` apart; with `margin` the gap is a column of that name.

    TRL's RewardTrainer subtracts `margin` whenever it is there, so that it is only written if asked for. With `graded`
    there is a column `strength` (see `_strengths`). `faults` gives the check that each pair does not pass, of the texts
    of chosen and rejected, null if it passes all.
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
        """Return each set's best answer against its worst, or all pairs, whose scores are at least `min_gap` apart.

        A tie is no preference, however small the gap may be. An edit with a fault falls out before pairs are made, so
        that the sound pair beneath it stays. Reasons: "tie" (no answer is better), "gap" (too close), "one_score" (a
        single answer has a score), "stands_twice" (a later set gives the pair), and those of the checks.
        """
        faulty = pl.col("is_edit") & pl.col("fault_if_chosen").is_not_null()
        apart = _with_sides(self._pairs(scored.answers.filter(~faulty)), scored.answers).with_columns(
            # Rounded, as 0.6 - 0.4 is less than 0.2.
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
        """Return the columns of other names than those that `with_answers` gives, as expressions over those."""
        margin = {"margin": pl.col("score_gap")} if self.margin else {}
        strength = {"strength": pl.col("strength")} if self.graded else {}
        return {
            "chosen": assistant_turn("chosen_text"),
            "rejected": assistant_turn("rejected_text"),
            **margin,
            **strength,
        }

    def _pairs(self, answers: pl.DataFrame) -> pl.DataFrame:
        """The best and the worst answer of each set, or every two: set_no, chosen and rejected (answer_no)."""
        if self.pairs == "best-worst":
            return answers.group_by("set_no", maintain_order=True).agg(
                chosen=pl.col("answer_no").last(), rejected=pl.col("answer_no").first()
            )
        numbers = answers.select("set_no", chosen="answer_no")
        every_two = numbers.join(numbers.rename({"chosen": "rejected"}), on="set_no", maintain_order="left_right")
        return every_two.filter(pl.col("chosen") > pl.col("rejected"))


def _with_sides(pairs: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Pairs with what the answers of both sides are, such as chosen_text."""
    of_answer = answers.select("answer_no", "candidate_id", "text", "score", "fault_if_chosen", "fault_if_rejected")
    for side in ("chosen", "rejected"):
        of_side = of_answer.rename(f"{side}_{{}}".format)
        pairs = pairs.join(of_side, left_on=side, right_on=f"{side}_answer_no", maintain_order="left")
    return pairs.join(answers.select("set_no", "prompt_no").unique(), on="set_no", maintain_order="left")


def _strengths(scored: ScoredSets) -> pl.DataFrame:
    """By how much an answer is better than another that stood beside it: chosen_candidate_id, rejected_candidate_id and
    strength, the mean over the reviewers who count, from -3 to 3.
    """
    graded = scored.entries.filter(pl.col("strength").is_not_null() & pl.col("counted"))
    first, second = (pl.col("shown").list.get(place) for place in (0, 1))
    both = pl.concat(
        graded.select(chosen_candidate_id=chosen, rejected_candidate_id=rejected, strength=strength)
        for chosen, rejected, strength in ((first, second, pl.col("strength")), (second, first, -pl.col("strength")))
    )
    return both.group_by("chosen_candidate_id", "rejected_candidate_id").agg(pl.col("strength").mean())


def assistant_turn(text: str) -> pl.Expr:
    """Return the text of a column as a conversation of the assistant's turn alone."""
    return pl.concat_list(pl.struct(role=pl.lit("assistant"), content=pl.col(text)))


def _without_pair(answers: pl.DataFrame, faulty: pl.Expr) -> pl.DataFrame:
    """Why the sets of these answers have no two sound answers that are far enough apart."""
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
