"""How text is shown to reviewers: Argilla renders Markdown, and in it HTML and images; here they stay text.

Argilla removes scripts, but a `<style>` in a model's answer can blank the page, other HTML is rendered or swallowed so
that nobody sees what was written, and an image is fetched by the reviewer's browser from wherever the answer says.
"""

from __future__ import annotations

import re

JOINER = "\u2060"
"""WORD JOINER: it has no width, and behind "<" or "!" no tag and no image can begin (CommonMark 0.31, 6.4 and 6.6)."""

_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def shown(text: str) -> str:
    """Return `text` so that its HTML and images are shown as they were written, and everything else as Markdown."""
    return _TAG.sub(f"<{JOINER}", text).replace("![", f"!{JOINER}[")


def written(text: str) -> str:
    """Return a text that a reviewer may have copied from the page as it was before `shown`."""
    return text.replace(f"<{JOINER}", "<").replace(f"!{JOINER}[", "![")
