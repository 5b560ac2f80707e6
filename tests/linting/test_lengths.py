"""Tokens of rows in every layout, with a tokenizer made on the spot whose every word is one token."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import DataError
from curation.linting.lengths import row_tokens
from curation.quality.tokens import TokenCounter
from tests.quality.test_tokens import TEMPLATE, needs_transformers, write_tokenizer


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.train
@needs_transformers
def test_the_longer_answer_of_a_row_counts_with_the_prompt(tmp_path: Path) -> None:
    counter = TokenCounter(str(write_tokenizer(tmp_path / "tokenizer")))
    asked, short, long = [said("user", "one two")], [said("assistant", "a")], [said("assistant", "a b c d")]
    # <user> one two <end> <assistant> a b c d <end>
    assert row_tokens(counter, {"prompt": asked, "chosen": short, "rejected": long}) == 10
    assert row_tokens(counter, {"chosen": asked + long, "rejected": asked + short}) == 10
    assert row_tokens(counter, {"prompt": asked, "completion": short, "label": False}) == 7
    with pytest.raises(DataError, match=r"chat template does not take the messages: .*empty conversation"):
        row_tokens(counter, {"prompt": [], "completion": [], "label": True})


@pytest.mark.train
@needs_transformers
def test_texts_are_counted_as_they_are_with_one_end(tmp_path: Path) -> None:
    counter = TokenCounter(str(write_tokenizer(tmp_path / "tokenizer", eos="<end>")))
    assert row_tokens(counter, {"prompt": "one two ", "chosen": "three", "rejected": "three four "}) == 5
    assert row_tokens(counter, {"prompt": "one two ", "completion": "three <end>", "label": True}) == 4


@pytest.mark.train
@needs_transformers
def test_the_template_is_given_what_the_row_brings(tmp_path: Path) -> None:
    template = "{% if tools %}{{ tools | map(attribute='name') | join(' ') }} {% endif %}{{ tone }} " + TEMPLATE
    counter = TokenCounter(str(write_tokenizer(tmp_path / "tokenizer", template)))
    row = {"prompt": [said("user", "one")], "completion": [said("assistant", "two")], "label": True}
    plain = row_tokens(counter, row)
    given = {"tools": '[{"name": "a"}, {"name": "b"}]', "chat_template_kwargs": {"tone": "very kind"}}
    assert row_tokens(counter, {**row, **given}) == plain + 4
    assert row_tokens(counter, {**row, "tools": None, "chat_template_kwargs": None}) == plain
    with pytest.raises(DataError, match="does not take"):
        row_tokens(counter, {**row, "tools": "no JSON"})
