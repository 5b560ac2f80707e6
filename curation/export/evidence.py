"""Whose answers a row follows: the records behind it, how far their reviewers agree, and what each response said."""

from __future__ import annotations

from collections.abc import Sequence

from curation.export.scored import LABEL_SOURCES, ScoredSets
from curation.frames import pl

SOURCES = dict(enumerate(LABEL_SOURCES))


def evidence(
    records: pl.DataFrame, answers: pl.DataFrame, scored: ScoredSets, *, key: str, annotation: Sequence[str]
) -> pl.DataFrame:
    """Return, by `key` (the number of a row), record_ids, agreement, label_source, reviewers and annotations.

    `records` has the records behind each row: key, record_no, record_id, and source, voters and agreement, which are
    null without a verdict. `answers` has the answers in each row, in their order: key and candidate_id. Agreement is
    the mean over the records, weighted by reviewers; of several label sources the last in LABEL_SOURCES counts.
    `annotation` names the fields of an annotation: some of reviewer, record_id, shown, scores, strength,
    status, labels, flags, reason and adjudication.
    """
    agreement, voters = pl.col("agreement"), pl.col("voters")
    verdicts = (
        records.with_columns(weight=pl.when(agreement.is_not_null()).then(voters), weighted=agreement * voters)
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("source").max(),
            pl.col("agreement", "weight", "weighted").sum(),
            known=agreement.count(),
            record_ids="record_id",
        )
        .select(
            key,
            "record_ids",
            # The agreement of a single record is not multiplied and divided.
            agreement=pl.when(pl.col("known") == 1)
            .then("agreement")
            .otherwise((pl.col("weighted") / pl.col("weight")).fill_nan(None)),
            label_source=pl.col("source").replace_strict(SOURCES, default=None, return_dtype=pl.String),
        )
    )
    entries = (
        records.select(key, "record_no", "record_id")
        .join(scored.entries, on="record_no")
        .sort(key, "pseudonym", "record_no")
        .with_row_index("place")
    )
    scores = (
        entries.select("place", key, "entry_no")
        .join(answers, on=key, maintain_order="left_right")
        .join(scored.entry_scores, on=["entry_no", "candidate_id"], how="left", maintain_order="left")
        .group_by("place", maintain_order=True)
        .agg(scores="score")
    )
    responses = (
        entries.join(scores, on="place", maintain_order="left")
        .group_by(key, maintain_order=True)
        .agg(
            reviewers=pl.col("reviewer").filter("counted").n_unique(),
            annotations=pl.struct(
                pl.col("pseudonym").alias(name) if name == "reviewer" else pl.col(name) for name in annotation
            ),
        )
    )
    return verdicts.join(responses, on=key, how="left").with_columns(
        pl.col("reviewers").fill_null(0), pl.col("annotations").fill_null([])
    )
