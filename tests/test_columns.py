"""Columns give what `ids` gives of each of their values."""

from __future__ import annotations

import sys

import polars as pl
import pytest

from curation import columns, ids

TEXTS = [
    "a",
    " a\n",
    "a\r\nb",
    "a\rb",
    "caf\u00e9",
    "cafe\u0301 ",
    "",
    " \t",
    "\x1c\x1f a \x85",
    "\u3000\u4eca",
    "x \x00",
]


@pytest.mark.parametrize("texts", [TEXTS, [text for text in TEXTS if text.isascii() and "\r" not in text], []])
def test_normalised_texts_are_those_of_ids(texts: list[str]) -> None:
    expected = [ids.normalise(text) for text in texts]
    assert columns.normalised(pl.Series(texts, dtype=pl.String)).to_list() == expected


@pytest.mark.slow
def test_every_character_around_a_text_is_stripped_or_kept_as_ids_do() -> None:
    surrogates = range(0xD800, 0xE000)
    texts = [f"{chr(code)}a{chr(code)}" for code in range(0, sys.maxunicode, 7) if code not in surrogates]
    texts += [f"{chr(code)}a{chr(code)}" for code in range(0x3100)]
    assert columns.normalised(pl.Series(texts)).to_list() == [ids.normalise(text) for text in texts]


def test_row_ids_and_unit_intervals_are_those_of_ids() -> None:
    prompts, first, second = pl.Series(["p", "q"]), pl.Series(["a", "b"]), pl.Series(["c", "d"])
    expected = [ids.row_id("dpo", "p", "a", "c"), ids.row_id("dpo", "q", "b", "d")]
    assert columns.row_ids("dpo", prompts, first, second).to_list() == expected
    assert columns.row_ids("kto", prompts[:0], first[:0]).to_list() == []
    assert columns.unit_intervals("split", prompts).to_list() == [ids.unit_interval("split", text) for text in "pq"]
