from __future__ import annotations

import pytest

from curation.review.shown import shown, written


@pytest.mark.parametrize(
    "text", ["<style>body{display:none}</style>", "a <!-- b --> c", "<?php ?>", "![x](http://a/b.png)", "</p>"]
)
def test_html_and_images_are_kept_from_beginning_and_come_back_as_they_were(text: str) -> None:
    assert shown(text) != text
    assert written(shown(text)) == text
    assert not any(start in shown(text) for start in ("<s", "</", "<!", "<?", "!["))


@pytest.mark.parametrize("text", ["a < b", "x <= y", "1 <2", "**bold** `code` [link](http://a)", "wow! [x]", "🙂 ﷽"])
def test_all_else_is_left_alone(text: str) -> None:
    assert shown(text) == text
