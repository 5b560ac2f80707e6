"""Train and test by the hash of the prompt: stable while data grows, and no prompt is in two splits."""

from __future__ import annotations

from typing import Literal

from curation import ids

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


def split_of(prompt_id: str, test_size: float) -> Split:
    """Return "test" for a share of about `test_size` (in [0, 1)) of all prompts, always the same ones."""
    return "test" if ids.unit_interval("split", prompt_id) < test_size else "train"
