"""What a row is based on: its records, how far their reviewers agree, and what each response says."""

from __future__ import annotations

from collections.abc import Sequence

from curation.export.scored import LABEL_SOURCES, ScoredSets
from curation.frames import pl

SOURCES = dict(enumerate(LABEL_SOURCES))


def evidence(
    records: pl.DataFrame, answers: pl.DataFrame, scored: ScoredSets, *, key: str, annotation: Sequence[str]
) -> pl.DataFrame:
    """Return the columns `key`, record_ids, agreement, label_source, reviewers and annotations, a line for each row.

    - `key`: the name of the column that numbers the rows, such as "row_no"
    - `records`: the records of each row: `key`, record_no, record_id, and source, voters and agreement, which are null
      without a verdict
    - `answers`: the answers in each row, in the row's order: `key` and candidate_id
    - `annotation`: the fields of an annotation to publish, such as reviewer, scores and flags

    The agreement of a row is the mean over its records, weighted by their reviewers. Its label source is the one of its
    records that stands last in LABEL_SOURCES.
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
            # The agreement of a single record is taken as it is, because a product and a quotient would round it.
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
