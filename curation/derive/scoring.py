"""From the ballots of a segment to scored sets: one resolved score, or none, for each candidate.

Records show candidates, verdicts score them, and reviewers' edits are candidates too. All verdicts about a candidate
count together, those of people (adjudicators among them) before those of programs in their place, and these before the
judge's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curation.derive.edits import written_edits
from curation.derive.entries import entries_of, entry_scores
from curation.derive.outcomes import priors_of, with_outcomes
from curation.derive.segments import Segment
from curation.derive.texts import SetTexts
from curation.errors import DataError
from curation.export.scored import HUMAN, ScoredSets
from curation.frames import pl
from curation.types import AnswerRole


@dataclass(frozen=True, slots=True)
class Scoring:
    """What became of the records of a segment.

    - `records`: record_no, record_id, set_no, prompt_no, shown, ballot_no, outcome_no, and of the verdict reason (why
      there is none, else null), source (its place in LABEL_SOURCES), voters, agreement and scores (of what is shown).
    - `shown`: a row per candidate shown: record_no, set_no, slot, candidate_id, text, generator, rating, imported and
      score (of the verdict).
    - `edits`: every text that a reviewer of a record wrote, with the columns of EDITS; its score is null where the
      verdict did not follow it.
    """

    records: pl.DataFrame
    shown: pl.DataFrame
    edits: pl.DataFrame
    scored: ScoredSets


def score(
    segment: Segment,
    texts: SetTexts,
    *,
    judge_fallback: bool,
    roles: Mapping[str, AnswerRole] | None = None,
    accept_imported: bool = False,
    pseudonyms: Mapping[str, str],
) -> Scoring:
    """Return the resolved scores of a segment's candidates.

    With `judge_fallback` the judge decides where nobody responded, and of what `push` left to it in any case; with
    `accept_imported` the labels that answers came with, where no judge decided either, and last `roles`: those of the
    generators, by name.

    Raises DataError if a record shows a candidate that its set does not hold.
    """
    shown = _shown(segment.records, texts)
    left = segment.records.filter("left_to_judge")["record_no"]
    priors = priors_of(shown, left, judge_fallback=judge_fallback, accept_imported=accept_imported, roles=roles)
    records, outcomes = with_outcomes(segment, priors)
    shown = shown.with_columns(score=records["scores"].explode())
    edits = written_edits(segment, records, outcomes, shown, texts)
    scores = _record_scores(records, shown, edits)
    answers = _answers(scores, edits, texts)
    entries = records.select("record_no", "ballot_no", "shown").join(
        entries_of(segment.ballots, pseudonyms), on="ballot_no"
    )
    entries = entries.with_row_index("entry_no")
    scored = ScoredSets(
        sets=texts.sets.drop("judgements", "settings", "not_shown").join(
            _ties(answers, scores), on="set_no", maintain_order="left"
        ),
        answers=answers,
        records=records.filter(pl.col("reason").is_null()).select(
            "record_no", "record_id", "source", "voters", "agreement"
        ),
        entries=entries.drop("ballot_no", "place", "scores"),
        entry_scores=entry_scores(entries, shown, edits),
    )
    return Scoring(records, shown, edits, scored)


def _shown(records: pl.DataFrame, texts: SetTexts) -> pl.DataFrame:
    shown = (
        records.select("record_no", "set_no", candidate_id="shown", slot=pl.int_ranges(pl.col("shown").list.len()))
        .explode("candidate_id", "slot")
        .cast({"slot": pl.UInt32})
        .join(
            texts.candidates.select("set_no", "candidate_id", "text", "generator", "rating", "imported"),
            on=["set_no", "candidate_id"],
            how="left",
            maintain_order="left",
        )
    )
    missing = shown.filter(pl.col("text").is_null()).join(texts.sets, on="set_no")
    if missing.height:
        first = missing["set_id"][0]
        raise DataError(f"Records show {missing.height:,} candidates that their sets do not hold: see set {first}.")
    return shown


def _record_scores(records: pl.DataFrame, shown: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """What each verdict says of each answer: record_no, set_no, candidate_id and score, prompt_no, source and voters of
    the record, and whether it compares answers.
    """
    columns = ("record_no", "set_no", "candidate_id", "score")
    of_record = records.select("record_no", "prompt_no", "source", "voters", compares=pl.col("shown").list.len() > 1)
    return (
        pl.concat([shown.select(columns), edits.select(columns)])
        .drop_nulls("score")
        .join(of_record, on="record_no", maintain_order="left")
    )


def _ties(answers: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The sets with a score, whether their answers were compared, and whether they are ties: set_no, compared, tied.

    A set is a tie if answers of it were compared and all answers together leave none better than another. Answers that
    were shown one by one were not compared.
    """
    return (
        answers.group_by("set_no")
        .agg(equal=pl.col("score").min() == pl.col("score").max())
        .join(scores.group_by("set_no").agg(pl.col("compares").any()), on="set_no")
        .select("set_no", compared="compares", tied=pl.col("equal") & pl.col("compares"))
    )


def _answers(scores: pl.DataFrame, edits: pl.DataFrame, texts: SetTexts) -> pl.DataFrame:
    """The scored answers of each set, as `ScoredSets.answers` describes them."""
    # The same candidate may stand in several sets of its prompt: what is known of it counts in all of them.
    candidate = ("prompt_no", "candidate_id")
    # What adjudicators decided is an opinion of people too: it weighs as much as that on another record.
    rank = pl.max_horizontal("source", pl.lit(HUMAN))
    best = scores.filter(rank == rank.min().over(candidate))
    weight = pl.max_horizontal("voters", 1)
    resolved = best.group_by(candidate).agg(
        score=pl.when(pl.col("score").min() == pl.col("score").max())
        .then(pl.col("score").first())
        .otherwise(((pl.col("score") * weight).sum() / weight.sum()).round(9)),
        records="record_no",
    )
    keys = ["set_no", "candidate_id"]
    places = scores.select("set_no", *candidate).unique().join(resolved, on=candidate)
    of_models = places.join(texts.candidates.drop("generator", "imported"), on=keys)
    written = edits.drop_nulls("score").unique("candidate_id", keep="first", maintain_order=True)
    of_people = places.join(
        written.select("candidate_id", "text", "model", "edit_of", "edit_similarity"), on="candidate_id"
    ).join(of_models.select(keys), on=keys, how="anti")
    is_edit = pl.col("edit_of").is_not_null()
    answers = pl.concat([of_models, of_people], how="diagonal").with_columns(
        is_edit=is_edit,
        # What a person wrote ends where that person stopped.
        finish_reason=pl.when(is_edit).then(pl.lit("stop")).otherwise("finish_reason"),
    )
    return answers.sort(
        "set_no", "score", "is_edit", pl.col("rating").fill_null(MIDDLE), "candidate_id"
    ).with_row_index("answer_no")


MIDDLE = 3.0
"""What an answer without a rating counts as between two with equal scores: the middle of the judge's scale."""
