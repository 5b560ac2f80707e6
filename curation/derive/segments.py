"""The store cut into segments: stretches of prompts with all their candidate sets, records and ballots.

Segments follow the order in which prompts first came into the store, and each gives shards of its own. So what is
published stays where it is while data grows, only one segment at a time is in memory with its texts, and several can be
derived side by side. All sets of a prompt are in one segment, so that what stands twice is seen there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from curation.derive.ballots import used
from curation.derive.tables import FileSlice, SetTables
from curation.frames import pl
from curation.store.parquet import read_row_group
from curation.types import Annotation, Drop, Verdict

LARGEST_SEGMENT, SMALLEST_SEGMENT = 1 << 14, 1 << 10
"""How many prompts are in a segment."""
ROW_GROUPS_KEPT = 3
"""So many row groups of candidate sets stay in memory after they were read, each of about 16 MB."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What rows are made of: some prompts, their sets, the records that show these, and the ballots on those.

    `sets` has the columns set_no, prompt_no, file_no and row, leader_id (the prompt whose split is shared, null without
    one) and not_shown (why `push` did not show the set, null if it did or never decided). `records` has record_no,
    record_id, set_no, prompt_no, shown, suggested, sampled, left_to_judge and ballot_no. `ballots` and `outcomes` are
    by ballot_no: all annotations, and the verdict or why there is none.
    """

    slices: tuple[FileSlice, ...]
    sets: pl.DataFrame
    records: pl.DataFrame
    ballots: Mapping[int, tuple[Annotation, ...]]
    outcomes: Mapping[int, Verdict | Drop]


def segment_bounds(prompts: int) -> list[tuple[int, int]]:
    """Return where the segments of so many prompts begin and end.

    All but the last are of 16,384 prompts, then halves of that down to 1,024, then the rest: what is appended changes
    the rest, and now and then joins some of the small ones.
    """
    bounds, start, size = [], 0, LARGEST_SEGMENT
    while start < prompts:
        while size > SMALLEST_SEGMENT and prompts - start < size:
            size //= 2
        stop = min(start + size, prompts)
        bounds.append((start, stop))
        start = stop
    return bounds


def cut(
    tables: SetTables,
    sets: pl.DataFrame,
    records: pl.DataFrame,
    *,
    ballots: Sequence[tuple[Annotation, ...]],
    outcomes: Sequence[Verdict | Drop],
) -> Iterator[Segment]:
    """Yield the segments of all prompts. `sets` and `records` have prompt_no besides the columns of Segment."""
    # A segment mostly begins in the row group in which the one before it ends: that is not read and unpacked twice.
    read_group = lru_cache(ROW_GROUPS_KEPT)(read_row_group)
    for start, stop in segment_bounds(tables.prompts.height):
        inside = pl.col("prompt_no").is_between(start, stop - 1)
        some = records.filter(inside)
        some_sets = sets.filter(inside)
        if some_sets.is_empty():
            # All records of these prompts were retired.
            continue
        yield Segment(
            slices=tables.slices(some_sets, read_group),
            sets=some_sets,
            records=some,
            ballots=used(ballots, some["ballot_no"]),
            outcomes=used(outcomes, some["ballot_no"]),
        )
