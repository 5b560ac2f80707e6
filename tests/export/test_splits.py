"""Train and test: by the prompt alone, so nothing ever moves."""

from __future__ import annotations

import pytest

from curation.export import split_of
from tests.rows import make_prompt

IDS = [make_prompt(f"Question {number}").id for number in range(10_000)]


@pytest.mark.parametrize("test_size", [0.05, 0.1, 0.5])
def test_the_share_of_test_is_close_to_its_size(test_size: float) -> None:
    share = sum(split_of(prompt, test_size) == "test" for prompt in IDS) / len(IDS)
    assert share == pytest.approx(test_size, abs=0.015)


def test_a_size_of_zero_has_no_test() -> None:
    assert {split_of(prompt, 0.0) for prompt in IDS} == {"train"}


def test_a_prompt_keeps_its_split_whatever_is_added() -> None:
    assert [number for number in range(40) if split_of(IDS[number], 0.1) == "test"] == [22, 24]


def test_a_larger_test_split_keeps_what_was_in_the_smaller() -> None:
    assert all(split_of(prompt, 0.2) == "test" for prompt in IDS if split_of(prompt, 0.1) == "test")
