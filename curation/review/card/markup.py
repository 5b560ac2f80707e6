"""Makes HTML of Markdown with formulas. Every tag in it is made here, whatever the text holds.

The parser gets the text without any "<" or "&", so it sees no HTML. Images, link definitions and formulas that are not
plain mathematics are shown as they were written, so that a reviewer sees everything that a model wrote.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from curation.review.card.cmark import html_of_markdown
from curation.review.shown import marks
from curation.review.shown.code import read_parts
from curation.review.shown.formulas import Formula, is_plain
from curation.review.shown.prose import Piece, read_pieces, text_of

if TYPE_CHECKING:
    from math_core import LatexToMathML

LESS, AMPERSAND, IMAGE, DEFINITION, FORMULA = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
"""Noncharacters that stand for what the parser must not see. No text holds them, and the parser keeps them."""

_UNSEEN = {"<": LESS, "&": AMPERSAND, "![": IMAGE, "]:": DEFINITION}
_HIDDEN = re.compile("|".join(map(re.escape, _UNSEEN)))
_SEEN = {LESS: "&lt;", AMPERSAND: "&amp;", IMAGE: "![", DEFINITION: "]:"}
_SHOWN = re.compile(f"{FORMULA}(?P<number>\\d+){FORMULA}|[{''.join(_SEEN)}]")
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\x00]")

_LINK = re.compile(r'<a href="(?P<address>[^"]*)"[^>]*>')
_LANGUAGE = re.compile(r'<code class="[^"]*">')
_ADDRESS = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_ENCODED = {"%EF%B7%90": "%3C", "%EF%B7%91": "&amp;", "%EF%B7%92": "!%5B", "%EF%B7%93": "%5D:"}
_ENCODED_FORMULA = "%EF%B7%94"


def html_of(text: str) -> str:
    """Return a text in Markdown as HTML; a line end within a paragraph stays one."""
    from cmarkgfm.cmark import Options

    formulas: list[Formula] = []
    page = html_of_markdown(
        _for_the_parser(text, formulas), options=Options.CMARK_OPT_HARDBREAKS, extensions=("table", "strikethrough")
    )
    page = _LANGUAGE.sub("<code>", _LINK.sub(_link, page))
    return _SHOWN.sub(lambda match: _seen(match, formulas), page)


def cleaned(text: str) -> str:
    """Return a text without noncharacters: a replacement character stands for each."""
    return _NONCHARACTERS.sub("\ufffd", text)


def _for_the_parser(text: str, formulas: list[Formula]) -> str:
    """Return the text with noncharacters for what the parser must not see. Its formulas are added to `formulas`."""
    text = marks.with_circles(cleaned(text))
    parts = read_parts(text).parts
    pieces = [piece for part in parts for piece in ([part.text] if part.is_code else read_pieces(part.text))]
    return "".join(_hidden(piece, formulas) for piece in pieces)


def _hidden(piece: Piece, formulas: list[Formula]) -> str:
    if isinstance(piece, Formula):
        formulas.append(piece)
        return f"{FORMULA}{len(formulas) - 1}{FORMULA}"
    return _HIDDEN.sub(lambda match: _UNSEEN[match[0]], text_of(piece))


def _seen(match: re.Match[str], formulas: list[Formula]) -> str:
    return _SEEN[match[0]] if match["number"] is None else _formula(formulas[int(match["number"])])


def _formula(formula: Formula) -> str:
    """Return a formula as MathML, or as it was written if it is not plain mathematics."""
    from math_core import LatexError

    if is_plain(formula.content):
        try:
            return _converter().convert_with_local_state(formula.content, displaystyle=formula.displayed)
        except LatexError:
            pass
    return html.escape(formula.text, quote=True)


def _converter() -> LatexToMathML:
    from math_core import LatexToMathML

    return LatexToMathML(fancy_error=False)


def _link(match: re.Match[str]) -> str:
    """Return the tag of a link: it opens a page of its own, and none but an address of the web or of mail."""
    address = match["address"]
    if not _ADDRESS.match(address) or _ENCODED_FORMULA in address:
        return "<a>"
    for encoded, meant in _ENCODED.items():
        address = address.replace(encoded, meant)
    return f'<a href="{address}" target="_blank" rel="noopener noreferrer">'
