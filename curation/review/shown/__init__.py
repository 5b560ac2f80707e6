r"""How text is shown to reviewers: what they see is what models wrote, and nothing of it can hide, draw or escape.

Argilla renders Markdown, and in it HTML, images and formulas. A `<style>` in a model's answer can blank the page, other
HTML is rendered or swallowed, an image is fetched by the reviewer's browser from wherever the answer says, and a
formula may draw over the other answer. Here a text is parted into code, formulas and prose:

- Code stays as it is, from left to right in right-to-left texts too.
- Formulas of plain mathematics are rendered, however they are delimited; all others are shown as text.
- Tags, images, entities and link definitions are shown as text; all other Markdown is rendered.

`written` takes all of this back, for texts that reviewers copy from the page.
"""

from __future__ import annotations

from curation.review.shown.marks import written
from curation.review.shown.text import shown

__all__ = ["shown", "written"]
