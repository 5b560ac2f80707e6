"""The page of a record as one custom field of Argilla: candidates side by side, made for comparing them.

`template` gives the page, which is the same for all records of a dataset: `card.html`, `card.css`, `differences.js` and
`card.js` in one text. `card_value` gives what one record shows on it: HTML that is made here, when the record is
pushed.

Argilla 2.8 shows a custom field in a frame of its own origin, without a sandbox, and puts the record into a script
there without escaping it. So a script in the frame could do everything that the reviewer may do in Argilla. Two
measures prevent that. Every text of a model goes through `html_of`, which makes all tags itself. And the page has a
content security policy by which the browser runs the scripts of this folder and no others.
"""

from __future__ import annotations

from curation.review.card.assembled import template
from curation.review.card.value import card_texts, card_value

__all__ = ["card_texts", "card_value", "template"]
