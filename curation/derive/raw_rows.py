"""The rows of `raw`: one for every candidate set of a segment, and for every prompt that no model was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from curation import export, ids, labels, quality
from curation.derive.plan import Plan
from curation.derive.scoring import Scoring
from curation.derive.shards import write_shard
from curation.derive.tally import Tally, counts
from curation.derive.texts import SetTexts
from curation.frames import pl
from curation.published_rows import RawRow
from curation.types import DroppedPrompt


def publish_raw(
    tally: Tally,
    texts: SetTexts,
    scoring: Scoring,
    given: Sequence[pl.DataFrame],
    dropped: Sequence[pl.DataFrame],
    plan: Plan,
) -> None:
    """Count and write the rows of `raw`: one for every set."""
    tally.rows.update({("raw", split): count for split, count in counts(texts.sets["split"]).items()})
    if plan.folder is None:
        return
    records = scoring.records
    unresolved = records.drop_nulls("reason").select("set_no", "reason")
    unshown = texts.sets.join(records, on="set_no", how="anti", maintain_order="left")
    rows = export.raw_rows(
        texts.sets,
        candidates=_raw_candidates(texts, scoring),
        records=records,
        rows=pl.concat([*given, pl.DataFrame(schema={"set_no": pl.UInt32, "id": pl.String})]),
        dropped=pl.concat([unresolved, unshown.select("set_no", reason="not_shown"), *dropped]),
        scored=scoring.scored,
        reasons=plan.config.review.reasons_published,
        clean=plan.clean,
    )
    for split in export.SPLITS:
        of_split = rows.filter(pl.col("split") == split).sort("id")
        if not of_split.is_empty():
            table = export.raw_table(of_split, thinking=plan.keeps_thinking)
            tally.shards.append(write_shard("raw", split, table, plan.folder))


def _raw_candidates(texts: SetTexts, scoring: Scoring) -> pl.DataFrame:
    """The answers of models and reviewers with all that is known of them, as `raw_rows` wants them."""
    scores = scoring.scored.answers.select("set_no", "candidate_id", "score")
    keys = ["set_no", "candidate_id"]
    of_models = texts.candidates
    of_people = (
        scoring.edits.sort(pl.col("score").is_null(), maintain_order=True)
        .unique(keys, keep="first", maintain_order=True)
        .join(of_models.select(keys), on=keys, how="anti", maintain_order="left")
        .select(*keys, "text", "model", "edit_of", "edit_similarity", generator="model")
    )
    return (
        pl.concat([of_models, of_people], how="diagonal")
        .join(scores, on=keys, how="left", maintain_order="left")
        .join(_aspects(scoring), on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("annotations").fill_null("{}"))
    )


def _aspects(scoring: Scoring) -> pl.DataFrame:
    """What reviewers whose answers count said of candidates besides scores: set_no, candidate_id and JSON text."""
    entries = scoring.scored.entries.filter(pl.col("counted") & (pl.col("labels") != "{}"))
    of_candidates = (
        entries.select("record_no", "labels")
        .join(
            scoring.shown.select("record_no", "set_no", "candidate_id", "slot"), on="record_no", maintain_order="left"
        )
        .group_by("set_no", "candidate_id", maintain_order=True)
        .agg("slot", "labels")
    )
    aspects = [
        labels.aspects_of_answer((slot + 1, json.loads(text)) for slot, text in zip(slots, texts, strict=True))
        for slots, texts in of_candidates.select("slot", "labels").iter_rows()
    ]
    texts = [json.dumps(of_answer, ensure_ascii=False) for of_answer in aspects]
    return of_candidates.select("set_no", "candidate_id", annotations=pl.Series(texts, dtype=pl.String))


def derive_dropped(dropped: Sequence[DroppedPrompt], leaders: Mapping[str, str], plan: Plan) -> Tally:
    """Return the rows of `raw` of prompts that no model was asked; `leaders` has the prompt whose split each shares."""
    tally = Tally()
    schema = export.raw_schema(thinking=plan.keeps_thinking)
    rows = [_dropped_row(dropped_prompt, plan) for dropped_prompt in dropped]
    splits = plan.splits(pl.Series([leaders.get(row.prompt_id, row.prompt_id) for row in rows], dtype=pl.String))
    for split in export.SPLITS:
        of_split = [row for row, of_row in zip(rows, splits, strict=True) if of_row == split]
        if not of_split:
            continue
        tally.rows["raw", split] += len(of_split)
        if plan.folder is not None:
            table = export.rows_table(of_split, schema).sort_by("id")
            tally.shards.append(write_shard("raw", split, table, plan.folder))
    return tally


def _dropped_row(dropped: DroppedPrompt, plan: Plan) -> RawRow:
    prompt = dropped.prompt
    clean = quality.redacted if plan.config.quality.pii or dropped.reason == "pii" else str
    return RawRow(
        id=ids.row_id("raw", dropped.id),
        prompt=tuple(turn.model_copy(update={"content": clean(turn.content)}) for turn in prompt.messages),
        prompt_id=prompt.id,
        set_id=dropped.id,
        settings="",
        record_ids=(),
        candidates=(),
        judgements=(),
        reviewers=0,
        agreement=None,
        label_source=None,
        rows=(),
        dropped=(dropped.reason,),
        source=prompt.source,
        language=quality.detect_language(prompt.messages[-1].content),
        annotations=(),
    )
