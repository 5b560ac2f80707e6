"""Splits a document into windows: parts that a model can read at once, cut where the document has a boundary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

BYTES_PER_TOKEN = 4
"""A rule of thumb for UTF-8 and the tokenizers of today's models, by which estimates count too."""

Span = tuple[int, int]
"""Where a piece of a text begins and ends, in characters: text[start:end]."""

_HEADING = re.compile(r"#{1,6}\s|[^\n]+\n(?:=+|-+)\s*(?:\n|$)")
"""The beginning of a paragraph that is a heading in Markdown: "# Returns", or an underlined line."""
_HEADING_ALONE = re.compile(r"\s*(?:#{1,6}\s[^\n]*|[^\n]+\n(?:=+|-+)\s*)")
_EMPTY_LINES = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"')\]\u201d\u00bb]*(?=\s)|[\u3002\uff01\uff1f]+|\n|\Z)", re.DOTALL)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a document: its number (from 1), and its text, which is document[start:end] in characters."""

    part: int
    start: int
    end: int
    text: str


def windows(text: str, *, tokens: int) -> tuple[Window, ...]:
    """Return the parts of a text, each of at most so many tokens, in their order.

    A part that is at least half full ends before the next heading, and other parts end at the end of a paragraph. A
    paragraph that is longer than a part is cut between sentences, a longer sentence between words, and a longer word
    anywhere. Between two parts there are only blanks.
    """
    most = tokens * BYTES_PER_TOKEN
    parts: list[Span] = []
    for start, end in _pieces(text, (0, len(text)), most, CUTS):
        begin, filled = parts[-1] if parts else (start, start)
        half_full = 2 * len(text[begin:filled].encode()) >= most
        if not parts or len(text[begin:end].encode()) > most or (half_full and _HEADING.match(text, start)):
            parts.append((start, end))
        else:
            parts[-1] = (begin, end)
    return tuple(Window(number, start, end, text[start:end]) for number, (start, end) in enumerate(parts, 1))


def _paragraphs(text: str, span: Span, most: int) -> Iterator[Span]:
    start = span[0]
    for gap in _EMPTY_LINES.finditer(text, *span):
        # A heading stays with the paragraph behind it.
        if not _HEADING_ALONE.fullmatch(text, start, gap.start()):
            yield start, gap.start()
            start = gap.end()
    yield start, span[1]


def _sentences(text: str, span: Span, most: int) -> Iterator[Span]:
    return (match.span() for match in _SENTENCE.finditer(text, *span))


def _words(text: str, span: Span, most: int) -> Iterator[Span]:
    return (match.span() for match in _WORD.finditer(text, *span))


def _stretches(text: str, span: Span, most: int) -> Iterator[Span]:
    # No character takes more than four bytes.
    length = most // 4
    return ((start, min(start + length, span[1])) for start in range(*span, length))


Cut = Callable[[str, Span, int], Iterator[Span]]
"""Yields the pieces of a span of a text; the number is the bytes that fit into a window."""

CUTS: tuple[Cut, ...] = (_paragraphs, _sentences, _words, _stretches)
"""Ways to cut a text, from the gentlest on."""


def _pieces(text: str, span: Span, most: int, cuts: Sequence[Cut]) -> Iterator[Span]:
    """Yield the pieces into which the first cut divides a span. The next cut divides those above `most` bytes."""
    for first, last in cuts[0](text, span, most):
        piece = text[first:last]
        start = first + len(piece) - len(piece.lstrip())
        end = start + len(piece.strip())
        if start == end:
            continue
        if len(text[start:end].encode()) > most and cuts[1:]:
            yield from _pieces(text, (start, end), most, cuts[1:])
        else:
            yield start, end
