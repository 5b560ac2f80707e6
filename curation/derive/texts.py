"""The candidate sets of a segment with their texts, as data frames."""

from __future__ import annotations

from dataclasses import dataclass

from curation import export
from curation.derive.plan import Plan
from curation.derive.segments import Segment
from curation.derive.tables import RATIONALES, TEXT_COLUMNS
from curation.frames import pl


@dataclass(frozen=True, slots=True)
class SetTexts:
    """The candidate sets of a segment with their texts.

    `sets` has a row per set: set_no, prompt_no, set_id, prompt_id, prompt (messages), source, language, settings,
    judgements, split, not_shown and the columns that prompts bring along. `candidates` has a row per candidate: set_no,
    candidate_id, text, generator, model, finish_reason, rating, thinking and imported.
    """

    sets: pl.DataFrame
    candidates: pl.DataFrame


def read_texts(segment: Segment, plan: Plan) -> SetTexts:
    """Return the candidate sets of a segment with their texts."""
    columns = (*TEXT_COLUMNS, *(RATIONALES if "raw" in plan.config.publish.formats else ()))
    rows = [part.read(columns).join(segment.sets, on=["file_no", "row"]) for part in segment.slices]
    sets = pl.concat(rows).sort("set_no").with_columns(pl.col("prompt").struct.unnest().name.prefix("prompt_"))
    candidates = (
        sets.select("set_no", "candidates")
        .explode("candidates")
        .drop_nulls()
        .select("set_no", pl.col("candidates").struct.unnest())
        .rename({"id": "candidate_id"})
    )
    if plan.clean is not None and plan.keeps_thinking:
        thoughts = [None if text is None else plan.clean(text) for text in candidates["thinking"]]
        candidates = candidates.with_columns(thinking=pl.Series(thoughts, dtype=pl.String))
    leaders = sets.select(pl.coalesce("leader_id", "prompt_id")).to_series()
    return SetTexts(
        sets.select(
            "set_no",
            "prompt_no",
            "not_shown",
            "settings",
            "judgements",
            "prompt_id",
            *map(export.extra_column, plan.extras),
            set_id="id",
            prompt="prompt_messages",
            source="prompt_source",
            language="prompt_language",
            split=plan.splits(leaders),
        ),
        candidates,
    )
