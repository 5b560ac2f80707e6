"""Counts what is known of the judge from people: how it and they lean, record by record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

from curation import labels
from curation.derive.scoring import Scoring
from curation.derive.tally import Tally
from curation.derive.texts import SetTexts
from curation.export.scored import HUMAN, LABEL_SOURCES
from curation.frames import pl
from curation.review_statistics import JudgeCheck
from curation.types import FIVE, JUDGE_SURE, LabelSource

SIMULATED = LABEL_SOURCES.index("simulated")
MIDDLE_RATING, MIDDLE_SCORE = 3.0, 0.5
"""What a single answer is compared with: neither good nor bad."""
ASPECTS = {"labels": pl.String, "plain_aspect": pl.String, "way": pl.Int8}

KeyT = TypeVar("KeyT")


def count_judged(tally: Tally, scoring: Scoring, texts: SetTexts) -> None:
    """Count in `tally` how the judge and people lean on every record that people decided; see `labels.Compared`.

    Of records with more than two answers, the first two of the page are compared.
    """
    decided = scoring.records.filter(pl.col("source") <= SIMULATED).select(
        "record_no", "set_no", "suggested", "sampled", "source", people_source=pl.max_horizontal("source", HUMAN)
    )
    if decided.is_empty() or scoring.shown["rating"].null_count() == scoring.shown.height:
        return
    sides = (
        scoring.shown.filter(pl.col("slot") < 2)
        .drop("set_no")
        .join(decided, on="record_no", maintain_order="left")
        .select("record_no", "set_no", "slot", "candidate_id", "rating", "score")
    )
    people = _ways(sides, ["record_no"], "score", MIDDLE_SCORE).rename({"way": "people_way"})
    whole = _ways(sides, ["record_no"], "rating", MIDDLE_RATING).select(
        "record_no", judge=pl.lit(""), aspect=pl.lit(""), judge_way="way"
    )
    about = decided.join(people, on="record_no")
    compared = pl.concat([whole, _ways_by_aspect(sides, texts)]).join(about, on="record_no")
    blind = compared.filter(~pl.col("suggested"))
    _count_compared(tally, blind, asked=False)
    _count_compared(tally, _with_aspects(blind, scoring), asked=True)
    preferring = compared.filter((pl.col("judge") == "") & (pl.col("judge_way") != 0)).with_columns(
        follows=pl.col("judge_way") == pl.col("people_way")
    )
    # Adjudicators decide after others, and see no suggestion.
    first = preferring.filter(pl.col("source") >= HUMAN)
    for source, suggested, follows, count in first.group_by("people_source", "suggested", "follows").len().iter_rows():
        tally.followed[LABEL_SOURCES[source], (suggested, follows)] += count
    sampled = preferring.filter("sampled")
    for source, follows, count in sampled.group_by("people_source", "follows").len().iter_rows():
        tally.sampled[LABEL_SOURCES[source], follows] += count


def _count_compared(tally: Tally, compared: pl.DataFrame, *, asked: bool) -> None:
    columns = ("people_source", "judge", "aspect", "judge_way", "people_way")
    for source, judge, criterion, judge_way, people_way, count in compared.group_by(columns).len().iter_rows():
        key = labels.Compared(judge, criterion, asked, judge_way, people_way)
        tally.judged[LABEL_SOURCES[source], key] += count


def _ways(sides: pl.DataFrame, keys: Sequence[str], column: str, middle: float) -> pl.DataFrame:
    """Which way a column leans for each of `keys`: the keys and way, without those where it is not known."""
    value = pl.col(column)
    compared_with = pl.when(pl.len() == 1).then(pl.lit(middle)).otherwise(value.last())
    return (
        sides.sort("record_no", "slot")
        .group_by(keys, maintain_order=True)
        .agg(way=(value.first() - compared_with).round(9).sign().cast(pl.Int8))
        .drop_nulls("way")
    )


def _ways_by_aspect(sides: pl.DataFrame, texts: SetTexts) -> pl.DataFrame:
    """Which way each judge leans by each aspect, by the mean of its ratings in all orders: record_no, judge, aspect and
    judge_way.
    """
    judgements = (
        texts.sets.select("set_no", "judgements")
        .join(sides.select("set_no").unique(), on="set_no", how="semi")
        .explode("judgements")
        .drop_nulls("judgements")
        .select("set_no", pl.col("judgements").struct.field("judge", "aspect", "scale", "ratings"))
    )
    # The ratings of a judgement are in the order of the candidates of the set.
    places = texts.candidates.select("set_no", "candidate_id", place=pl.int_range(pl.len()).over("set_no"))
    rating = pl.col("ratings").list.get(pl.col("place"))
    rated = (
        sides.select("record_no", "set_no", "slot", "candidate_id")
        .join(places, on=["set_no", "candidate_id"])
        .join(judgements, on="set_no")
        .with_columns(rating=1 + (FIVE - 1) * (rating - 1) / (pl.col("scale") - 1))
        .group_by("record_no", "judge", "aspect", "slot")
        .agg(rating=pl.when(pl.col("rating").null_count() == 0).then(pl.col("rating").mean()))
    )
    ways = _ways(rated, ["record_no", "judge", "aspect"], "rating", MIDDLE_RATING)
    return ways.rename({"way": "judge_way"})


def _with_aspects(compared: pl.DataFrame, scoring: Scoring) -> pl.DataFrame:
    """What was compared, with the way that people lean by the very aspect, where they were asked about it."""
    entries = scoring.scored.entries.filter(pl.col("counted") & (pl.col("labels") != "{}"))
    ways = [
        (text, _plain(aspect), way)
        for text in entries["labels"].unique()
        for aspect, way in labels.ways_by_aspect(json.loads(text)).items()
    ]
    said = (
        entries.join(pl.DataFrame(ways, schema=ASPECTS, orient="row"), on="labels")
        .group_by("record_no", "plain_aspect")
        .agg(people_way=pl.col("way").mean().sign().cast(pl.Int8))
    )
    plain = pl.col("aspect").str.replace_all("-", "_", literal=True)
    return compared.drop("people_way").with_columns(plain_aspect=plain).join(said, on=["record_no", "plain_aspect"])


def _plain(aspect: str) -> str:
    """An aspect as both judges and reviewers may call it: UltraFeedback has "instruction-following"."""
    return aspect.replace("-", "_")


def judge_check_of(tally: Tally, source: LabelSource) -> JudgeCheck | None:
    """Return what is known of the judge from those whose answers are measured; null if nothing is."""
    check = labels.judge_check(
        _of_source(tally.judged, source),
        _of_source(tally.followed, source),
        _of_source(tally.sampled, source),
        left_to_judge=tally.unshown[JUDGE_SURE],
    )
    return check if check.known else None


def _of_source(counter: Mapping[tuple[LabelSource, KeyT], int], source: LabelSource) -> dict[KeyT, int]:
    return {key: count for (of_source, key), count in counter.items() if of_source == source}
