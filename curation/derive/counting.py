"""What is counted of a segment besides its rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation import labels
from curation.derive.flags import flags_of_records
from curation.derive.scoring import Scoring
from curation.derive.segments import Segment
from curation.derive.tally import Tally, counts
from curation.derive.texts import SetTexts
from curation.export.scored import HUMAN, LABEL_SOURCES, Rows, ScoredSets
from curation.frames import pl
from curation.generation import disagrees_with_itself
from curation.review_statistics import Difference
from curation.types import Judgement, LabelSource


def count_sets(tally: Tally, texts: SetTexts, segment: Segment) -> None:
    """Count the models that answered, what judges said, and why sets were not shown."""
    models = texts.candidates.join(texts.sets.select("set_no", "settings"), on="set_no").group_by(
        "generator", "model", "settings"
    )
    tally.models.update({(name, model, settings): count for name, model, settings, count in models.len().iter_rows()})
    # The same ratings in the same orders are counted together.
    ratings = texts.sets.select(
        pl.col("judgements").list.eval(
            pl.struct(pl.element().struct.field("judge", "aspect", "scale", "order", "ratings"))
        )
    )
    for judgements, times in ratings.group_by("judgements").len().iter_rows():
        values = [
            Judgement(**judgement, rationales=(None,) * len(judgement["ratings"])) for judgement in judgements or ()
        ]
        tally.judges.add(values, times=times)
        tally.disagreements += times * disagrees_with_itself(values)
    # Of what is left to the judge there are records too, which nobody is shown.
    shown = segment.records.filter(~pl.col("left_to_judge")).select("set_no").unique()
    tally.unshown.update(counts(texts.sets.join(shown, on="set_no", how="anti")["not_shown"]))
    shown_sets = texts.sets.join(shown, on="set_no", how="semi")
    tally.reached["shown"] += shown_sets["prompt_no"].n_unique()


def count_records(tally: Tally, scoring: Scoring, texts: SetTexts) -> None:
    """Count flags, ties and verdicts, and what judge and reviewers preferred of the first two candidates of records."""
    tally.flags.update(counts(flags_of_records(scoring.scored)["flag"]))
    tally.compared.update(counts(scoring.scored.sets.filter("compared")["tied"]))
    tally.unresolved.update(counts(scoring.records["reason"].drop_nulls()))
    decided = scoring.records.filter(pl.col("reason").is_null())
    tally.reached["verdicts"] += decided["prompt_no"].n_unique()
    for place, source in enumerate(LABEL_SOURCES):
        of_source = decided.filter(pl.col("source") == place)
        if of_source.height:
            tally.label_sources[source] += of_source.height
            if place <= HUMAN or source == "simulated":
                # Adjudicators are people: judges and sources are compared with what they decided.
                people: LabelSource = "simulated" if source == "simulated" else "human"
                tally.choices[people].append(_preferences(of_source, scoring))
                _compare_with_import(tally, people, of_source, scoring, texts)


COUNTED = ("category", "document_id", "part", "parts", "answer_start", "answerable")
"""The columns that prompts bring along which `count_prompts` counts, where all prompts have them."""


def count_prompts(tally: Tally, prompts: pl.DataFrame) -> None:
    """Count the prompts with rows by category, and the questions about documents by part; see `Tally`."""
    if "category" in prompts.columns:
        tally.categories.update(counts(prompts["category"]))
    if "document_id" in prompts.columns:
        tally.parts.update(prompts.select("document_id", "part", "parts").sort(pl.all()).iter_rows())
        answerable = prompts.filter("answerable")
        tally.grounded.update(counts(answerable.select(grounded=pl.col("answer_start").is_not_null())["grounded"]))


def count_duels(tally: Tally, scoring: Scoring, texts: SetTexts) -> None:
    """Count which of two answers to the same prompt is better; see `Tally.duels`. Texts of reviewers are left out."""
    # All verdicts that give an answer its score are of the same source; adjudicators are people.
    people = pl.max_horizontal("source", pl.lit(HUMAN))
    sides = (
        scoring.scored.answers.filter(~pl.col("is_edit"))
        .select("set_no", "candidate_id", "score", record_no=pl.col("records").list.first())
        .join(scoring.scored.records.select("record_no", source=people), on="record_no")
        .join(texts.candidates.select("set_no", "candidate_id", "generator"), on=["set_no", "candidate_id"])
        .select("set_no", "source", "score", generator=pl.col("generator").cast(pl.String))
    )
    duels = (
        sides.join(sides, on=["set_no", "source"], suffix="_other")
        .filter(pl.col("generator") < pl.col("generator_other"))
        .group_by(
            "source", "generator", "generator_other", (pl.col("score") - pl.col("score_other")).sign().alias("won")
        )
        .len()
        .sort("source", "generator", "generator_other", "won")
    )
    for source, generator, other, won, count in duels.iter_rows():
        tally.duels[LABEL_SOURCES[source], generator, other, int(won)] += count


def _compare_with_import(
    tally: Tally, source: LabelSource, records: pl.DataFrame, scoring: Scoring, texts: SetTexts
) -> None:
    """Count on which of these records the reviewers agree with the labels that the answers came with, if they did."""
    if scoring.shown["imported"].null_count() == scoring.shown.height:
        return
    labelled = (
        scoring.shown.join(records.select("record_no"), on="record_no", how="semi", maintain_order="left")
        .group_by("record_no", maintain_order=True)
        .agg("imported", "score")
        .filter(pl.col("imported").list.drop_nulls().list.len() > 0)
        .join(records.select("record_no", "record_id", "set_no"), on="record_no", maintain_order="left")
        .join(texts.sets.select("set_no", "prompt"), on="set_no", maintain_order="left")
    )
    for record_id, imported, scores, prompt in labelled.select("record_id", "imported", "score", "prompt").iter_rows():
        agrees = labels.agrees(tuple(imported), tuple(scores))
        tally.agreed[source] += agrees is True
        tally.undecided[source] += agrees is None
        if agrees is False:
            asked = prompt[-1]["content"]
            difference = Difference(record_id=record_id, prompt=asked, imported=tuple(imported), scores=tuple(scores))
            tally.differing[source].append(difference)


def _preferences(records: pl.DataFrame, scoring: Scoring) -> NDArray[np.float32]:
    """See `Tally.choices`, for the first two candidates that these records show."""
    sides = (
        scoring.shown.filter(pl.col("slot") < 2)
        .join(records.select("record_no"), on="record_no", how="semi", maintain_order="left")
        .group_by("record_no", maintain_order=True)
        .agg("rating", "score")
        .filter(pl.col("rating").list.len() == 2)
    )
    first_less_second = (pl.col(name).list.get(0) - pl.col(name).list.get(1) for name in ("rating", "score"))
    return (
        sides.select(column.sign().fill_null(float("nan")) for column in first_less_second).cast(pl.Float32).to_numpy()
    )


def pair_lengths(pairs: Rows, scored: ScoredSets) -> NDArray[np.int32]:
    """Return how many characters the prompt, the chosen and the rejected answer have: a row per pair."""
    turns = pl.col("prompt").list.eval(pl.element().struct.field("content").str.len_chars()).list.sum()
    texts = scored.answers.select("answer_no", characters=pl.col("text").str.len_chars())
    return (
        pairs.frame.join(scored.sets.select("set_no", turns), on="set_no", maintain_order="left")
        .join(texts, left_on="chosen", right_on="answer_no", maintain_order="left")
        .join(texts, left_on="rejected", right_on="answer_no", suffix="_rejected", maintain_order="left")
        .select("prompt", "characters", "characters_rejected")
        .cast(pl.Int32)
        .to_numpy()
    )
