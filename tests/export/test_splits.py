"""Train and test: by the prompt alone, so nothing ever moves."""

from __future__ import annotations

import polars as pl
import pytest

from curation.export import splits_of
from tests.rows import make_prompt

IDS = pl.Series([make_prompt(f"Question {number}").id for number in range(10_000)])


@pytest.mark.parametrize("test_size", [0.05, 0.1, 0.5])
def test_the_share_of_test_is_close_to_its_size(test_size: float) -> None:
    share = (splits_of(IDS, test_size) == "test").mean()
    assert share == pytest.approx(test_size, abs=0.015)


def test_a_size_of_zero_has_no_test() -> None:
    assert splits_of(IDS, 0.0).to_list() == ["train"] * len(IDS)


def test_a_prompt_keeps_its_split_whatever_is_added() -> None:
    assert (splits_of(IDS[:40], 0.1) == "test").arg_true().to_list() == [22, 24]


def test_a_larger_test_split_keeps_what_was_in_the_smaller() -> None:
    smaller, larger = (splits_of(IDS, size) == "test" for size in (0.1, 0.2))
    assert (smaller <= larger).all()
