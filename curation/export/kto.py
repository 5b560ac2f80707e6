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
"""The batch size of trainers by default: `per_device_train_batch_size` of transformers' TrainingArguments."""
SEARCHED_ROWS = 64
"""How many of the waiting rows are searched for one whose prompt is not in the batch yet."""
HIGHEST_RATIO = 1.33


@dataclass(frozen=True, slots=True)
class CompletionExporter(Exporter):
    """Rows of one answer each. The label is true for a score above 0.5, and false for one below."""

    name = "kto"
    row_type = UnpairedPreferenceRow
    sides = ("completion",)

    def rows(self, scored: ScoredSets) -> Rows:
        """Return every answer whose score is not 0.5. An answer that stands in several sets of a prompt is one row.

        Reasons: "undecided" (a score of exactly 0.5), "answered_again" (a later set of the prompt holds the answer),
        "stands_twice" and "both_labels" (see `repeats`), and those of the checks.
        """
        label = pl.col("score") > THRESHOLD
        # Only answers of sets that give rows are here, so a set that was dropped takes no answer from another set.
        again = pl.col("set_no") < pl.col("set_no").max().over("prompt_no", "candidate_id")
        fault = pl.coalesce(
            pl.when(pl.col("score") == THRESHOLD).then(pl.lit("undecided")),
            # A bad example has fewer checks to pass.
            pl.when(label).then("fault_if_chosen").otherwise("fault_if_rejected"),
            pl.when(again).then(pl.lit("answered_again")),
        )
        answers = scored.answers.with_columns(label=label, fault=fault)
        # Two sets of a prompt may hold the same text under different candidate ids.
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
        """Return the columns that the frame of `with_answers` does not have yet, as expressions over that frame."""
        return {
            "completion": assistant_turn("completion_text"),
            "score": pl.col("completion_score"),
            "model": pl.col("completion_model"),
        }


@dataclass(frozen=True, slots=True)
class KtoWeights:
    """Weights that balance the labels. Both are null if all rows have the same label: no weight can balance that."""

    desirable: float | None
    undesirable: float | None


def repeats(answers: pl.DataFrame) -> pl.Series:
    """Return for each answer why it gives no row because its text repeats; null if it gives one.

    `answers` has the columns prompt_no, text and label, and the worst answer comes first. If a text stands several
    times below one prompt with one label, the best of them gives a row and the others are "stands_twice". If it stands
    there with both labels, none gives a row ("both_labels"): a trainer would learn the text and unlearn it.
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
    """Return the rows in the order to publish them in: labels mixed, and the rows of one prompt far apart.

    KTOTrainer reads rows in the published order and estimates its KL term from each batch, so a batch should have both
    labels and no prompt twice. `rows` has the columns id, prompt_id and label, and any others. There are three steps:

    1. Prompts are sorted by id, which is a hash. Think of them as places on a circle: of a prompt with n rows, each row
       is put 1/n of the circle after the row before. For example, prompts p and q with two rows each give p, q, p, q.
    2. The two labels are interleaved in proportion: two true and four false rows give F T F F T F.
    3. If two rows of a prompt are in one batch now, as happens with few prompts, rows of the same label change places.
    """
    # The texts are moved once, at the end. Only the columns to sort by are moved in each step.
    by_id = rows.select("id", "label", prompt=pl.col("prompt_id").rank("dense") - 1).with_row_index("place").sort("id")
    by_prompt = by_id.drop("id").with_row_index("number").sort("prompt", "number").with_row_index("position")
    label = pl.col("label")
    turn = (pl.col("position") - pl.col("position").min().over("prompt")) / pl.len().over("prompt")
    by_phase = by_prompt.sort((pl.col("prompt") / pl.col("prompt").n_unique() + turn) % 1, "number")
    share = (pl.when(label).then(label.cum_sum()).otherwise((~label).cum_sum()) - 0.5) / pl.len().over("label")
    # If two rows have the same share, the true one comes first.
    ordered = by_phase.sort(share, ~label, maintain_order=True)
    if meetings := _meetings(ordered["prompt"]):
        parted = ordered[_parted(ordered["prompt"].to_list(), ordered["label"].to_list())]
        # If one prompt has very many rows, parting them can bring as many of them together at the end.
        ordered = parted if _meetings(parted["prompt"]) < meetings else ordered
    return rows[ordered["place"]]


def suggested_weights(desirable: int, undesirable: int) -> KtoWeights:
    """Return the weights for so many rows with the label true (`desirable`) and false: one is 1, the other balances.

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
    """Return how many pairs of rows belong to one prompt and are less than a batch apart."""
    return sum(int((prompts == prompts.shift(distance)).sum()) for distance in range(1, min(BATCH, len(prompts))))


def _parted(prompts: Sequence[int], labels: Sequence[bool]) -> list[int]:
    """Return the positions of the rows in an order that parts the rows of a prompt, and keeps the order of labels.

    Each place takes the first waiting row of its label whose prompt has no row among the last BATCH places. If there is
    no such row, it takes the one whose prompt was placed longest ago.
    """
    waiting = {label: deque(row for row, own in enumerate(labels) if own == label) for label in (True, False)}
    last_place: defaultdict[int, int] = defaultdict(lambda: -BATCH)
    parted = []
    for place, label in enumerate(labels):
        places = [last_place[prompts[row]] for row in islice(waiting[label], SEARCHED_ROWS)]
        far_enough = (number for number, before in enumerate(places) if place - before >= BATCH)
        number = next(far_enough, places.index(min(places)))
        row = waiting[label][number]
        del waiting[label][number]
        last_place[prompts[row]] = place
        parted.append(row)
    return parted
