"""One segment of the store on its way to rows: read, scored, checked, exported, counted."""

from __future__ import annotations

from dataclasses import replace

from curation import export
from curation.derive.categories import with_agreed_categories
from curation.derive.counting import COUNTED, count_duels, count_prompts, count_records, count_sets, pair_lengths
from curation.derive.faults import prompt_faults, with_faults
from curation.derive.flags import without_flagged
from curation.derive.judged import count_judged
from curation.derive.plan import Plan
from curation.derive.raw_rows import publish_raw
from curation.derive.scoring import Scoring, score
from curation.derive.segments import Segment
from curation.derive.shards import accepted_table, write_shard
from curation.derive.tally import Tally, counts
from curation.derive.texts import read_texts
from curation.export import Exporter, PairExporter
from curation.export.scored import ScoredSets, lost
from curation.frames import pl


def derive_segment(segment: Segment, plan: Plan) -> Tally:
    """Return what the segment gives under the plan; its shards are written if the plan has a folder."""
    texts = read_texts(segment, plan)
    options = plan.config.labels
    scoring = score(
        segment,
        texts,
        judge_fallback=options.judge_fallback,
        roles=plan.config.roles if options.accept_roles else None,
        accept_imported=options.accept_imported,
        pseudonyms=plan.pseudonyms,
    )
    scored, unsound = _sound(scoring, plan)
    scored = with_agreed_categories(scored, scoring)
    tally = Tally()
    count_sets(tally, texts, segment)
    count_records(tally, scoring, texts)
    count_duels(tally, scoring, texts)
    count_judged(tally, scoring, texts)
    pairs = plan.pairs.rows(scored)
    tally.lengths.append(pair_lengths(pairs, scored))
    given, dropped, prompts = [], [], []
    for exporter in plan.exporters(pairs):
        # Pairs were made above, and are the same for dpo and reward.
        rows = pairs if isinstance(exporter, PairExporter) else exporter.rows(scored)
        gone = pl.concat([unsound, rows.lost])
        table = export.with_answers(exporter, rows.frame, scored)
        _publish(tally, exporter, table, plan)
        tally.reached[exporter.name] += table["prompt_no"].n_unique()
        tally.dropped[exporter.name].update(counts(gone["reason"]))
        given.append(table.select("set_no", "id"))
        prompts.append(table.select("prompt_no", pl.col(f"^({'|'.join(COUNTED)})$")).unique())
        dropped.append(gone.with_columns(reason=exporter.name + ":" + pl.col("reason")))
    if prompts:
        count_prompts(tally, pl.concat(prompts).unique())
    if "raw" in plan.config.publish.formats:
        publish_raw(tally, texts, scoring, given, dropped, plan)
    return tally


def _sound(scoring: Scoring, plan: Plan) -> tuple[ScoredSets, pl.DataFrame]:
    """The scored sets whose prompts pass all checks, without what reviewers flagged and with the faults of answers; and
    why the others give no row.
    """
    scored, flagged = without_flagged(scoring, ignored=plan.config.labels.ignored_flags)
    faults = pl.Series(prompt_faults(scored.sets["prompt"], plan.checks), dtype=pl.String)
    tied = pl.col("tied") & (plan.config.labels.ties == "drop")
    sets = scored.sets.with_columns(fault=pl.when(tied).then(pl.lit("tie")).otherwise(faults))
    sound = sets.filter(pl.col("fault").is_null()).drop("fault")
    answers = scored.answers.join(sound.select("set_no"), on="set_no", how="semi", maintain_order="left")
    unsound = pl.concat([flagged, lost(sets.drop_nulls("fault"), pl.col("fault"))])
    return replace(scored, sets=sound, answers=with_faults(answers, sound, plan.checks)), unsound


def _publish(tally: Tally, exporter: Exporter, rows: pl.DataFrame, plan: Plan) -> None:
    """Count the rows of a config, hold them to what TRL accepts, and write the shard of each split."""
    tally.languages.update(counts(rows["language"]))
    # Rows are put in order by short columns alone, and then taken once with their texts.
    short = rows.select(pl.col("row_no", "id", "prompt_id", "split"), pl.col("^label$"))
    for split in export.SPLITS:
        of_split = short.filter(pl.col("split") == split)
        if of_split.is_empty():
            continue
        tally.rows[exporter.name, split] += of_split.height
        if exporter.name == "kto" and split == "train":
            tally.kto_labels.update(counts(of_split["label"]))
        if plan.folder is None and not plan.checked:
            continue
        # The order of rows changes nothing of whether TRL accepts them.
        ordered = of_split if plan.folder is None else exporter.ordered(of_split)
        table = export.published_table(
            exporter, rows[ordered["row_no"]], extras=plan.extras, thinking=plan.keeps_thinking
        )
        table = accepted_table(exporter.name, table, render=plan.checks.render)
        if plan.folder is not None:
            tally.shards.append(write_shard(exporter.name, split, table, plan.folder))
