"""From the ballots of a segment to scored sets: one resolved score, or none, for each candidate.

Records show candidates, verdicts score them, and reviewers' edits are candidates too. All verdicts about a candidate
count together, those of people (adjudicators among them) before those of programs in their place, and these before the
judge's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation import ids, labels
from curation.derive.segments import Segment
from curation.derive.texts import SetTexts
from curation.errors import DataError
from curation.export.scored import HUMAN, LABEL_SOURCES, ScoredSets
from curation.frames import pl
from curation.labels import Ballot
from curation.types import HUMAN_EDIT, SIMULATED_EDIT, SIMULATED_PREFIX, Annotation, AnswerRole, Drop, Verdict

Schema = dict[str, pl.DataType | type[pl.DataType]]

OUTCOMES: Schema = {
    "reason": pl.String,
    "source": pl.UInt8,
    "voters": pl.UInt32,
    "agreement": pl.Float64,
    "scores": pl.List(pl.Float64),
}
ENTRIES: Schema = {
    "ballot_no": pl.UInt32,
    "place": pl.UInt32,
    "reviewer": pl.String,
    "pseudonym": pl.String,
    "status": pl.String,
    "adjudication": pl.Boolean,
    "counted": pl.Boolean,
    "scores": pl.List(pl.Float64),
    "strength": pl.Int64,
    "labels": pl.String,
    "flags": pl.List(pl.String),
    "reason": pl.String,
}
PRIORS = ("ratings", "imported", "roles")
"""What is believed before anyone reviewed, best first."""
EDITS: Schema = {
    "record_no": pl.UInt32,
    "set_no": pl.UInt32,
    "candidate_id": pl.String,
    "text": pl.String,
    "model": pl.String,
    "score": pl.Float64,
    "edit_of": pl.String,
    "edit_similarity": pl.Float64,
    "authors": pl.List(pl.UInt32),
}
"""The columns of the frames that are made of plain values here."""


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
    priors = _priors(shown, left, judge_fallback=judge_fallback, accept_imported=accept_imported, roles=roles)
    records, outcomes = _with_outcomes(segment, priors)
    shown = shown.with_columns(score=records["scores"].explode())
    edits = _edits(segment, records, outcomes, shown, texts)
    scores = _record_scores(records, shown, edits)
    answers = _answers(scores, edits, texts)
    entries = records.select("record_no", "ballot_no", "shown").join(
        _entries(segment.ballots, pseudonyms), on="ballot_no"
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
        entry_scores=_entry_scores(entries, shown, edits),
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


def _priors(
    shown: pl.DataFrame,
    left: pl.Series,
    *,
    judge_fallback: bool,
    accept_imported: bool,
    roles: Mapping[str, AnswerRole] | None,
) -> pl.DataFrame:
    """What may decide where nobody responded: record_no and a list for each of PRIORS, null if that may not decide.

    Each list has an entry for each candidate of the record, in the order of the page. The records in `left` are left to
    the judge in any case.
    """
    by_name = pl.col("generator").replace_strict(dict(roles or {}), default=None, return_dtype=pl.String)
    columns = {
        "ratings": pl.col("rating") if judge_fallback or len(left) else None,
        "imported": pl.col("imported") if accept_imported else None,
        "roles": by_name if roles is not None else None,
    }
    known = {name: column for name, column in columns.items() if column is not None}
    lists = shown.group_by("record_no", maintain_order=True).agg(**known)
    if "ratings" in known and not judge_fallback:
        lists = lists.with_columns(pl.when(pl.col("record_no").is_in(left.implode())).then("ratings").alias("ratings"))
    return lists.with_columns(pl.lit(None).alias(name) for name in PRIORS if name not in known)


def _with_outcomes(segment: Segment, priors: pl.DataFrame) -> tuple[pl.DataFrame, list[Verdict | Drop]]:
    """The records with outcome_no and the columns of OUTCOMES, and the outcomes by outcome_no.

    Records with the same ballot have the same outcome; where nobody responded, those with the same priors have.
    """
    unreviewed = [
        ballot_no
        for ballot_no, outcome in segment.outcomes.items()
        if isinstance(outcome, Drop) and outcome.reason == "unreviewed"
    ]
    is_unreviewed = pl.col("ballot_no").is_in(unreviewed)
    records = segment.records.join(priors, on="record_no", maintain_order="left").with_columns(
        pl.when(is_unreviewed).then(name) for name in PRIORS
    )
    key = ("ballot_no", *PRIORS)
    distinct = records.unique(key, keep="first", maintain_order=True).with_row_index("outcome_no")
    outcomes = [
        _of_priors(segment.outcomes[ballot_no], record_id, ratings, imported, roles)
        for record_id, ballot_no, ratings, imported, roles in distinct.select("record_id", *key).iter_rows()
    ]
    columns = pl.DataFrame([_outcome_columns(outcome) for outcome in outcomes], schema=OUTCOMES, orient="row")
    distinct = distinct.select("outcome_no", *key).hstack(columns)
    joined = records.join(distinct, on=key, nulls_equal=True, maintain_order="left").drop(PRIORS)
    size = pl.col("shown").list.len()
    if joined.select((pl.col("scores").list.len() != size).any()).item():
        raise ValueError("A verdict scores every candidate that its record shows, and no other.")
    return joined.with_columns(pl.col("scores").fill_null(pl.lit(None, pl.Float64).repeat_by(size))), outcomes


def _outcome_columns(outcome: Verdict | Drop) -> tuple[Any, ...]:
    """What OUTCOMES lists of an outcome."""
    if isinstance(outcome, Drop):
        return outcome.reason, None, None, None, None
    source = LABEL_SOURCES.index(outcome.label_source)
    return None, source, outcome.reviewers, outcome.agreement, list(outcome.scores)


def _of_priors(
    outcome: Verdict | Drop,
    record_id: str,
    ratings: Sequence[float | None] | None,
    imported: Sequence[float | None] | None,
    roles: Sequence[AnswerRole | None] | None,
) -> Verdict | Drop:
    """Return what decides of a record: people, else the judge's ratings, else labels that came with the answers, else
    roles. Null is what may not decide.

    If none decides, the reason is that of the first that might have: it says more than that there are no roles.
    """
    decided = [outcome] if ratings is imported is roles is None else []
    if ratings is not None:
        decided.append(labels.judge_verdict(Ballot(record_id, (), tuple(ratings))))
    if imported is not None:
        decided.append(labels.imported_verdict(record_id, tuple(imported)))
    if roles is not None:
        decided.append(labels.role_verdict(record_id, roles))
    return next((verdict for verdict in decided if isinstance(verdict, Verdict)), decided[0])


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


def _entries(ballots: Mapping[int, tuple[Annotation, ...]], pseudonyms: Mapping[str, str]) -> pl.DataFrame:
    """A row for each annotation of each ballot: the columns of ENTRIES."""
    rows = []
    for ballot_no, ballot in ballots.items():
        submitted = Ballot("", ballot).submitted
        rows += [
            (
                ballot_no,
                place,
                annotation.reviewer,
                pseudonyms[annotation.reviewer],
                annotation.status,
                annotation.adjudication,
                annotation in submitted,
                list(annotation.scores),
                annotation.strength,
                _labels_text(annotation),
                list(annotation.flags),
                annotation.reason,
            )
            for place, annotation in enumerate(ballot)
        ]
    return pl.DataFrame(rows, schema=ENTRIES, orient="row")


def _labels_text(annotation: Annotation) -> str:
    return json.dumps(annotation.labels, ensure_ascii=False, sort_keys=True)


def _entry_scores(entries: pl.DataFrame, shown: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """What each response says of each answer: entry_no, candidate_id, score; who wrote an edit scores it 1."""
    of_candidates = (
        entries.select("entry_no", "record_no", score="scores", slot=pl.int_ranges(pl.col("scores").list.len()))
        .filter(pl.col("score").list.len() > 0)
        .explode("score", "slot")
        .cast({"slot": pl.UInt32})
        .join(shown.select("record_no", "slot", "candidate_id"), on=["record_no", "slot"])
        .select("entry_no", "candidate_id", "score")
    )
    of_edits = (
        edits.select("record_no", "candidate_id", place="authors")
        .explode("place")
        .join(entries.select("entry_no", "record_no", "place"), on=["record_no", "place"])
        .select("entry_no", "candidate_id", score=pl.lit(1.0))
    )
    return pl.concat([of_candidates, of_edits])


def _edits(
    segment: Segment,
    records: pl.DataFrame,
    outcomes: Sequence[Verdict | Drop],
    shown: pl.DataFrame,
    texts: SetTexts,
) -> pl.DataFrame:
    """Every text that a reviewer wrote, as a frame with the columns of EDITS; most records have none."""
    with_edits = [
        ballot_no
        for ballot_no, annotations in segment.ballots.items()
        if any(annotation.edit is not None for annotation in annotations)
    ]
    page = shown.group_by("record_no", maintain_order=True).agg("candidate_id", "text")
    edited = (
        records.filter(pl.col("ballot_no").is_in(with_edits))
        .select("record_no", "set_no", "ballot_no", "outcome_no")
        .join(page, on="record_no", maintain_order="left")
        .join(texts.sets.select("set_no", "prompt_id"), on="set_no", maintain_order="left")
    )
    rows: list[tuple[Any, ...]] = []
    for record_no, set_no, ballot_no, outcome_no, candidates, on_page, prompt_id in edited.iter_rows():
        annotations, outcome = segment.ballots[ballot_no], outcomes[outcome_no]
        written = edits_of(annotations, outcome, candidates, on_page, prompt_id=prompt_id)
        rows += ((record_no, set_no, *edit) for edit in written)
    return pl.DataFrame(rows, schema=EDITS, orient="row")


def edits_of(
    annotations: Sequence[Annotation],
    outcome: Verdict | Drop,
    candidates: Sequence[str],
    on_page: Sequence[str],
    *,
    prompt_id: str,
) -> Iterator[tuple[Any, ...]]:
    """Yield what reviewers of a record wrote, as EDITS without record_no and set_no; what the verdict follows is first.

    `candidates` and `on_page` are the ids and texts that the record shows; authors are places in `annotations`. A text
    that is shown already, or that another reviewer wrote too, is not yielded again.
    """
    texts = {ids.normalise(text) for text in on_page}
    followed = outcome.edits if isinstance(outcome, Verdict) else ()
    score = outcome.edit_score if isinstance(outcome, Verdict) else None
    for text, counts in [
        *((text, True) for text in followed),
        *((text, False) for text in labels.edit_texts(annotations)),
    ]:
        normal = ids.normalise(text)
        if normal in texts:
            continue
        texts.add(normal)
        authors = [
            place
            for place, annotation in enumerate(annotations)
            if annotation.edit is not None and ids.normalise(annotation.edit) == normal
        ]
        programs = all(annotations[place].reviewer.startswith(SIMULATED_PREFIX) for place in authors)
        model = SIMULATED_EDIT if programs else HUMAN_EDIT
        original = labels.index_of_edited(text, on_page)
        yield (
            ids.candidate_id(prompt_id, model, text),
            text,
            model,
            score if counts else None,
            candidates[original],
            labels.similarity(text, on_page[original]),
            authors,
        )
