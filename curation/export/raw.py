"""The `raw` config: every candidate set with all judgements and responses, the rows that it gave, and why no others.

Every other config can be made from it: it has all candidates with their scores, all judgements in the judge's words,
and every response with the score that it gives to each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from curation import columns
from curation.export.evidence import evidence
from curation.export.scored import ScoredSets
from curation.frames import pl
from curation.published_rows import RawAnnotation, RawRow
from curation.schema import arrow_schema
from curation.types import Row

Clean = Callable[[str], str]
"""Called with every text before it is published, such as `quality.redacted`."""


def raw_rows(
    sets: pl.DataFrame,
    *,
    candidates: pl.DataFrame,
    records: pl.DataFrame,
    rows: pl.DataFrame,
    dropped: pl.DataFrame,
    scored: ScoredSets,
    reasons: bool,
    clean: Clean | None,
) -> pl.DataFrame:
    """Return `sets` with the other columns of RawRow. Sets that no reviewer saw are among them.

    - `sets`: set_no, set_id, prompt_id, prompt, source, language, settings and judgements.
    - `candidates`: set_no, candidate_id, text, generator, model, finish_reason, rating, imported, thinking,
      score, annotations (JSON text), edit_of and edit_similarity, in the order of publication: what models wrote, then
      what reviewers wrote.
    - `records`: set_no, record_no and record_id, and source, voters and agreement, which are null without a verdict.
    - `rows`: the set_no and the id of each row of the other configs. `dropped`: set_no and reason.
    - `reasons`: whether the reasons that reviewers wrote are published. `clean`: applied to all texts.
    """
    if not reasons:
        scored = replace(scored, entries=scored.entries.with_columns(reason=pl.lit(None, pl.String)))
    answers, annotation = candidates.select("set_no", "candidate_id"), list(RawAnnotation.model_fields)
    lists = (
        _candidates(candidates, clean),
        evidence(records, answers, scored, key="set_no", annotation=annotation),
        rows.group_by("set_no").agg(rows=pl.col("id").sort()),
        dropped.group_by("set_no", maintain_order=True).agg(dropped="reason"),
    )
    for frame in lists:
        sets = sets.join(frame, on="set_no", how="left", maintain_order="left")
    sets = sets.with_columns(
        pl.col("record_ids", "rows", "dropped", "annotations", "candidates", "judgements").fill_null([]),
        pl.col("reviewers").fill_null(0),
        id=columns.row_ids("raw", sets["set_id"]),
    )
    if clean is None:
        return sets
    return sets.with_columns(
        _cleaned(sets["prompt"], clean, "content"),
        _cleaned(sets["judgements"], clean, "rationales"),
        _cleaned(sets["annotations"], clean, "reason"),
    )


def raw_table(rows: pl.DataFrame, *, thinking: bool) -> pa.Table:
    """Return the rows of `raw_rows` as a table to publish; with `thinking` it has what models thought, too."""
    schema = raw_schema(thinking=thinking)
    return rows.select(schema.names).to_arrow().cast(schema)


def raw_schema(*, thinking: bool) -> pa.Schema:
    """Return the schema of the `raw` config."""
    schema = arrow_schema(RawRow)
    if thinking:
        return schema
    position = schema.get_field_index("candidates")
    kept = [field for field in schema.field(position).type.value_type if field.name != "thinking"]
    return schema.set(position, schema.field(position).with_type(pa.list_(pa.struct(kept))))


def _candidates(candidates: pl.DataFrame, clean: Clean | None) -> pl.DataFrame:
    candidates = candidates.rename({"candidate_id": "id"})
    if clean is not None:
        candidates = candidates.with_columns(
            pl.Series(name, [None if text is None else clean(text) for text in candidates[name]], dtype=pl.String)
            for name in ("text", "thinking")
        )
    fields = [field.name for field in arrow_schema(RawRow).field("candidates").type.value_type]
    return candidates.group_by("set_no", maintain_order=True).agg(candidates=pl.struct(fields))


def _cleaned(column: pl.Series, clean: Clean, field: str) -> pl.Series:
    """Return a column of lists of structs with `clean` applied to one field of each: a text, or a list of texts."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(text) for text in value]
        return None if value is None else clean(value)

    structs = [[{**row, field: cleaned(row[field])} for row in rows] for rows in column.to_list()]
    return pl.Series(column.name, structs, dtype=column.dtype)


def rows_table(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table of this schema."""
    return pa.Table.from_pylist([row.model_dump() for row in rows], schema=schema)
