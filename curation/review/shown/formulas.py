r"""Formulas in a text: `\(x\)`, `\[x\]`, `$x$`, `$$x$$`, `\begin{align}x\end{align}`.

Argilla 2.8 renders only `$x$` and `$$x$$` with KaTeX, on one line and between blanks. In the other forms Markdown
removes the backslashes. So a formula of plain mathematics is shown in the form that is rendered, and any other as text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from curation.review.shown.marks import BRACKETS, DOLLARS, ENVIRONMENT, PARENTHESES
from curation.review.shown.mathematics import COMMANDS, DISPLAYED, ENVIRONMENTS, NESTING

MOST_CHARACTERS = 3000
DEEPEST = 12
"""How deep braces, delimiters and environments may be nested. At some hundreds KaTeX runs out of stack, and the page
fails."""
MOST_IN_A_ROW = 6
MOST_NEGATIVE_SPACES = 8

_DOUBLE = re.compile(r"\$\$(?!\$)((?:\\[\s\S]|[^\\$])+?)\$\$(?!\$)")
_SINGLE = re.compile(r"\$(?![\s$])((?:\\[^\r\n]|[^\\$\r\n])+?)(?<!\s)\$(?![\w$])")
_DELIMITED = {
    PARENTHESES: re.compile(r"\\\(((?:[^\\]|\\[^)])*?)\\\)"),
    BRACKETS: re.compile(r"\\\[((?:[^\\]|\\[^\]])*?)\\\]"),
}
_BEGIN = re.compile(r"\\begin\{([a-z]+\*?)\}")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_WORDS = re.compile(r"[A-Za-z]{2,} +[A-Za-z]{2,}")
_MATHEMATICAL = re.compile(r"[\\^_=+\-*/<>|{}]")

_COMMAND = re.compile(r"\\([A-Za-z]+|[\s\S])")
_REFUSED = re.compile(r"(?<!\\)(?:\\\\)*[%#`$]|[\t\r]|\n[ \t]*>|\\\\\s*\[")
_DEEPER, _SHALLOWER = frozenset({"{", "\\left", "\\begin"}), frozenset({"}", "\\right", "\\end"})
_NEST = re.compile(r"\\(?:left|right|begin|end)(?![A-Za-z])|\\[\s\S]|[{}]")
_ROW = re.compile(rf"(?:\\(?:{'|'.join(sorted(NESTING))})(?![A-Za-z])[\s{{\[]*){{{MOST_IN_A_ROW + 1},}}")
_OPTIONAL = re.compile(r"\\(?:sqrt|x[a-zA-Z]+)\s*\[")
_TAG = re.compile(r"\\tag\*?\{[\w.'\-]{1,8}\}")
_COLUMNS = r"\{\s*(?:[lcr|:]\s*){1,30}\}"
_COLUMNS_MISSING = re.compile(
    rf"\\begin\s*\{{(?:(?:sub)?array\}}(?!\s*(?:\[[tcb]\]\s*)?{_COLUMNS})|align(?:at\*?|edat)\}}(?!\s*\{{\d{{1,2}}\}}))"
)
"""Arrays without columns that KaTeX knows. It fails on them with no error of its own, and the page fails with it."""
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*(?:\{([^{}]*)\})?")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as it stands in a text, what it holds, how it was written, and whether it has lines of its own."""

    text: str
    content: str
    kind: str
    displayed: bool


def formula_at(text: str, start: int) -> Formula | None:
    r"""Return the formula that begins at `start`, None if there is none.

    "$5 and $10", `\[1\]` and `\(see there\)` are text.
    """
    if text.startswith("$", start):
        return _in_dollars(text, start)
    for kind, delimited in _DELIMITED.items():
        match = delimited.match(text, start, start + MOST_CHARACTERS)
        if match:
            displayed = kind == BRACKETS
            is_number = displayed and match[1].strip().isdigit()
            return Formula(match[0], match[1], kind, displayed) if _is_formula(match[1]) and not is_number else None
    begin = _BEGIN.match(text, start)
    if begin is None or begin[1] not in DISPLAYED:
        return None
    closing = f"\\end{{{begin[1]}}}"
    end = text.find(closing, start, start + MOST_CHARACTERS)
    content = text[start : end + len(closing)]
    return None if end < 0 or _BLANK_LINE.search(content) else Formula(content, content, ENVIRONMENT, True)


def _in_dollars(text: str, start: int) -> Formula | None:
    match = _DOUBLE.match(text, start)
    if match:
        return Formula(match[0], match[1], DOLLARS, True) if _is_formula(match[1]) else None
    if start and (text[start - 1].isalnum() or text[start - 1] == "$"):
        return None
    match = _SINGLE.match(text, start)
    return Formula(match[0], match[1], DOLLARS, False) if match and _is_formula(match[1]) else None


def _is_formula(content: str) -> bool:
    if not content.strip() or _BLANK_LINE.search(content):
        return False
    return bool(_MATHEMATICAL.search(content)) or not _WORDS.search(content)


def is_plain(content: str) -> bool:
    """Return whether everything in a formula is plain mathematics, so that it cannot draw outside its own place."""
    content = _TAG.sub("", content)
    return (
        len(content) <= MOST_CHARACTERS
        and not _REFUSED.search(content)
        and not _ROW.search(content)
        and len(_OPTIONAL.findall(content)) <= DEEPEST
        and content.count("\\!") <= MOST_NEGATIVE_SPACES
        and all(name in COMMANDS for name in _names(content))
        and all(match[1] in ENVIRONMENTS for match in _ENVIRONMENT.finditer(content))
        and not _COLUMNS_MISSING.search(content)
        and _is_balanced(content)
        and not any(unicodedata.category(character)[0] in "CM" for character in content if character not in "\n")
    )


def _names(content: str) -> list[str]:
    return [name for name in _COMMAND.findall(content) if not name.isspace()]


def _is_balanced(content: str) -> bool:
    depth = 0
    for token in _NEST.findall(content):
        depth += (token in _DEEPER) - (token in _SHALLOWER)
        if not 0 <= depth <= DEEPEST:
            return False
    return depth == 0
