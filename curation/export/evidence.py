"""Whose answers a row follows: the records behind it, how far their reviewers agree, and what each response said."""

from __future__ import annotations

from collections.abc import Sequence

from curation.export.scored import LABEL_SOURCES, ScoredSets
from curation.frames import pl


def evidence(
    records: pl.DataFrame, answers: pl.DataFrame, scored: ScoredSets, *, key: str, annotation: Sequence[str]
) -> pl.DataFrame:
    """Return, by `key` (the number of a row), record_ids, agreement, label_source, reviewers and annotations.

    `records` has the records behind each row: key, record_no, record_id, and source, voters and agreement, which are
    null without a verdict. `answers` has the answers in each row, in their order: key and candidate_id. Agreement is
    the mean over the records, weighted by reviewers; of several label sources the last in LABEL_SOURCES counts.
    `annotation` names the fields of an annotation: some of reviewer, record_id, shown, scores, strength,
    status, labels, flags and reason.
    """
    known, voters = pl.col("agreement").drop_nulls(), pl.col("voters").filter(pl.col("agreement").is_not_null())
    weighted = ((pl.col("agreement") * pl.col("voters")).sum() / voters.sum()).fill_nan(None)
    source = pl.col("source").max().replace_strict(dict(enumerate(LABEL_SOURCES)), default=None, return_dtype=pl.String)
    verdicts = records.group_by(key, maintain_order=True).agg(
        record_ids="record_id",
        agreement=pl.when(known.len() == 1).then(known.first()).otherwise(weighted),
        label_source=source,
    )
    entries = records.select(key, "record_no", "record_id").join(scored.entries, on="record_no")
    scores = (
        entries.select(key, "entry_no")
        .join(answers, on=key, maintain_order="left_right")
        .join(scored.entry_scores, on=["entry_no", "candidate_id"], how="left", maintain_order="left")
        .group_by(key, "entry_no", maintain_order=True)
        .agg(scores="score")
    )
    responses = (
        entries.join(scores, on=[key, "entry_no"])
        .sort(key, "pseudonym", "record_no")
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
