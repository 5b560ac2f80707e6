r"""Prepares texts for the page, so that reviewers see everything that a model wrote, as it was written.

Argilla renders Markdown with HTML, images and formulas. A `<style>` in a model's answer can blank the page, other HTML
is rendered or disappears, the reviewer's browser fetches images from any address, and a formula can draw over the other
answer. So a text is split into code, formulas and prose:

- Code stays as it is, from left to right in right-to-left texts too.
- Formulas of plain mathematics are rendered, however they are delimited; all others are shown as text.
- Tags, images, entities and link definitions are shown as text; all other Markdown is rendered.

`original_text` undoes all of this, for texts that reviewers copy from the page.
"""

from __future__ import annotations

from curation.review.shown.marks import original_text
from curation.review.shown.text import display_text

__all__ = ["display_text", "original_text"]
