"""Splits what is not a block of code into formulas, code within a line, and Markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from curation.review.shown.formulas import Formula, formula_at

_START = re.compile(r"\\\(|\\\[|\\begin\{|\\[\s\S]|\$|`+")
_PARAGRAPHS = re.compile(r"(?<=\n)(?=[ \t]*\r?\n)")
_ADDRESS = re.compile(r"://|www\.", re.IGNORECASE)
_BACKTICK = re.compile(r"(?:^|[^\\])(?:\\\\)*`")
_TABLE = re.compile(r"^[ \t>]*[|:\-][|:\- \t]*-[|:\- \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Span:
    """Code within a line, with its backticks."""

    text: str


Piece = str | Formula | Span


def text_of(piece: Piece) -> str:
    """Return a piece as it was written in the text."""
    return piece if isinstance(piece, str) else piece.text


def read_pieces(text: str) -> list[Piece]:
    """Return `text` split into pieces. Their texts joined give `text`."""
    pieces: list[Piece] = []
    position = done = 0
    while (start := _START.search(text, position)) is not None:
        position = start.end()
        piece: Formula | Span | None = None
        if start[0].startswith("`"):
            piece = _span(text, start)
        elif start[0][0] == "$" or start[0][1] in "([b":
            piece = formula_at(text, start.start())
        if piece is None and start[0] == "$" and text.startswith("$", position):
            position += 1
        if piece is not None:
            pieces += [text[done : start.start()]] if done < start.start() else []
            pieces.append(piece)
            done = position = start.start() + len(piece.text)
    return [*pieces, text[done:]] if done < len(text) else pieces


def _span(text: str, start: re.Match[str]) -> Span | None:
    closing = re.compile(rf"[^\r\n]+?(?<!`){start[0]}(?!`)").match(text, start.end())
    return Span(start[0] + closing[0]) if closing else None


def are_certain(pieces: list[Piece]) -> bool:
    """Return whether marked is certain to see the same code in each paragraph.

    It is not certain if something that begins before the code could end within it: a struck or emphasised text, the
    target of a link, a cell of a table, an address, or other backticks.
    """
    return all(_is_certain(paragraph) for paragraph in _paragraphs(pieces))


def _paragraphs(pieces: list[Piece]) -> Iterator[list[Piece]]:
    paragraph: list[Piece] = []
    for piece in pieces:
        if not isinstance(piece, str):
            paragraph.append(piece)
            continue
        first, *others = _PARAGRAPHS.split(piece)
        paragraph.append(first)
        for other in others:
            yield paragraph
            paragraph = [other]
    yield paragraph


def _is_certain(paragraph: list[Piece]) -> bool:
    code = "".join(piece.text for piece in paragraph if isinstance(piece, Span))
    if not code:
        return True
    prose = "".join(piece if isinstance(piece, str) else " " for piece in paragraph)
    inside = "".join(piece.text.strip("`") for piece in paragraph if isinstance(piece, Span))
    return not (
        _BACKTICK.search(prose)
        or any(mark in prose and mark in inside for mark in "*_~")
        or ("](" in prose and ")" in inside)
        or ("|" in inside and _TABLE.search(prose))
        or any(before.endswith("~") for before in _before_code(paragraph))
        or (_ADDRESS.search(prose) and any(not before[-1:].isspace() for before in _before_code(paragraph)))
    )


def _before_code(paragraph: list[Piece]) -> list[str]:
    """Return what stands directly before code."""
    pairs = itertools.pairwise(paragraph)
    return [text_of(before) for before, after in pairs if isinstance(after, Span) and before != ""]
