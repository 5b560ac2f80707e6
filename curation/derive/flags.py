"""What reviewers flagged: how many records for what, and the answers that therefore reach no config but `raw`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from curation.derive.scoring import Scoring
from curation.export.scored import ScoredSets, lost
from curation.frames import pl

FLAGGED = "flagged"
"""Why an answer is in no config that is trained on."""
OF_PROMPTS = "broken_prompt"
"""The flag that says what is wrong with the prompt: it stands for all answers, whatever record has it."""


def flags_of_records(scored: ScoredSets) -> pl.DataFrame:
    """Return the flags of each record, whoever gave them: record_no and flag, each once.

    Once adjudicators have decided about a record, only their flags count: the first reviewers' flags were why they
    looked at it.
    """
    decided = scored.entries.filter(pl.col("adjudication") & pl.col("counted"))["record_no"].unique()
    overruled = ~pl.col("adjudication") & pl.col("record_no").is_in(decided.implode())
    flagged = scored.entries.filter((pl.col("flags").list.len() > 0) & ~overruled)
    return flagged.select("record_no", flag="flags").explode("flag").unique(maintain_order=True)


def without_flagged(scoring: Scoring, *, ignored: Collection[str]) -> tuple[ScoredSets, pl.DataFrame]:
    """Return the scored sets without what reviewers flagged, and the sets that lose an answer by it (as `lost` does).

    An answer is flagged if any record that shows it is, and if an edit of it was written there; all answers to a prompt
    are if any record has the flag "broken_prompt". Flags that are `ignored` do nothing.
    """
    scored = scoring.scored
    flags = flags_of_records(scored).filter(~pl.col("flag").is_in(sorted(ignored)))
    if flags.is_empty():
        return scored, lost(scored.sets.clear(), FLAGGED)
    keys = ["prompt_no", "candidate_id"]
    records = scoring.records.join(flags, on="record_no").select("record_no", "prompt_no", "flag")
    of_records = pl.concat([frame.select("record_no", "candidate_id") for frame in (scoring.shown, scoring.edits)])
    flagged = of_records.join(records, on="record_no").select(keys)
    prompts = records.filter(pl.col("flag") == OF_PROMPTS).select("prompt_no")
    answers = scored.answers.join(flagged, on=keys, how="anti", maintain_order="left").join(
        prompts, on="prompt_no", how="anti", maintain_order="left"
    )
    losing = scored.answers.join(answers.select("answer_no"), on="answer_no", how="anti").select("set_no").unique()
    left = scored.sets.join(answers, on="set_no", how="semi", maintain_order="left")
    return replace(scored, sets=left, answers=answers), lost(losing.sort("set_no"), FLAGGED)
