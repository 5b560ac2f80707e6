"""Train and test by the hash of the prompt: stable while data grows, and no prompt is in two splits."""

from __future__ import annotations

from typing import Literal

from curation import columns
from curation.frames import pl

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


def splits_of(prompt_ids: pl.Series, test_size: float) -> pl.Series:
    """Return the split of each prompt: "test" for a share of about `test_size` (in [0, 1)), else "train".

    A prompt is always in the same split, because its split follows from its id alone.
    """
    if test_size == 0:
        return pl.select(pl.repeat("train", len(prompt_ids))).to_series()
    in_test = columns.unit_intervals("split", prompt_ids) < test_size
    return pl.select(pl.when(in_test).then(pl.lit("test")).otherwise(pl.lit("train"))).to_series()
