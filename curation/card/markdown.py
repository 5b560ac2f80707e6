"""Turns values into the card's Markdown: texts from outside (which cannot break it), numbers, measures, sizes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pydantic import JsonValue

from curation import wording
from curation.card.pictures import UNSHOWN, one_line
from curation.review_statistics import Measure
from curation.wording import number, percent

SPECIAL = re.compile(r"[&<>\\`*\[\]~|#]|\$(?=\$)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# A backslash as an entity: in tables, renderers disagree on one that stands before a pipe.
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\\": "&#92;"}


def text(value: object) -> str:
    """Return a text from outside as Markdown for a table cell, a list or a heading: it shows this very text on one
    line.
    """
    line = SPECIAL.sub(lambda match: ENTITIES.get(match[0], f"\\{match[0]}"), one_line(str(value)))
    # These would begin a list.
    return re.sub(r"^(\d*)([-+.)])(?=[\s-]|$)", r"\1\\\2", line)


def quoted(value: str) -> str:
    """Return Markdown from outside as a quotation that it cannot leave, without HTML and headings."""
    lines = (UNSHOWN.sub("", line.expandtabs(4)) for line in value.strip().splitlines())
    return "\n".join(f"> {_plain(line)}".rstrip() for line in lines)


def tex(value: str) -> str:
    """Return a text from outside as the value of a BibTeX field."""
    line = re.sub(r"([&%$#_{}])", r"\\\1", one_line(value.replace("\\", " ")))
    return line.replace("~", r"\~{}").replace("^", r"\^{}")


def settings(values: Mapping[str, JsonValue]) -> str:
    """Return settings as "temperature = 0.7, max_new_tokens = 256"; "" if there are none."""
    return ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())


def measured(measure: Measure, *, share: bool = False) -> str:
    """Return the value with its interval, in percent if it is a share, or the reason why there is none."""
    return wording.measured(measure.model_copy(update={"reason": reason_of(measure)}), percent if share else number)


def reason_of(measure: Measure) -> str:
    """Return the reason of a measure that is null."""
    return text(measure.reason or "no reason was given").rstrip(".")


def _plain(line: str) -> str:
    line = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line)
    # A heading: "#", or a line of "=" or "-", also inside a list or a quotation.
    return re.sub(r"^((?:[\s>*+-]|\d+[.)])*)(#|=+\s*$|-+\s*$)", r"\1\\\2", line)
