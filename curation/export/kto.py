"""The `kto` config: one completion and a boolean label (TRL's unpaired preference layout)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from curation import columns
from curation.export.dpo import assistant_turn
from curation.export.exporter import Exporter
from curation.export.scored import Rows, ScoredSets, lost
from curation.frames import pl
from curation.published_rows import UnpairedPreferenceRow

THRESHOLD = 0.5
BATCH = 8
"""The rows of a batch that trainers take unless they are told another number (transformers' TrainingArguments)."""
LOOKED_AT = 64
"""How many rows are looked at for one whose prompt is not in the batch."""
HIGHEST_RATIO = 1.33


@dataclass(frozen=True, slots=True)
class CompletionExporter(Exporter):
    """Answers with the label true (a score above 0.5) or false (below)."""

    name = "kto"
    row_type = UnpairedPreferenceRow
    sides = ("completion",)

    def rows(self, scored: ScoredSets) -> Rows:
        """Return every answer whose score is not 0.5, once in all sets of a prompt.

        Reasons: "undecided" (a score of exactly 0.5), "answered_again" (a later set of the prompt holds the answer),
        "stands_twice" and "both_labels" (see `repeats`), and those of the checks.
        """
        label = pl.col("score") > THRESHOLD
        # Of the sets that give rows: one that was dropped whole takes no answer from another.
        again = pl.col("set_no") < pl.col("set_no").max().over("prompt_no", "candidate_id")
        fault = pl.coalesce(
            pl.when(pl.col("score") == THRESHOLD).then(pl.lit("undecided")),
            # A bad example has fewer checks to pass.
            pl.when(label).then("fault_if_chosen").otherwise("fault_if_rejected"),
            pl.when(again).then(pl.lit("answered_again")),
        )
        answers = scored.answers.with_columns(label=label, fault=fault)
        # Equal texts may stand in several sets.
        sound = answers.filter(pl.col("fault").is_null()).sort("score", maintain_order=True)
        sound = sound.with_columns(fault=repeats(sound))
        return Rows(
            frame=sound.filter(pl.col("fault").is_null())
            .select("set_no", completion="answer_no", label="label")
            .with_row_index("row_no"),
            lost=pl.concat([lost(frame.drop_nulls("fault"), pl.col("fault")) for frame in (answers, sound)]),
        )

    def ordered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a shard in the order to publish them in (see `kto_order`)."""
        return kto_order(rows)

    def own_columns(self) -> dict[str, pl.Expr]:
        """Return the columns of other names than those that `with_answers` gives, as expressions over those."""
        return {
            "completion": assistant_turn("completion_text"),
            "score": pl.col("completion_score"),
            "model": pl.col("completion_model"),
        }


@dataclass(frozen=True, slots=True)
class KtoWeights:
    """Weights that balance the labels; both null when one label is missing, which no weight can mend."""

    desirable: float | None
    undesirable: float | None


def repeats(answers: pl.DataFrame) -> pl.Series:
    """Return why an answer is no row, null if it is one: `answers` has prompt_no, text and label, worst first.

    Of equal texts of one prompt with one label the best is a row ("stands_twice" for the others); with both labels
    none is ("both_labels"): a trainer would learn it and unlearn it.
    """
    texts = answers.select("prompt_no", "label", text=columns.normalised(answers["text"]))
    # Hashes of 64 bits are compared within a prompt: grouping by whole texts takes many times as long.
    texts = texts.with_columns(pl.col("text").hash())
    text = ("prompt_no", "text")
    return texts.select(
        pl.when(pl.col("label").n_unique().over(text) > 1)
        .then(pl.lit("both_labels"))
        .when(~pl.struct(text).is_last_distinct())
        .then(pl.lit("stands_twice"))
        .alias("fault")
    ).to_series()


def kto_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in the order to publish them in, for KTOTrainer reads them so and estimates its KL term per batch.

    Prompts come in the order of their ids, which are hashes; the second of two rows of a prompt half a turn after the
    first, of three rows each a third of a turn after the one before, and so on. Then the two labels are interleaved
    in proportion. Where that brings two rows of a prompt into one batch, as it can among few prompts, rows of the same
    label change places. `rows` has id, prompt_id and label, and whatever else.
    """
    # Only what is sorted by is moved again and again, the texts once.
    by_id = rows.select("id", "label", prompt=pl.col("prompt_id").rank("dense") - 1).with_row_index("place").sort("id")
    by_prompt = by_id.drop("id").with_row_index("number").sort("prompt", "number").with_row_index("position")
    label = pl.col("label")
    turn = (pl.col("position") - pl.col("position").min().over("prompt")) / pl.len().over("prompt")
    by_phase = by_prompt.sort((pl.col("prompt") / pl.col("prompt").n_unique() + turn) % 1, "number")
    share = (pl.when(label).then(label.cum_sum()).otherwise((~label).cum_sum()) - 0.5) / pl.len().over("label")
    # At equal shares the true come first.
    ordered = by_phase.sort(share, ~label, maintain_order=True)
    if meetings := _meetings(ordered["prompt"]):
        parted = ordered[_parted(ordered["prompt"].to_list(), ordered["label"].to_list())]
        # A prompt with many of the rows would only meet itself later.
        ordered = parted if _meetings(parted["prompt"]) < meetings else ordered
    return rows[ordered["place"]]


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


def _meetings(prompts: pl.Series) -> int:
    """How many pairs of rows are of one prompt, and less than a batch apart."""
    return sum(int((prompts == prompts.shift(distance)).sum()) for distance in range(1, min(BATCH, len(prompts))))


def _parted(prompts: Sequence[int], labels: Sequence[bool]) -> list[int]:
    """Positions in the same order of labels, each the next of its label whose prompt is in no batch with it so far.

    Where there is none, it is the one whose prompt was last seen longest ago.
    """
    waiting = {label: deque(row for row, own in enumerate(labels) if own == label) for label in (True, False)}
    seen: defaultdict[int, int] = defaultdict(lambda: -BATCH)
    parted = []
    for place, label in enumerate(labels):
        last = [seen[prompts[row]] for row in islice(waiting[label], LOOKED_AT)]
        number = next((number for number, before in enumerate(last) if place - before >= BATCH), last.index(min(last)))
        row = waiting[label][number]
        del waiting[label][number]
        seen[prompts[row]] = place
        parted.append(row)
    return parted
