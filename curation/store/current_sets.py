"""Which candidate set of each prompt counts, found by columns: a store may have a million sets."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from curation.frames import pl
from curation.types import FOR_GOOD

COLUMNS = (
    "id",
    "settings",
    "prompt.id",
    "candidates.list.element.id",
    "failures.list.element.stage",
    "failures.list.element.reason",
)
SCHEMA = {"set_id": pl.String, "settings": pl.String, "prompt_id": pl.String, "came_through": pl.Boolean}


def set_states(tables: Iterable[pa.Table], *, min_candidates: int) -> pl.DataFrame:
    """Return set_id, settings, prompt_id and came_through (see `CandidateSet.came_through`) of every set, oldest first.

    `tables` are the files of candidate sets with the columns COLUMNS. A set that was completed later stands twice in
    them: it keeps its place, and has its last state.
    """
    parts = [_states(table, min_candidates=min_candidates) for table in tables]
    states = pl.concat([pl.DataFrame(schema=SCHEMA), *parts])
    return states.group_by("set_id", maintain_order=True).agg(pl.all().last())


def _states(table: pa.Table, *, min_candidates: int) -> pl.DataFrame:
    failure = pl.element().struct
    waits_for_judge = pl.col("failures").list.eval(
        (failure.field("stage") == "judge") & ~failure.field("reason").is_in(sorted(FOR_GOOD))
    )
    enough = pl.col("candidates").list.len() >= min_candidates
    return (
        pl.DataFrame(table)
        .select(
            "settings",
            set_id="id",
            prompt_id=pl.col("prompt").struct.field("id"),
            came_through=enough & ~waits_for_judge.list.any().fill_null(False),
        )
        .select(*SCHEMA)
    )


def current_of(states: pl.DataFrame, settings: str) -> pl.DataFrame:
    """Return the row of `set_states` of each prompt's current set, in the order in which prompts came.

    A prompt may have several sets. Its current set is a complete one if there is one; among several, one that was made
    with `settings`; among those, the newest. So a prompt that was not asked again after the settings changed keeps its
    older answers.
    """
    precedence = 2 * pl.col("came_through").cast(pl.UInt8) + (pl.col("settings") == settings).cast(pl.UInt8)
    best = states.sort(precedence, maintain_order=True).unique("prompt_id", keep="last")
    prompts = states.select(pl.col("prompt_id").unique(maintain_order=True))
    return prompts.join(best, on="prompt_id", maintain_order="left").select(*SCHEMA)
