"""What a record shows on a card, on its way through Argilla's script and back."""

from __future__ import annotations

import json
import re

import pytest

from curation.review.card import card_texts, card_value
from curation.review.shown import original_text
from curation.types import Message
from tests.browser.answers import AS_WRITTEN, MATHEMATICS, RIGHT_TO_LEFT
from tests.review.card.hostile import HOSTILE_PAGES

TEXTS = {**HOSTILE_PAGES, "mathematics": MATHEMATICS, "as written": AS_WRITTEN, "right to left": RIGHT_TO_LEFT}
# What ends a script, begins another way of reading it, or is replaced by JavaScript's `replace`.
BREAKS = re.compile("[<$]|#TEMPLATE#")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_is_harmless_in_a_script_and_comes_back_as_it_was(text: str) -> None:
    messages = (Message(role="system", content=text), Message(role="user", content="Why?"))
    value = card_value(messages, {"response_a": text, "response_b": "Sun."}, category=text)
    assert BREAKS.search(json.dumps(value, ensure_ascii=False)) is None
    meant = re.sub("[\ufdd0-\ufdef\x00]", "\ufffd", text)
    assert card_texts(value) == {
        "prompt": [{"role": "system", "content": meant}, {"role": "user", "content": "Why?"}],
        "prompt_category": meant,
        "response_a": meant,
        "response_b": "Sun.",
    }


def test_a_candidate_has_a_title_and_its_text_as_html() -> None:
    value = card_value((Message(role="user", content="*Why?*"),), {"response_1": "1 < 2"})
    assert value == {
        "turns": [{"role": "user", "html": "\ufdd0p>\ufdd0em>Why?\ufdd0/em>\ufdd0/p>\n", "text": "*Why?*"}],
        "candidates": [
            {
                "name": "response_1",
                "title": "Response 1",
                "html": "\ufdd0p>1 &lt; 2\ufdd0/p>\n",
                "text": "1 \ufdd0 2",
            }
        ],
    }


def guarded(text: str) -> str:
    """What `card.js` puts on the clipboard for a text."""
    doubled = re.sub("[\u2060-\u2064]", r"\g<0>\g<0>", text)
    return re.sub(r"<(?=[a-z/!?])|\$(?=[$&'`])|#(?=TEMPLATE#)", "\\g<0>\u2060", doubled, flags=re.IGNORECASE)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_copied_from_a_card_is_read_as_it_was_written(text: str) -> None:
    assert original_text(guarded(text)) == text
