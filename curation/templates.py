"""Templates with placeholders such as {document}: checked when a config is read, filled when a model is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_BRACES = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]")

QUESTION_PLACEHOLDERS = ("num_samples", "language_name", "document")
ANSWER_PLACEHOLDERS = ("language_name", "document", "question")
PROMPT_PLACEHOLDERS = ("prompt",)
VARIATION_PLACEHOLDERS = ("prompt", "n", "category")


def template_fault(template: str, placeholders: Collection[str]) -> str | None:
    """Return what is wrong with a template, as the end of a sentence; null if nothing is.

    Each of `placeholders` must be in it, and no other. A brace that is no placeholder's is written twice: "{{".
    """
    used = []
    for match in _BRACES.finditer(template):
        brace = match[0]
        if brace in ("{{", "}}"):
            continue
        if len(brace) == 1:
            near = " ".join(template[max(0, match.start() - 15) : match.end() + 15].split())
            return f"has a stray {brace!r} near {near!r}; a brace that is part of the text is written twice"
        if brace[1:-1] not in placeholders:
            allowed = _named(placeholders)
            return f"has {brace}, which is no placeholder; allowed are {allowed} (any other brace is written twice)"
        used.append(brace[1:-1])
    missing = [name for name in placeholders if name not in used]
    return f"lacks {_named(missing)}" if missing else None


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a sound template with values in place of its placeholders; what a value holds is never read again."""

    def value(match: re.Match[str]) -> str:
        return match[0][0] if match[0] in ("{{", "}}") else values[match[0][1:-1]]

    return _BRACES.sub(value, template)


def _named(placeholders: Collection[str]) -> str:
    return " and ".join(f"{{{name}}}" for name in placeholders)
