"""Invisible marks in what is shown: each says what `shown` changed there, so that `original_text` can change it back.

A mark begins with a WORD JOINER, which has no width and shows nothing. Where a text holds such characters itself they
are doubled, so that a single one is always ours.
"""

from __future__ import annotations

import re
import unicodedata

JOINER = "\u2060"
"""A character that keeps "<" and "!" before it from beginning a tag or an image (CommonMark 0.31, 6.4 and 6.6)."""

PARENTHESES, BRACKETS, ENVIRONMENT, DOLLARS = "\u2061", "\u2062", "\u2063", "\u2064"
"""How a formula was written: `\\(x\\)`, `\\[x\\]`, `\\begin{align}...\\end{align}`, or with its dollars."""

DELIMITERS = {PARENTHESES: ("\\(", "\\)"), BRACKETS: ("\\[", "\\]"), ENVIRONMENT: ("", "")}

ENDS = re.compile("[\\s?!.,:\uff1f\uff01\u3002\uff0c\uff1a]|$")
"""What must follow the dollar that ends a formula, for Argilla to render it."""

GUARD = "\\relax"
"""A command that does nothing: a mark at the beginning of a formula."""

FORMULA_END = "\ufeff" + JOINER
"""Behind the closing dollar: Argilla looks for a blank there, and this one (ZERO WIDTH NO-BREAK SPACE) has no width."""

BLANK_LINE = JOINER + BRACKETS
"""At the end of a line: the blank line that follows was not there."""

CIRCLE = f"{JOINER}{PARENTHESES}\u25cc"
"""A dotted circle that carries the marks that follow it."""

MOST_MARKS = 5
"""Combining characters on one letter. Scripts need four, and a hundred cover the lines above and below."""

_LATIN_LETTERS = 17
# Argilla counts letters to tell a text's direction. These tags have seventeen Latin ones; as many ARABIC LETTER MARKs,
# which are invisible, keep the balance.
_LEFT_TO_RIGHT = f" dir=ltr class={JOINER}{PARENTHESES}" + "\u061c" * _LATIN_LETTERS + ">"
INLINE = f"<bdi{_LEFT_TO_RIGHT}", "</bdi>"
BLOCK = f"<div{_LEFT_TO_RIGHT}\n\n", f"</div><!--{JOINER}{PARENTHESES}-->\n\n"
"""Tags around code and formulas in right-to-left texts."""

BOUNDARY = "<wbr>"
"""A tag that shows nothing: behind it Argilla looks for a formula, in the middle of a word too."""

_OURS = re.compile("[\u2060-\u2064]")
_WRITTEN = re.compile(
    rf"""
    (?:{BOUNDARY}|(?P<open>{re.escape(INLINE[0])}))?
    (?P<dollars>\${{1,2}})(?P<formula>(?:\\.|[^\\$\n])+?)(?P=dollars){FORMULA_END}(?P<kind>[\u2061-\u2064])(?(open){INLINE[1]})
    | {re.escape(INLINE[0])}(?P<code>(?P<ticks>`+)[^\n]*?(?<!`)(?P=ticks)){INLINE[1]}
    | (?P<block>[ ]*{re.escape(BLOCK[0])}|\n\n[ ]*{re.escape(BLOCK[1])})
    | {BLANK_LINE}(?P<line>\r\n|\r|\n)[\r\n]
    | (?P<circle>{CIRCLE})
    | {JOINER}\\(?P<escaped>[!-/:-@\[-`{{-~])
    | (?P<own>[\u2060-\u2064])(?P=own)
    | {JOINER}
    """,
    re.VERBOSE,
)


def with_doubled_marks(text: str) -> str:
    """Return `text` with each of the invisible marks that it holds doubled."""
    return _OURS.sub(r"\g<0>\g<0>", text)


def guarded_formula(formula: str) -> str:
    """Return the content of a formula, with a mark first if it begins like the text behind a formula."""
    if not ENDS.match(formula):
        return formula
    # Before a sign the joiner would count as a number: -1 would have the blanks of a subtraction.
    return (GUARD if formula.lstrip()[:1] in "+-=<>*/" else JOINER) + formula


def blank_line_after(text: str) -> str:
    """Return `text`, which ends with a line, with a blank line after it."""
    end = len(text.rstrip("\r\n"))
    return f"{text[:end]}{BLANK_LINE}{text[end:]}{text[-1]}"


def literal(text: str) -> str:
    """Return `text` so that Markdown shows every character of it."""
    return re.sub(r"[\\`*_{}\[\]<>#+\-=!|~$&:.^]", rf"{JOINER}\\\g<0>", text)


def original_text(text: str) -> str:
    """Return the text as it was before `shown`: a reviewer may have copied it from the page."""
    return _WRITTEN.sub(_original, text)


def _original(match: re.Match[str]) -> str:
    if match["formula"] is not None:
        start, end = DELIMITERS.get(match["kind"], (match["dollars"], match["dollars"]))
        formula = match["formula"].removeprefix(GUARD).replace("\t", "\n")
        return start + original_text(formula) + end
    if match["code"] is not None:
        return original_text(match["code"])
    return match["line"] or match["escaped"] or match["own"] or ""


def with_circles(text: str) -> str:
    """Return `text` with a dotted circle before every further five combining characters on one letter."""
    if text.isascii():
        return text
    parts: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if marks > MOST_MARKS:
            parts.append(CIRCLE)
            marks = 1
        parts.append(character)
    return "".join(parts)
