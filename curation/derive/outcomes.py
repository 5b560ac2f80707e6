"""What decides of each record: the people who responded, or what is believed of its candidates otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation import labels
from curation.derive.segments import Segment
from curation.export.scored import LABEL_SOURCES
from curation.frames import Schema, pl
from curation.labels import Ballot
from curation.types import AnswerRole, Drop, Verdict

OUTCOMES: Schema = {
    "reason": pl.String,
    "source": pl.UInt8,
    "voters": pl.UInt32,
    "agreement": pl.Float64,
    "scores": pl.List(pl.Float64),
}
"""The columns that tell the outcome of a record; `source` is its place in LABEL_SOURCES."""
PRIORS = ("ratings", "imported", "roles")
"""What is believed before anyone reviewed, best first."""


def priors_of(
    shown: pl.DataFrame,
    left: pl.Series,
    *,
    judge_fallback: bool,
    accept_imported: bool,
    roles: Mapping[str, AnswerRole] | None,
) -> pl.DataFrame:
    """Return what may decide where nobody responded: record_no and a list for each of PRIORS.

    A list is null if that may not decide. It has an entry for each candidate of the record, in the order of the page.
    The records in `left` are left to the judge in any case.
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


def with_outcomes(segment: Segment, priors: pl.DataFrame) -> tuple[pl.DataFrame, list[Verdict | Drop]]:
    """Return the records with outcome_no and the columns of OUTCOMES, and the outcomes by outcome_no.

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
